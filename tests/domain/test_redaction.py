"""Masking secrets in what is shown or recorded."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core import MASK, Fault, Secret
from zona_core.domain.redaction import Redactor

SECRET = "aB+c/d=\"é&<k'> ey\n"


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    made.conceal_all(map(Secret, secrets))
    return made


def escaped(chars: str, digits: str) -> str:
    text = json.dumps(SECRET)[1:-1].replace('\\"', "\\u0022")
    return re.sub(f"[{chars}]", lambda found: f"\\u{ord(found.group()):{digits}}", text)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        SECRET.strip(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        json.dumps(SECRET, ensure_ascii=False)[1:-1]
        .replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e"),
        escaped("&<>'+", "04X").replace("\\u00e9", "\\u00E9"),
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="/?:@!$'()*,;="),
        re.sub("%..", lambda found: found.group().lower(), quote(SECRET)),
        html.escape(SECRET),
        html.escape(SECRET).replace("&#x27;", "&#039;"),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_secret_is_found_as_encoders_write_it(form: str) -> None:
    """Each library has its own idea of what must be escaped in JSON, URLs and HTML."""
    assert redactor(SECRET).text(f"before {form} after") in (f"before {MASK} after", f"before {MASK}\n after")
    assert redactor(SECRET).text(form) == MASK


def test_data_are_masked_in_keys_values_and_numbers() -> None:
    """A secret of digits may come back as a number; other numbers and booleans stay."""
    masked = redactor("482913", "hidden").data({"hidden": [482913, 48, True, None], "x": ("a hidden b", Secret("s"))})
    assert masked == {MASK: [MASK, 48, True, None], "x": [f"a {MASK} b", MASK]}


def test_octets_and_faults_are_masked() -> None:
    """A file's content and the parts of a fault hide secrets as texts do."""
    made = redactor("hidden")
    assert made.octets(b"\x00\xffhidden\x01") == b"\x00\xff" + MASK.encode() + b"\x01"
    assert made.fault(Fault("hidden", "a hidden", "hidden")) == Fault(MASK, f"a {MASK}", MASK)


def test_a_very_short_secret_is_masked_where_it_is_the_whole_text() -> None:
    """Within other texts it would blot out half of them."""
    assert redactor("é/").text("é/") == MASK
    assert redactor("é/").text("caf%C3%A9 é/t%C3%A9") == "caf%C3%A9 é/t%C3%A9"


@given(st.text(st.characters(), min_size=4))
def test_any_text_can_be_concealed(secret: str) -> None:
    """Lone surrogates, control characters and blanks included."""
    assert secret not in redactor(secret).text(f"<{secret}>") or not secret.strip("* ")


@pytest.mark.parametrize("write", [repr, str])
def test_a_redactor_tells_nothing_itself(write: Callable[[object], str]) -> None:
    """Its own text is no list of secrets."""
    assert "hidden" not in write(redactor("hidden"))
