"""The expressions of the core: values with their types, conditions, lists, what they look at, what they refuse."""

from __future__ import annotations

import copy
import traceback
from collections import ChainMap
from enum import StrEnum
from threading import Thread
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zona_templates.plugin
from zona_core import Secret
from zona_core.errors import ExpressionFailed, Fault, InvalidInput, TaskFailed
from zona_core.hookspecs import PluginDetails
from zona_core.plugins import Plugins
from zona_core.ports.expressions import Expressions

LANGUAGE: Expressions = zona_templates.plugin.zona_expressions(PluginDetails(version="1"))["jmespath"]()

DATA: dict[str, Any] = {
    "inputs": {"ip": "198.51.100.7", "limit": 5, "tags": ["a", "b"], "none": None, "ratio": 2.0},
    "steps": {
        "lookup": {"status": "success", "outputs": {"score": 80, "hosts": [{"name": "h1"}, {"name": "h2"}]}},
        "block": {"status": "failure", "error": {"code": "http_status", "message": "503"}},
    },
    "item": {"name": "h1"},
    "index": 0,
    "run": {"id": "r-1"},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=20,
)


def exactly(value: Any) -> Any:
    """``value`` with the types that comparison does not see: 1, 1.0 and true are equal."""
    if isinstance(value, list):
        return [exactly(item) for item in value]
    if isinstance(value, dict):
        return {key: exactly(item) for key, item in value.items()}
    return type(value), value


def containers(value: Any) -> list[int]:
    """The identities of all lists and objects in ``value``."""
    if not isinstance(value, list | dict):
        return []
    below = value.values() if isinstance(value, dict) else value
    return [id(value), *(found for item in below for found in containers(item))]


def test_plugins_offer_the_language() -> None:
    """The built-in plugin brings it by its name."""
    assert Plugins().expressions().value("{{ run.id }}").value(DATA) == "r-1"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ inputs.ip }}", "198.51.100.7"),
        ("{{ inputs.limit }}", 5),
        ("{{ inputs.tags }}", ["a", "b"]),
        ("{{ inputs.none }}", None),
        ("{{ inputs.missing.more }}", None),
        ("{{ steps.lookup.outputs.score > `50` }}", True),
        ("{{ steps.block.error.code }}", "http_status"),
        ("{{ steps.lookup.outputs.hosts[*].name }}", ["h1", "h2"]),
        (" {{ inputs.limit }}", " 5"),
        ("{{ inputs.ip }}/{{ inputs.limit }}/{{ inputs.none }}/{{ inputs.ratio }}", "198.51.100.7/5//2"),
        ("tags: {{ inputs.tags }}", 'tags: ["a","b"]'),
        ({"a": [{"b": "{{ index }}"}, 1], "c": "{{ item }}"}, {"a": [{"b": 0}, 1], "c": {"name": "h1"}}),
        ({"{{ index }}": "x {{ index }}", "none": "{{ inputs.none }}"}, {"{{ index }}": "x 0", "none": None}),
        (["{{ inputs.none }}", None], [None, None]),
        (7, 7),
    ],
)
def test_values_keep_their_types(source, value) -> None:
    """One expression has its own type wherever it stands; keys and nulls stay."""
    assert exactly(LANGUAGE.value(source).value(DATA)) == exactly(value)


@given(JSON.filter(lambda value: "{{" not in repr(value)))
def test_constants_come_through_unchanged(value) -> None:
    """What has no template in it is its own value, as a copy, whatever the data."""
    compiled = LANGUAGE.value(value)
    assert compiled.constant
    assert compiled.references == frozenset()
    first, second = compiled.value(DATA), compiled.value({})
    assert exactly(first) == exactly(value) == exactly(second)
    assert not {*containers(first)} & {*containers(second), *containers(value)}


@given(JSON)
def test_any_value_comes_through_an_expression(value) -> None:
    """What the data holds comes out with its types, as a copy, and the data stays as it was."""
    data = {"inputs": {"x": value}}
    before = copy.deepcopy(data)
    found = LANGUAGE.value({"got": ["{{ inputs.x }}"]}).value(data)
    assert exactly(found) == exactly({"got": [value]})
    assert exactly(data) == exactly(before)
    assert not {*containers(found)} & {*containers(data)}


@given(JSON)
def test_any_source_compiles_or_is_refused(source) -> None:
    """There is nothing between a compiled value and faults."""
    for compiling in (LANGUAGE.value, LANGUAGE.items, LANGUAGE.condition):
        faults: tuple[Fault, ...] = ()
        compiled = None
        try:
            compiled = compiling(source)
        except InvalidInput as exc:
            faults = exc.faults
        assert (compiled is None) == bool(faults)


def test_what_was_compiled_stays() -> None:
    """A source that is changed later changes nothing, nor does a value that a caller changes."""
    source = {"a": [1, {"b": "{{ `[1]` }}"}], "c": [[]]}
    compiled = LANGUAGE.value(source)
    source["a"].append(2)
    compiled.value({})["a"][1]["b"].append(9)
    compiled.value({})["c"][0].append(9)
    assert compiled.value({}) == {"a": [1, {"b": [1]}], "c": [[]]}


@pytest.mark.parametrize(
    ("source", "references"),
    [
        ("{{ steps.lookup.outputs.score }} of {{ inputs.ip }}", {("steps", "lookup"), ("inputs", "ip")}),
        ({"a": ["{{ item }}"], "b": {"c": "{{ index }}"}}, {("item",), ("index",)}),
        ('{{ steps."my-step".outputs }}', {("steps", "my-step")}),
        ("{{ steps.* }}", {("steps",)}),
        ("{{ keys(@) }}", {()}),
        ("{{ item.name || run.id }}", {("item", "name"), ("run", "id")}),
        ("{{ steps.[a.outputs, b.status] }}", {("steps", "a"), ("steps", "b")}),
        ("{{ `1` }}", set()),
    ],
)
def test_values_tell_what_they_look_at(source, references) -> None:
    """At most two names each; the empty tuple is the whole data."""
    compiled = LANGUAGE.value(source)
    assert compiled.references == references
    assert compiled.constant == (not references)


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        (True, True),
        (False, False),
        ("steps.lookup.outputs.score > `50`", True),
        ("{{ steps.lookup.outputs.score > `90` }}", False),
        ("  {{ inputs.tags }} ", True),
        ("steps.block.status == 'failure' && steps.block.error.code == 'http_status'", True),
        ("{a: inputs.ip}", True),
        ("index", True),
        ("`0`", True),
        ("`0.0`", True),
        ("`false`", False),
        ("''", False),
        ("`[]`", False),
        ("`{}`", False),
        ("inputs.missing", False),
        ("!(inputs.missing)", True),
        ("!missing", True),
        ("!(inputs.tags)", False),
    ],
)
def test_conditions_are_true_as_in_jmespath(source, holds) -> None:
    """False, null and what is empty are false; zero is true."""
    assert LANGUAGE.condition(source).value(DATA) is holds


def test_conditions_tell_what_they_look_at() -> None:
    """With and without braces alike."""
    assert LANGUAGE.condition("item.name == 'x'").references == {("item", "name")}
    assert LANGUAGE.condition("{{ item.name == 'x' }}").references == {("item", "name")}
    assert LANGUAGE.condition(True).constant


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("inputs.tags", ["a", "b"]),
        ("{{ steps.lookup.outputs.hosts }}", [{"name": "h1"}, {"name": "h2"}]),
        (["x", "{{ inputs.limit }}", {"y": "{{ index }}"}], ["x", 5, {"y": 0}]),
        ([], []),
    ],
)
def test_items_are_lists(source, value) -> None:
    """An expression for one, or one whose items are templates."""
    assert exactly(LANGUAGE.items(source).value(DATA)) == exactly(value)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("inputs.none", "null"),
        ("inputs.missing", "null"),
        ("inputs.ip", "a text"),
        ("inputs.limit", "a number"),
        ("item", "an object"),
        ("index == `0`", "a boolean"),
    ],
)
def test_what_is_no_list_is_named_by_its_kind(source, kind) -> None:
    """The message tells what was found, and not its value."""
    with pytest.raises(ExpressionFailed, match=f"its value is {kind}, not a list"):
        LANGUAGE.items(source).value(DATA)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("{{ abs(inputs.key) }}", ""),
        ({"a": [0, "{{ keys(inputs.key) }}"]}, "a[1]"),
        (["x", {"b": {"c": "x {{ inputs.key < `1` }}"}}], "[1].b.c"),
        ("{{ sort(inputs.all) }}", ""),
        ("{{ inputs.key.[length(@)] | sum(@) | keys(@) }}", ""),
        ("{{ inputs.sealed }}", ""),
        ("{{ inputs }}", ""),
        ("x{{ [inputs.sealed] }}", ""),
        ("{{ to_number('nan') }}", ""),
        ("x{{ to_number('1e999') }}", ""),
        ("{{ `1e999` }}", ""),
        ("{{ &inputs.key }}", ""),
        ("{{ inputs.keyed }}", ""),
        ("x{{ inputs.huge }}", ""),
    ],
)
def test_failures_tell_the_place_and_no_value(source, path) -> None:
    """Neither the error nor the chain of its causes has a value; the same call will not do better."""
    data = {
        "inputs": {
            "key": "canary-1",
            "all": ["canary-1", 1],
            "sealed": Secret("canary-1"),
            "keyed": {1: "canary-1"},
            "huge": 10**5_000,
        }
    }
    with pytest.raises(ExpressionFailed) as caught:
        LANGUAGE.value(source).value(data)
    error = caught.value
    assert isinstance(error, TaskFailed)
    assert (error.code, error.retryable, error.details) == ("expression_failed", False, {"path": path})
    assert error.message.startswith(f"{path}: the expression " if path else "The expression ")
    assert "canary" not in str(error.as_dict())
    assert "canary" not in "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_condition_on_what_is_no_data_fails() -> None:
    """Something that is no JSON data is neither true nor false."""
    with pytest.raises(ExpressionFailed, match="Secret"):
        LANGUAGE.condition("inputs.x").value({"inputs": {"x": Secret("canary-1")}})


@pytest.mark.parametrize(
    ("source", "path", "says"),
    [
        ("{{ inputs. }}", "", "no JMESPath expression"),
        ({"a": {"b": ["x", "{{ nosuch(@) }}"]}}, "a.b[1]", r"nosuch\(\)"),
        ("{{ inputs.ip", "", "not closed"),
        ("{{ " + "a" * 3_000 + " }}", "", "not closed"),
        ("x" * 70_000 + "{{ a }}", "", "at most"),
        (["{{ " + "(" * 900 + "a" + ")" * 900 + " }}"], "[0]", "nested too deeply"),
        ([float("nan")], "[0]", "not finite"),
        ({"a": Secret("canary-1")}, "a", "a Secret is no JSON data"),
        ({"a": ("x",)}, "a", "a tuple is no JSON data"),
        ({"a": {1: "x"}}, "a", "a number as a key"),
    ],
)
def test_faulty_values_are_refused_with_their_place(source, path, says) -> None:
    """Each fault has the path inside of the value."""
    with pytest.raises(InvalidInput, match=says) as caught:
        LANGUAGE.value(source)
    assert [fault.path for fault in caught.value.faults] == [path]
    assert "canary" not in str(caught.value.as_dict())


@pytest.mark.parametrize("source", ["!a.b", "c || !a.b", "!a[]", "!a[?b]", "!a.*", "c[?!a.b]", "{{ !a.b }}"])
def test_a_negation_that_says_something_else_is_refused(source) -> None:
    """JMESPath negates the first name of a path only: the condition would never hold."""
    with pytest.raises(InvalidInput, match=r"!\(a\.b\)"):
        LANGUAGE.condition(source)


@pytest.mark.parametrize(
    "source", ["!a", "!(a.b)", "!a && b", "!a | @", "!a == b", "a[?!b]", "!keys(a)", "!a[0]", "!a[*].b"]
)
def test_other_negations_compile(source) -> None:
    """Those say what they seem to."""
    assert LANGUAGE.condition(source).references


@pytest.mark.parametrize("source", ["", "{{ a }} and {{ b }}", "x {{ a }}", "a b", "{{ a", 1, None, ["a"]])
def test_faulty_conditions_are_refused(source) -> None:
    """It is one expression or a boolean."""
    with pytest.raises(InvalidInput) as caught:
        LANGUAGE.condition(source)
    assert [fault.path for fault in caught.value.faults] == [""]


@pytest.mark.parametrize("source", ["", "{{ a }},{{ b }}", 1, None, True, {"a": "{{ b }}"}])
def test_faulty_items_are_refused(source) -> None:
    """It is one expression or a list."""
    with pytest.raises(InvalidInput) as caught:
        LANGUAGE.items(source)
    assert [fault.path for fault in caught.value.faults] == [""]


def test_all_faults_come_together_up_to_a_hundred() -> None:
    """Nobody corrects one after the other, and nobody reads thousands."""
    with pytest.raises(InvalidInput) as caught:
        LANGUAGE.value({"a": "{{ a. }}", "b": ["{{ b. }}"]})
    assert [fault.path for fault in caught.value.faults] == ["a", "b[0]"]
    with pytest.raises(InvalidInput) as caught:
        LANGUAGE.value(["{{ a. }}"] * 5_000)
    assert len(caught.value.faults) == 100


def test_depth_is_bounded() -> None:
    """Sixty-four lists and objects within each other are compiled, one more is not, and thousands are no crash."""

    def nested(depth: int) -> Any:
        value: Any = "{{ inputs.limit }}"
        for level in range(depth):
            value = [value] if level % 2 else {"a": value}
        return value

    assert LANGUAGE.value(nested(64)).references == {("inputs", "limit")}
    for depth in (65, 10_000):
        with pytest.raises(InvalidInput, match="nested too deeply"):
            LANGUAGE.value(nested(depth))


def test_the_number_of_templates_is_bounded() -> None:
    """Ten thousand are compiled, however they are spread over texts; one more is not."""
    assert LANGUAGE.value(["{{ a }}"] * 4_000 + ["{{ a }}{{ b }}"] * 3_000).value({}) == [None] * 4_000 + [""] * 3_000
    with pytest.raises(InvalidInput, match="more than 10,000 templates"):
        LANGUAGE.value(["{{ a }}"] * 10_001)
    with pytest.raises(InvalidInput, match="more than 10,000 templates"):
        LANGUAGE.value("{{a}}" * 10_001)


def test_deep_data_is_no_crash() -> None:
    """Data as deep as answers over HTTP may be comes through; deeper data fails with a code."""

    def deep(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return {"deep": value}

    assert LANGUAGE.value("{{ deep }}").value(deep(200)) == deep(200)["deep"]
    for source in ("{{ deep }}", "x{{ deep }}", "{{ to_string(deep) }}"):
        with pytest.raises(ExpressionFailed):
            LANGUAGE.value(source).value(deep(20_000))


def test_work_is_bounded() -> None:
    """A text that doubles with each step ends in a failure, as does the copy of a value that refers to itself."""
    with pytest.raises(ExpressionFailed, match="more than 10,000,000 steps"):
        LANGUAGE.value({"a": "{{ 'a'" + "|join('',[@,@])" * 100 + " }}"}).value({})
    with pytest.raises(ExpressionFailed, match="more than 10,000,000 steps"):
        LANGUAGE.value("{{ text }}" * 2_000).value({"text": "x" * 10_000})


@pytest.mark.parametrize(
    "source",
    [
        "{{ inputs.__class__ }}",
        "{{ __class__.__mro__ }}",
        "{{ inputs.ip.__len__ }}",
        "{{ inputs.keys }}",
        "{{ steps.get }}",
    ],
)
def test_attributes_are_missing_keys(source) -> None:
    """An expression sees what the data holds, never what Python makes of it."""
    assert LANGUAGE.value(source).value(DATA) is None


def test_names_of_attributes_may_be_keys() -> None:
    """There is nothing special about them."""
    assert LANGUAGE.value("{{ inputs.__class__ }}").value({"inputs": {"__class__": 1}}) == 1


@pytest.mark.parametrize("wrap", [dict, MappingProxyType, ChainMap])
def test_the_data_may_be_any_mapping(wrap) -> None:
    """JMESPath's functions take it, too."""
    assert LANGUAGE.value("{{ sort(keys(@)) }}").value(wrap({"b": 1, "a": 2})) == ["a", "b"]


def test_enumerations_become_their_texts() -> None:
    """What is JSON data only by inheritance comes out as plain data."""

    class Status(StrEnum):
        SUCCESS = "success"

    found = LANGUAGE.value(["{{ status }}", Status.SUCCESS, "x {{ status }}"]).value({"status": Status.SUCCESS})
    assert found == ["success", "success", "x success"]
    assert {type(text) for text in found} == {str}


def test_threads_share_what_was_compiled() -> None:
    """Each evaluation has a state of its own."""
    compiled = LANGUAGE.value({"a": "{{ rows[?n > `1`].n }}", "b": "{{ length(rows) }}"})
    found: dict[int, Any] = {}

    def evaluate(size: int) -> None:
        found[size] = [compiled.value({"rows": [{"n": n} for n in range(size)]}) for _ in range(20)]

    threads = [Thread(target=evaluate, args=(size,)) for size in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {size: [{"a": [*range(2, size)], "b": size}] * 20 for size in range(2, 8)}
