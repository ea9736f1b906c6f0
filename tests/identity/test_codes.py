"""One-time codes: those of the RFC, one step to either side, and nothing else."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from zona_identity._codes import TotpCodes

CODES = TotpCodes()
#: RFC 6238, appendix B: the secret of the SHA-1 rows, and times with their codes; apps show the last six digits
SECRET = base64.b32encode(b"12345678901234567890").decode()
TABLE = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


def at(seconds: float) -> datetime:
    """So many seconds after the beginning of 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "code"), TABLE)
def test_the_codes_of_the_rfc(seconds: int, code: str) -> None:
    """The codes of RFC 6238 belong to their steps."""
    assert CODES.step(SECRET, code[-6:], at(seconds)) == seconds // 30


@pytest.mark.parametrize(
    ("seconds", "found"),
    [(1111111079, False), (1111111080, True), (1111111109, True), (1111111169, True), (1111111170, False)],
)
def test_a_code_counts_one_step_before_and_after(seconds: int, found: bool) -> None:
    """A code of step 37037037 counts from one step before it to one after it, and always as of that step."""
    assert CODES.step(SECRET, "050471", at(seconds)) == (37037037 if found else None)


@pytest.mark.parametrize(
    "code",
    ["", "05047", "0504710", "050472", "14050471", "05047a", "٠٥٠٤٧١", "-50471", "+50471", "0x5047", "\ud800" * 6],
)
def test_other_codes_do_not_count(code: str) -> None:
    """A wrong code, and what is no code at all, belongs to no step."""
    assert CODES.step(SECRET, code, at(1111111111)) is None


def test_spaces_do_not_count() -> None:
    """A code may be typed as apps show it."""
    assert CODES.step(SECRET, " 050 471", at(1111111111)) == 37037037


def test_the_beginning_of_time() -> None:
    """There is no step before the first."""
    assert CODES.step(SECRET, "755224", at(0)) == 0
    assert CODES.step(SECRET, "755224", at(-3600)) is None


@pytest.mark.parametrize("secret", ["", "no base32!", "JBSWY3DP", "A", "é" * 32, "\ud800"])
def test_what_is_no_secret_has_no_codes(secret: str) -> None:
    """With a damaged secret no code counts."""
    assert CODES.step(secret, "050471", at(1111111111)) is None


def test_a_new_secret() -> None:
    """It has 160 bits in base32 without padding, differs from others, and its codes are its own."""
    first, second = CODES.new_secret(), CODES.new_secret()
    assert first != second
    assert [len(base64.b32decode(secret)) for secret in (first, second)] == [20, 20]
    assert "=" not in first


def test_the_uri_for_apps() -> None:
    """It carries label, secret and parameters, with what is special in names escaped."""
    uri = urlsplit(CODES.uri(SECRET, "alice@example.com", "Zona & Co"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Zona & Co:alice@example.com"
    assert parse_qs(uri.query) == {
        "secret": [SECRET],
        "issuer": ["Zona & Co"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
