"""Output fields that are inferred from a response: each path gives, on that response, a value of the stated kind."""

from __future__ import annotations

import re
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_core import Field, FieldKind
from zona_core.domain.fields import FIELD_NAME
from zona_core.domain.inference import MOST_OUTPUTS, inferred_outputs
from zona_core.domain.values import value_faults

KEYS = st.text(max_size=6) | st.sampled_from(
    ["id", "a-b", "a_b", "a b", "9", "", "é", '"', "\\", "body", "\ud800", "["]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=30
)

RESPONSE: dict[str, Any] = {
    "status": 200,
    "headers": {"Content-Type": "application/json"},
    "body": {
        "total": 2,
        "next": None,
        "none": {},
        "items": [
            {"id": 1, "owner": {"name": "ann", "e-mail": "a@example.com"}, "tags": ["x"], "ports": [{"n": 22}]},
            {"id": "b", "owner": {"name": "bob"}, "tags": ["y", "z"], "ports": []},
        ],
        "rows": [[1, 2], [3]],
        "9 lives": True,
    },
}


def told(response: Any, **options: Any) -> dict[str, tuple[str, str]]:
    return {each.path: (each.name, each.kind.value) for each in inferred_outputs(response, **options)}


@given(JSON)
def test_each_path_gives_a_value_of_its_kind(response: Any) -> None:
    """On whatever it was inferred from, by whichever names the members have."""
    for output in inferred_outputs(response):
        value = jmespath.search(output.path, response)
        if value is None:
            assert output.kind is FieldKind.JSON
        else:
            assert value_faults(Field(name="value", kind=output.kind), value) == [] or output.kind is FieldKind.JSON


@given(JSON)
def test_names_and_paths_are_unique_and_can_be_stored(response: Any) -> None:
    """Names are identifiers, labels and paths can be written in UTF-8."""
    found = inferred_outputs(response)
    assert len(found) <= MOST_OUTPUTS
    assert len({each.name for each in found}) == len({each.path for each in found}) == len(found)
    for each in found:
        assert FIELD_NAME.match(each.name)
        (each.path + each.label).encode()


@given(JSON)
def test_the_order_of_members_changes_nothing(response: Any) -> None:
    """The same response with its members the other way round gives the same fields."""

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    assert inferred_outputs(turned(response)) == inferred_outputs(response)


def test_a_response_becomes_the_fields_that_a_person_would_write() -> None:
    """Values by their place in the body, lists as such and by what their items have."""
    assert told(RESPONSE, whole=("headers",)) == {
        "headers": ("headers", "json"),
        "status": ("status", "number"),
        'body."9 lives"': ("_9_lives", "boolean"),
        "body.items": ("items", "list"),
        "body.next": ("next", "json"),
        "body.none": ("none", "json"),
        "body.rows": ("rows", "list"),
        "body.total": ("total", "number"),
        "body.items[].id": ("items_id", "list"),
        "body.items[].ports[].n": ("items_ports_n", "list"),
        "body.items[].tags[]": ("items_tags", "list"),
        "body.items[].owner.name": ("items_owner_name", "list"),
        'body.items[].owner."e-mail"': ("items_owner_e_mail", "list"),
    }
    assert jmespath.search("body.items[].tags[]", RESPONSE) == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("response", "fields"),
    [
        ([{"a": 1}, {"b": [1]}, 3, None], {"@": "list", "[].a": "list", "[].b[]": "list"}),
        (
            {"x": [{"k": 1}, {"k": {"d": 1}}, {"k": [{"d": 2}]}]},
            {"x": "list", "x[].k[]": "list", "x[].k[].d": "list"},
        ),
        ({"a_b": 1, "a-b": "t"}, {"a_b": "number", '"a-b"': "text"}),
        ("text", {"@": "text"}),
        ({}, {"@": "json"}),
        ({"n": 2**70}, {"n": "json"}),
    ],
)
def test_what_is_mixed_is_told_by_each_of_its_forms(response: Any, fields: dict[str, str]) -> None:
    """A list whose items differ, a member that is a value here and an object there, values that are no objects."""
    assert {path: kind for path, (_, kind) in told(response).items()} == fields


def test_outputs_are_bounded_and_the_outermost_come_first() -> None:
    """A response with thousands of members, or nested a thousand times, gives a bounded number of short paths."""
    wide = {f"k{number}": {"inner": number} for number in range(100_000)} | {"a": 1}
    assert len(inferred_outputs(wide)) == MOST_OUTPUTS
    assert inferred_outputs({"deep": {"x": 1}, "flat": 1}, most=1)[0].path == "flat"
    deep: Any = 1
    for _ in range(1_000):
        deep = {"k": deep, "l": [deep]}
    paths = [each.path for each in inferred_outputs(deep)]
    assert max(len(re.findall("[kl]", path)) for path in paths) <= 8
    assert inferred_outputs({"x" * 10_000_000: 1, "y": 2})[0].path == "y"


def test_work_is_bounded_on_large_data() -> None:
    """Of a million items the first ones are looked at, so what only a later one has is not found."""
    many = [{"id": 1}] * 1_000_000 + [{"late": 1}]
    assert list(told({"body": many})) == ["body", "body[].id"]
