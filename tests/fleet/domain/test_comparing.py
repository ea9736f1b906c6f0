"""What differs between two contents, as people see it."""

from __future__ import annotations

import pytest

from zona_core.domain.fleet.comparing import content_differences
from zona_core.domain.fleet.plan import Difference, Reason
from zona_core.domain.fleet.specification import Port, PortMode, Resources
from zona_core.domain.fleet.targets import Content


def only(before: Content, after: Content) -> Difference:
    (difference,) = content_differences(before, after)
    return difference


def variable(value: str, name: str = "MOTD") -> Content:
    return Content(image="a", environment={name: value})


def test_equal_contents_have_no_difference() -> None:
    """Also where they are written in another order."""
    one = Content(image="a", networks=("x", "y"), environment={"A": "1", "B": "2"})
    other = Content(image="a", networks=("y", "x"), environment={"B": "2", "A": "1"})
    assert content_differences(one, other) == ()


def test_each_field_has_a_line_of_its_own() -> None:
    """Fields of models, members of sets and ports are told apart."""
    before = Content(image="a", resources=Resources(memory=2**26), tmpfs=("/a",), ports=(Port(target=80),))
    after = Content(
        image="a",
        resources=Resources(memory=2**27, cpus=0.5),
        tmpfs=("/b",),
        ports=(Port(target=80, published=8080, mode=PortMode.INGRESS), Port(target=80, published=8081)),
        read_only=True,
    )
    assert [(each.path, each.before, each.after) for each in content_differences(before, after)] == [
        ("ports.80/tcp", "any free", "host 8081, ingress 8080"),
        ("read_only", "", "true"),
        ("resources.cpus", "", "0.5"),
        ("resources.memory", "67108864", "134217728"),
        ("tmpfs./a", "/a", ""),
        ("tmpfs./b", "", "/b"),
    ]


@pytest.mark.parametrize(
    ("value", "start", "size"),
    [
        ("x" * 5_000, "x" * 80 + "… (", "5000 characters, sha256 "),
        ("first\nsecond\n", "first second… (", "3 lines, 13 characters, sha256 "),
    ],
)
def test_long_values_are_bounded(value: str, start: str, size: str) -> None:
    """Of a long or multi-line value the start, its size and a mark that tells it from another one are shown."""
    shown = only(variable(""), variable(value)).after
    assert shown.startswith(start + size)
    assert len(shown) < 140
    assert shown != only(variable(""), variable(value[:-1] + "!")).after


def test_no_value_reaches_a_terminal_as_a_command() -> None:
    """Control characters are left out."""
    assert only(variable(""), variable("a\x1b[2Jb")).after == "a [2Jb"


def test_values_of_variables_that_are_secret_are_not_shown() -> None:
    """A variable whose name says so is only said to differ."""
    found = only(variable("hunter2", "DB_PASSWORD"), variable("hunter3", "DB_PASSWORD"))
    assert (found.before, found.after, found.reason) == ("(not shown)", "(not shown)", Reason.ENVIRONMENT)


def test_drift_is_where_what_was_applied_is_what_is_wanted() -> None:
    """Field by field."""
    there = Content(image="b", environment={"A": "9"}, user="root")
    wanted = Content(image="c", environment={"A": "1"})
    noted = Content(image="a", environment={"A": "1"})
    found = content_differences(there, wanted, applied=noted)
    assert {each.path: each.reason for each in found} == {
        "environment.A": Reason.DRIFT,
        "image": Reason.IMAGE,
        "user": Reason.DRIFT,
    }
