"""The bounds of an evaluation: no expression is slow or large, and none is changed by them."""

from __future__ import annotations

import jmespath
import pytest

from zona_templates._evaluation import Evaluation
from zona_templates.templates import TemplateError, parse_expression

TWICE = "[@,@]" + "|[@,@]" * 100

#: expressions that would run, or fill the memory, for years
EXPLOSIONS = {
    "a list that doubles": "`[1]`" + "|[@,@][]" * 100,
    "a text that doubles": "'a'" + "|join('',[@,@])" * 100,
    "a text of texts": '{a: join(\' \', `["a", "b"]`)}' + "|[@,@]" * 60 + "|to_string(@)",
    "a value that refers to itself twice": TWICE,
    "objects that do": "{a:@}" + "|{a:@,b:@}" * 100,
    "its text": TWICE + "|to_string(@)|length(@)",
    "its comparison": TWICE + "|@==[@[0],@[1]]",
    "its search": TWICE + "|contains(@,[@[0]])",
    "a walk through it": TWICE + "[*]" * 100 + "|length(@)",
    "a walk by values": "{a:@}" + "|{a:@,b:@}" * 60 + ".*" * 60 + "|length(@)",
    "functions over it": TWICE + "|" + "map(&" * 60 + "@" + ",@)" * 60 + "|length(@)",
}


@pytest.mark.parametrize("source", EXPLOSIONS.values(), ids=EXPLOSIONS)
def test_explosions_end(source) -> None:
    """Work is paid for before it is done, so that the allowance ends it."""
    with pytest.raises(TemplateError, match=r"steps$"):
        parse_expression(source).value({}, Evaluation(steps=50_000))


def test_expressions_share_an_allowance() -> None:
    """Many expressions of one value take no more than one may."""
    expression, evaluation = parse_expression("rows[*].a"), Evaluation(steps=60)
    data = {"rows": [{"a": 1}] * 40}
    assert expression.value(data, evaluation) == [1] * 40
    with pytest.raises(TemplateError, match="steps"):
        expression.value(data, evaluation)


DATA = {
    "n": [3, 1, 2, 0],
    "t": "text",
    "rows": [{"a": 1, "b": ["x", "y"]}, {"a": 0, "b": []}, {"b": "z"}],
    "nested": [[1, [2]], 3, [], [[4]]],
    "o": {"x": {"y": 1}, "z": {"y": None}},
    "e": [],
}


@pytest.mark.parametrize(
    "source",
    [
        "n[]", "nested[]", "nested[][]", "t[]", "e[]", "n[1:]", "n[::-1]", "n[-2:]", "t[1:]", "nested[0] == nested[0]",
        "o == o", "o.x == o.z", "n == t", "n != `[3,1,2,0]`", "n[0] == `3`", "t == 'text'", "`0` == `false`",
        "n[0] > n[1]", "t > n", "o.*.y", "rows[?a].b[]", "rows[?a == `0`]", "rows[?!a]", "contains(n, `3`)",
        "contains(nested, `[]`)", "contains(t, 'ex')", "join(t, ['a', 'b', 'c'])", "to_string(o)", "to_string(t)",
        "map(&b, rows)", "sort(n)", "sort_by(rows[:2], &a)[*].a", "max_by(rows[:2], &a)", "merge(o, {q: n})", "keys(o)",
        "length(t)", "reverse(n)", "not_null(missing, t)", "type(@)", "values(o)", "rows[*].[a, b]", "{a: n, b: t}",
        "to_array(t)", "(n || t)[0]", "n && t", "!n", "@.t",
    ],
)  # fmt: skip
def test_values_are_those_of_jmespath(source) -> None:
    """The bounded evaluation gives what JMESPath's own gives."""
    assert parse_expression(source).value(DATA) == jmespath.search(source, DATA)
