"""The language of templates: what is refused, what an expression looks at, and how values become text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_templates.templates import EVERYTHING, Reference, TemplateError, parse_expression, parse_template, text_of


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ input.", "not closed"),
        ("{{ input.n }", "not closed"),
        ("{{ }}", "cannot be empty"),
        ("{{ input. }}", "no JMESPath expression"),
        ("{{ input.[ }}", "JMESPath"),
        ("{{ nosuch(input.n) }}", "nosuch()"),
        ("{{ " + "a" * 3000 + " }}", "not closed"),
        ("{{ " + "(" * 900 + "a" + ")" * 900 + " }}", "nested too deeply"),
        ("x" * 70_000 + "{{ input.n }}", "at most"),
    ],
)
def test_bad_templates_say_why(text, says) -> None:
    """The message is JMESPath's, or says which bound was crossed."""
    with pytest.raises(TemplateError, match=says.replace("(", r"\(").replace(")", r"\)")):
        parse_template(text)


@pytest.mark.parametrize(
    ("source", "references"),
    [
        ("input.a", {Reference("input", "a")}),
        ("input.a.b[0].c | [0]", {Reference("input", "a")}),
        ("input.a[?x == 'y'].z", {Reference("input", "a")}),
        ("input.a[*].b || instance.c", {Reference("input", "a"), Reference("instance", "c")}),
        ("input", {Reference("input")}),
        ("keys(instance)", {Reference("instance")}),
        ("(input || instance).a", {Reference("input"), Reference("instance")}),
        ("sort_by(input.a, &b)", {Reference("input", "a")}),
        ("{x: input.a, y: [instance.b]}", {Reference("input", "a"), Reference("instance", "b")}),
        ("input.a[::2]", {Reference("input", "a")}),
        ("input.[a, b[0]]", {Reference("input", "a"), Reference("input", "b")}),
        ("input.keys(@)", {Reference("input")}),
        ("@", {EVERYTHING}),
        ("*.a", {EVERYTHING}),
        ("map(&instance.a, [@])", {EVERYTHING}),
        ("@ | instance.a", {EVERYTHING}),
        ("'instance.a'", set()),
        ("!(input.a) && input.b > `1`", {Reference("input", "a"), Reference("input", "b")}),
    ],
)
def test_expressions_tell_what_they_look_at(source, references) -> None:
    """The names that must exist, and the secrets that must be opened, follow from the expression itself."""
    assert parse_expression(source).references == references


@given(st.text())
def test_any_text_is_a_template_or_a_named_error(text) -> None:
    """The parser neither crashes nor loses text."""
    try:
        template = parse_template(text)
    except TemplateError:
        assert "{{" in text
    else:
        assert "{{" in text or template.literal == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (1.5, "1.5"), (5.0, "5"), (1e300, "1e+300"), ({"a": "é"}, '{"a":"é"}')],
)
def test_values_become_text_as_in_json(value, text) -> None:
    """Numbers without a fraction are written without one."""
    assert text_of(value) == text
