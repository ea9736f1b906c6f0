"""The error tree."""

from __future__ import annotations

from zona_core import errors
from zona_core.errors import EXIT_AND_STATUS, Fault, InvalidInput, ZonaError, exit_code_of, status_of


def every_error() -> list[type[ZonaError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ZonaError)]


def test_every_class_has_a_code_an_exit_code_and_a_status() -> None:
    """The table answers for each class, nearest ancestor first."""
    for kind in every_error():
        error = kind("m")
        assert error.code
        assert exit_code_of(error) > 0
        assert 400 <= status_of(error) < 600


def test_codes_are_distinct() -> None:
    """No two classes share a code."""
    codes = [kind.code for kind in every_error()]
    assert len(codes) == len(set(codes))


def test_exit_codes_leave_one_and_two_alone() -> None:
    """1 is an unforeseen fault, 2 wrong usage."""
    assert all(exit_code != 2 for exit_code, _ in EXIT_AND_STATUS.values())
    assert exit_code_of(ZonaError("x")) == 1


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Each class is drawn in the module's docstring."""
    assert errors.__doc__
    assert all(kind.__name__ in errors.__doc__ for kind in every_error())


def test_one_error_carries_all_faults() -> None:
    """InvalidInput.of names the first fault and counts the others."""
    error = InvalidInput.of([Fault("a", "is wrong", "right"), Fault("b", "too")])
    assert "a: is wrong (expected right)" in error.message
    assert "(and 1 more)" in error.message
    assert error.as_dict()["errors"] == [
        {"path": "a", "message": "is wrong", "expected": "right"},
        {"path": "b", "message": "too"},
    ]


def test_paths_join() -> None:
    """A fault seen from outside has its prefix, with a dot only where one belongs."""
    assert Fault("[0].x", "m").under("fields").path == "fields[0].x"
    assert Fault("x", "m").under("a").path == "a.x"
    assert Fault("", "m").under("a").path == "a"
