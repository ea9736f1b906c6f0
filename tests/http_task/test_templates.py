"""Templates in a call: what they give, which secrets they open, and what they show of them."""

import pytest

from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import TaskFailed
from zona_http_task._scope import Scope
from zona_templates.templates import parse_template


def scope(instance=None, inputs=None, concealed=None) -> Scope:
    return Scope(
        instance=instance or {},
        inputs=inputs or {},
        run={"attempt": 2, "idempotency_key": "k"},
        conceal=(concealed if concealed is not None else []).append,
    )


INPUTS = {"n": 5, "f": 2.0, "t": True, "none": None, "list": [1, 2], "object": {"a": {"b": "c"}}, "s": "é }} {{"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ input.n }}", 5),
        ("{{input.list}}", [1, 2]),
        ("{{ input.none }}", None),
        ("{{ input.absent }}", None),
        ("n={{ input.n }}", "n=5"),
        ("{{ input.f }}/{{ input.t }}/{{ input.none }}/", "2/true//"),
        ("{{ input.list }}{{ input.object }}", '[1,2]{"a":{"b":"c"}}'),
        ("{{ {a: {b: input.n}} }}", {"a": {"b": 5}}),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }}x", "{{x"),
        ('{{ `"}}"` }}', "}}"),
        ('{{ input."n" }}', 5),
        ("a}}b", "a}}b"),
        ("{ {{ input.n }} }", "{ 5 }"),
        ("{{ input.s }}", "é }} {{"),
        ("{{ run.attempt }}", 2),
        ("{{ length(input.list) }}", 2),
        ("{{ input.absent || 'other' }}", "other"),
    ],
)
def test_templates_give_values(text, value) -> None:
    """One expression keeps its type; anything else is text."""
    assert scope(inputs=INPUTS).render(parse_template(text)) == value


def test_only_named_secrets_are_opened() -> None:
    """A sealed secret that no expression names stays sealed."""
    concealed: list[str] = []

    def never(_: str) -> str:
        raise AssertionError("this secret was not asked for")

    values = {"key": Secret("key/é"), "other": Secret.sealed("token", never)}
    found = scope(values, concealed=concealed)
    assert found.render(parse_template("{{ instance.key }}")) == "key/é"
    assert concealed == ["key/é"]
    assert found.masked("key/é key%2F%C3%A9 key/\\u00e9") == " ".join([MASK] * 3)
    assert found.holds_secret(parse_template("{{ instance.key }}"))
    assert not found.holds_secret(parse_template("{{ instance.absent }}"))


def test_a_whole_object_opens_its_secrets() -> None:
    """An expression over everything sees the clear texts, all of which are concealed."""
    concealed: list[str] = []
    found = scope({"a": Secret("first"), "b": "c"}, concealed=concealed)
    assert found.render(parse_template("{{ instance }}")) == {"a": "first", "b": "c"}
    assert "first" in concealed


@pytest.mark.parametrize(
    "source",
    ["keys(instance.key)", "abs(instance.key)", "instance.key < `1`", "to_array(instance.key)[::0]", "join(`1`, `2`)"],
)
def test_failing_expressions_do_not_show_values(source) -> None:
    """JMESPath's own messages hold the value; ours do not, and neither does the chain of causes."""
    with pytest.raises(TaskFailed) as caught:
        scope({"key": Secret("canary-1")}).render(parse_template(f"{{{{ {source} }}}}"))
    assert caught.value.code == "invalid_request"
    assert "canary-1" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_structures_lose_what_is_null() -> None:
    """Entries and items whose template gives null vanish; literal nulls stay."""
    structure = {
        "a": parse_template("{{ input.none }}"),
        "b": (parse_template("{{ input.n }}"), parse_template("{{ input.absent }}"), None),
        "c": None,
        "d": {"e": parse_template("{{ input.absent }}")},
        "f": "text",
    }
    assert scope(inputs=INPUTS).fill(structure) == {"b": [5, None], "c": None, "d": {}, "f": "text"}


def test_data_that_is_nested_without_end_fails_with_a_code() -> None:
    """Deep input is refused, not a crash."""
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(TaskFailed) as caught:
        scope(inputs={"deep": deep}).render(parse_template("{{ input.deep }}"))
    assert caught.value.code == "invalid_request"
