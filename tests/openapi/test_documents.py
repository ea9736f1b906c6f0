"""The bounded reader of JSON and YAML."""

from __future__ import annotations

import json
from typing import Any

import pytest

import zona_documents._reading
import zona_documents._yaml
from zona_core.errors import InvalidDocument
from zona_documents import read_mapping
from zona_openapi.importer import OpenApiImporter


def refusal(document: bytes) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        read_mapping(document)
    return caught.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("-2.5e3", -2500.0),
        ("true", True),
        ("yes", "yes"),
        ("on", "on"),
        ("null", None),
        ("", None),
        ("~", None),
        ("2024-01-31", "2024-01-31"),
        ("1:30", "1:30"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!binary aGk=", "aGk="),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 1.8446744073709552e19),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    """Only what the core schema names is converted; what JSON cannot hold stays text."""
    found, _ = read_mapping(f"key: {text}\n".encode())
    assert found["key"] == value
    assert type(found["key"]) is type(value)


def test_keys_are_text() -> None:
    """Status codes and other keys that look like numbers or booleans stay what was written."""
    assert read_mapping(b"200: a\ntrue: b\n1.0: c\n")[0] == {"200": "a", "true": "b", "1.0": "c"}


def test_aliases_and_merge_keys_are_followed() -> None:
    """``*name`` stands for the anchored value, ``<<`` adds keys that are not there."""
    text = b"base: &base {a: 1, b: 2}\nother: {b: 3, <<: *base}\nlist: [*base]\n"
    assert read_mapping(text)[0] == {"base": {"a": 1, "b": 2}, "other": {"b": 3, "a": 1}, "list": [{"a": 1, "b": 2}]}


def test_an_alias_bomb_is_refused() -> None:
    """Aliases count as what they stand for."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 2,000,000 values" in refusal("\n".join(rows).encode()).message


def test_a_value_that_holds_itself_is_refused() -> None:
    """An alias within its own anchor has no end."""
    error = refusal(b"a: &a [1, *a]\n")
    assert error.details == {"line": 1, "column": 11}


@pytest.mark.parametrize("text", ["a: " + "[" * 300 + "]" * 300, '{"a": ' + "[" * 300 + "]" * 300 + "}"])
def test_deep_nesting_is_refused(text: str) -> None:
    """Neither YAML nor JSON may be nested beyond 200 levels, however the reader works."""
    assert "more than 200 levels" in refusal(text.encode()).message


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_beyond_the_stack_is_refused(opening: str) -> None:
    """A hundred thousand open brackets do no harm."""
    assert refusal(b'{"a":' + opening.encode() * 100_000).message


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document beyond the limit is refused unread."""
    monkeypatch.setattr(zona_documents._reading, "MAX_BYTES", 10)
    assert refusal(b"a: 1234567890").details == {"limit": 10}


def test_the_number_of_values_is_bounded_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON is held to the same number of values."""
    monkeypatch.setattr(zona_documents._reading, "MAX_NODES", 5)
    assert "more than 5 values" in refusal(b'{"a": [1, 2, 3, 4, 5, 6]}').message


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"[1, 2]", "is a list, not a mapping"),
        (b"just text", "is plain text, not a mapping"),
        (b"\xff\xfe\x00", "byte 2 is not UTF-16-LE"),
        (b"a: \xc3\x28", "byte 3 is not UTF-8"),
        (b"a: \x07", "is not YAML"),
        (b"? [a]\n: b\n", "A mapping key is a mapping or a list"),
        (b"a: *nothing\n", "stands for nothing"),
        (b"a: {<<: 5}\n", "merge key << is not given a mapping"),
        (b'{"a": 1,, }', "neither JSON nor YAML"),
        (b"\x1f\x8b\x08\x00", "byte 1 is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(document: bytes, said: str) -> None:
    """The refusal names the fault."""
    assert said in refusal(document).message


def test_flow_yaml_that_looks_like_json_is_read() -> None:
    """A trailing comma and bare keys are YAML."""
    assert read_mapping(b"{a: 1, b: [2,],}")[0] == {"a": 1, "b": [2]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_mark_are_known(encoding: str) -> None:
    """UTF-8 with and without its mark, and UTF-16 with it, hold the same text."""
    assert read_mapping("a: é".encode(encoding))[0] == {"a": "é"}


def test_repeated_keys_are_told_with_their_place() -> None:
    """The last one counts; YAML warnings have a pointer and a line, JSON warnings name the key."""
    data, warnings = read_mapping(b"paths:\n  /a/b:\n    get: 1\n    get: 2\n")
    assert data == {"paths": {"/a/b": {"get": 2}}}
    assert [(w.path, w.message) for w in warnings] == [
        ("#/paths/~1a~1b/get", "the key stands twice (line 4); the last one counts")
    ]
    _, warnings = read_mapping(b'{"a": 1, "a": 2}')
    assert "'a' twice" in warnings[0].message


def test_json_beyond_json_is_levelled() -> None:
    """Numbers without JSON stay text, half characters become replacement characters."""
    data, _ = read_mapping(b'{"a": NaN, "b": 1e999, "c": "\\ud800", "d": 123456789012345678901234567890}')
    assert data == {"a": "NaN", "b": "1e999", "c": "�", "d": 1.2345678901234568e29}
    json.dumps(data, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"a: 1", "neither an openapi nor a swagger key"),
        (b"openapi: 4.0.0", "The version openapi: '4.0.0' cannot be read"),
        (b"swagger: '1.2'", "The version swagger: '1.2' cannot be read"),
        (b"openapi: [3]", "cannot be read"),
        (b"openapi: 3.0.3", "has no paths"),
        (b"openapi: 3.0.3\npaths: []", "has no paths"),
        (b"openapi: 3.0.3\npaths: {}", "has no operations"),
        (b"openapi: 3.0.3\npaths: {/a: {parameters: []}}", "has no operations"),
    ],
)
def test_a_document_without_anything_to_do_is_refused(document: bytes, said: str) -> None:
    """Another version, no paths and no operations are told apart."""
    with pytest.raises(InvalidDocument, match=said.replace("[", r"\[")):
        OpenApiImporter().read(document)
