"""In which order steps are taken."""

from __future__ import annotations

import pytest

from zona_core.domain.fleet.plan import Reason, Step, Verb
from zona_core.domain.fleet.waves import removal_waves, waves
from zona_core.errors import InvalidInput

NEEDS = {"web": ("api",), "api": ("db", "cache"), "cache": ("db",), "db": (), "alone": ()}


def steps(*names: str) -> list[Step]:
    return [Step(service=name, verb=Verb.UPDATE, reasons=(Reason.IMAGE,)) for name in names]


def names(found: tuple[tuple[Step, ...], ...]) -> list[list[str]]:
    return [[step.service for step in wave] for wave in found]


def by_name(step: Step) -> tuple[int, str]:
    return (0, step.service)


def test_what_is_needed_comes_first() -> None:
    """And nothing later than it has to."""
    found = waves(steps("web", "alone", "api", "db", "cache"), NEEDS, rank=by_name)
    assert names(found) == [["alone", "db"], ["cache"], ["api"], ["web"]]


def test_what_has_no_step_still_orders_those_that_have() -> None:
    """``web`` needs ``db`` by way of services that stay as they are."""
    assert names(waves(steps("web", "db"), NEEDS, rank=by_name)) == [["db"], ["web"]]
    assert names(waves(steps("web", "alone"), NEEDS, rank=by_name)) == [["alone", "web"]]


def test_removals_go_the_other_way() -> None:
    """What needs a service is gone before it."""
    assert names(removal_waves(steps("db", "web", "alone"), NEEDS, rank=by_name)) == [["alone", "web"], ["db"]]


def test_what_is_not_known_is_first() -> None:
    """A service of which nobody knows what it needs."""
    assert names(waves(steps("new", "db"), NEEDS, rank=by_name)) == [["db", "new"]]


def test_a_circle_is_refused() -> None:
    """The checks find it before; here it is at least no endless way."""
    with pytest.raises(InvalidInput) as caught:
        waves(steps("a", "b"), {"a": ("b",), "b": ("a",)}, rank=by_name)
    assert caught.value.code == "dependency_cycle"
