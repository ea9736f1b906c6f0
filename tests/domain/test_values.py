"""Checking values against fields."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core import MASK, Field, FieldKind, Rules, Secret
from zona_core.domain.values import checked, masked, parsed, value_faults

FILE = {"name": "a.txt", "content": base64.b64encode(b"hello").decode(), "media_type": "text/plain"}


def nested(levels: int) -> list[Any]:
    data: list[Any] = []
    for _ in range(levels):
        data = [data]
    return data


GOOD: list[tuple[Field, Any]] = [
    (Field(name="a"), "text"),
    (Field(name="a", kind=FieldKind.SECRET), Secret("s")),
    (Field(name="a", kind=FieldKind.NUMBER, rules=Rules(minimum=1, maximum=3, integer=True)), 2.0),
    (Field(name="a", kind=FieldKind.BOOLEAN), False),
    (Field(name="a", kind=FieldKind.CHOICE, choices=("x", 1)), 1),
    (Field(name="a", kind=FieldKind.URL), "https://example.com:8443/path?q=1"),
    (Field(name="a", kind=FieldKind.FILE, rules=Rules(max_length=5)), FILE),
    (Field(name="a", kind=FieldKind.LIST, item_kind=FieldKind.NUMBER), [1, 2.5]),
    (Field(name="a", kind=FieldKind.LIST, rules=Rules(unique_items=True)), [{"a": 1}, {"a": 2}]),
    (Field(name="a", kind=FieldKind.JSON), {"deep": [None, True, {"x": 1.5}]}),
]

BAD: list[tuple[Field, Any, str, str]] = [
    (Field(name="a"), 5, "", "not a text"),
    (Field(name="a", rules=Rules(min_length=3)), "ab", "", "2 characters"),
    (Field(name="a", rules=Rules(max_length=1)), "ab", "", "2 characters"),
    (Field(name="a", rules=Rules(pattern=r"^\d+$")), "x1", "", "pattern"),
    (Field(name="a", kind=FieldKind.NUMBER), True, "", "not a number"),
    (Field(name="a", kind=FieldKind.NUMBER), float("nan"), "", "not a number"),
    (Field(name="a", kind=FieldKind.NUMBER, rules=Rules(integer=True)), 1.5, "", "whole"),
    (Field(name="a", kind=FieldKind.NUMBER, rules=Rules(minimum=2)), 1, "", "too small"),
    (Field(name="a", kind=FieldKind.NUMBER, rules=Rules(maximum=2)), 3, "", "too large"),
    (Field(name="a", kind=FieldKind.BOOLEAN), "true", "", "not a boolean"),
    (Field(name="a", kind=FieldKind.CHOICE, choices=(1, 2)), True, "", "choices"),
    (Field(name="a", kind=FieldKind.URL), "ftp://example.com", "", "no URL"),
    (Field(name="a", kind=FieldKind.URL), "https://", "", "no URL"),
    (Field(name="a", kind=FieldKind.URL), "https://u:p@example.com", "", "credentials"),
    (Field(name="a", kind=FieldKind.URL), "https://example.com:99999", "", "no URL"),
    (Field(name="a", kind=FieldKind.FILE), {"content": "§"}, "content", "base64"),
    (Field(name="a", kind=FieldKind.FILE, rules=Rules(max_length=4)), FILE, "content", "5 bytes"),
    (Field(name="a", kind=FieldKind.FILE), {**FILE, "mode": 7}, "mode", "not part"),
    (Field(name="a", kind=FieldKind.LIST, item_kind=FieldKind.NUMBER), [1, "x"], "[1]", "not a number"),
    (Field(name="a", kind=FieldKind.LIST, rules=Rules(min_items=1)), [], "", "0 items"),
    (Field(name="a", kind=FieldKind.LIST, rules=Rules(max_items=1)), [1, 2], "", "2 items"),
    (Field(name="a", kind=FieldKind.LIST, rules=Rules(unique_items=True)), [1, 1], "", "twice"),
    (Field(name="a", kind=FieldKind.JSON), {"x": object()}, "", "not JSON"),
    (Field(name="a", kind=FieldKind.JSON), nested(5_000), "", "too deeply"),
    (Field(name="a", kind=FieldKind.LIST, rules=Rules(unique_items=True)), [{1: 2, "a": 3}] * 2, "", "twice"),
    (Field(name="a"), "half \ud800", "", "surrogate"),
    (Field(name="a", kind=FieldKind.SECRET), Secret("half \ud800"), "", "surrogate"),
    (Field(name="a"), 10**5_000, "", "the number is not a text"),
    (Field(name="a", kind=FieldKind.NUMBER), 2**63, "", "too large to be stored"),
    (Field(name="a", kind=FieldKind.NUMBER), 10**5_000, "", "the number is too large"),
]


@pytest.mark.parametrize(("field", "value"), GOOD, ids=[str(field.kind) for field, _ in GOOD])
def test_a_fitting_value_has_no_fault(field: Field, value: Any) -> None:
    """Values of each kind within their rules pass."""
    assert value_faults(field, value) == []


@pytest.mark.parametrize(("field", "value", "path", "words"), BAD, ids=[words for *_, words in BAD])
def test_an_unfit_value_has_a_fault_that_says_where_and_why(field: Field, value: Any, path: str, words: str) -> None:
    """Each rule that a value breaks is told with the path below the field."""
    [fault] = value_faults(field, value)
    assert fault.path == path
    assert words in fault.message
    assert fault.expected


def test_every_fault_is_told_at_once() -> None:
    """Missing, unknown and unfit values come in one answer, each under its own name."""
    fields = (Field(name="a", required=True), Field(name="b", kind=FieldKind.NUMBER), Field(name="c", default="d"))
    clean, faults = checked(fields, {"b": "x", "zzz": 1})
    assert {fault.path for fault in faults} == {"a", "b", "zzz"}
    assert clean == {"c": "d"}


def test_a_secret_text_becomes_a_secret() -> None:
    """A plain text given for a secret field is wrapped at once."""
    clean, faults = checked((Field(name="key", kind=FieldKind.SECRET),), {"key": "s3cret"})
    assert not faults
    assert isinstance(clean["key"], Secret)
    assert clean["key"].reveal() == "s3cret"


def test_a_faulty_secret_is_not_quoted() -> None:
    """The fault of a secret value does not hold the value."""
    field = Field(name="key", kind=FieldKind.SECRET, rules=Rules(max_length=3))
    _, faults = checked((field,), {"key": "canary-value"})
    assert faults
    assert "canary" not in repr(faults)


def test_masked_hides_secrets_by_kind_and_by_type() -> None:
    """A secret field's value and any Secret object are masks."""
    fields = (Field(name="key", kind=FieldKind.SECRET), Field(name="text"))
    assert masked(fields, {"key": "plain", "text": "t", "other": Secret("x")}) == {
        "key": MASK,
        "text": "t",
        "other": MASK,
    }


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (Field(name="a"), "007", "007"),
        (Field(name="a", kind=FieldKind.NUMBER), "7", 7),
        (Field(name="a", kind=FieldKind.NUMBER), "seven", "seven"),
        (Field(name="a", kind=FieldKind.BOOLEAN), "true", True),
        (Field(name="a", kind=FieldKind.CHOICE, choices=(1, "b")), "1", 1),
        (Field(name="a", kind=FieldKind.LIST, item_kind=FieldKind.NUMBER), "1, 2", [1, 2]),
        (Field(name="a", kind=FieldKind.LIST), '["x,y"]', ["x,y"]),
        (Field(name="a", kind=FieldKind.JSON), '{"a": [1]}', {"a": [1]}),
    ],
)
def test_texts_are_read_by_kind(field: Field, text: str, value: Any) -> None:
    """A command line's text becomes what the field's kind says; unfit text is left for the check to refuse."""
    assert parsed(field, text) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
    st.sampled_from([kind for kind in FieldKind if kind not in (FieldKind.CHOICE, FieldKind.SECRET)]),
)
def test_no_json_value_breaks_the_check(value: Any, kind: FieldKind) -> None:
    """Whatever JSON comes in, the answer is a value or faults, and a passed value is JSON still."""
    clean, faults = checked((Field(name="a", kind=kind),), {"a": value})
    assert bool(clean) != bool(faults) or value is None
    json.dumps(clean)


@pytest.mark.parametrize("url", ["http://me:hunter2@host:99999", "http://me:hunter2@", "ftp://me:hunter2@host"])
def test_a_faulty_url_is_not_quoted(url: str) -> None:
    """It may hold a password."""
    [fault] = value_faults(Field(name="a", kind=FieldKind.URL), url)
    assert "hunter2" not in str(fault)
