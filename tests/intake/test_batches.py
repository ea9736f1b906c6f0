"""Batches: what one is, what becomes of one that a store cannot hold, and what is stored along with the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from zona_core import Conflict, InvalidInput, Workspace, Zona
from zona_core.domain.event_streams import ReadEvent
from zona_core.usecases._intake.intake import take_in
from zona_core.usecases._intake.mapping import Stream

Started = Callable[..., dict[str, Any]]


class Broken(Exception):
    """Something goes wrong."""


@contextmanager
def refusing(workspace: Workspace, error: Exception, refuses: Callable[[int], bool]) -> Iterator[list[int]]:
    """Has the store refuse batches of events; gives the sizes of those that it was asked for."""
    events, sizes = workspace._context.data.events, list[int]()
    insert = events.insert_many

    def insert_many(models: Any) -> list[str]:
        given = list(models)
        sizes.append(len(given))
        if refuses(len(given)):
            raise error
        return insert(given)

    events.insert_many = insert_many  # type: ignore[method-assign]
    try:
        yield sizes
    finally:
        events.insert_many = insert  # type: ignore[method-assign]


def reads(events: list[dict[str, Any]]) -> list[ReadEvent]:
    return [ReadEvent(number, event) for number, event in enumerate(events, 1)]


def test_a_batch_that_a_store_cannot_hold_is_parted(
    workspace: Workspace, rule: Callable[..., Any], started: Started
) -> None:
    """Halves of halves, until it can; nothing is lost and nothing counted twice."""
    workspace.rules.add([rule("a")])
    events = [started("a.exe", second) for second in range(20)]
    with refusing(workspace, InvalidInput("too many", code="batch_too_large"), lambda size: size > 6) as sizes:
        report = workspace.events.ingest([*events, *events], source="s")
    assert sizes == [20, 10, 5, 5, 10, 5, 5]
    assert (report.received, report.stored, report.duplicates, report.hits) == (40, 20, 20, 20)


def test_a_batch_that_others_were_in_the_way_of_is_tried_again(workspace: Workspace, started: Started) -> None:
    """A transaction that was undone is repeated, a few times."""
    left = [3]

    def undone(_: int) -> bool:
        left[0] -= 1
        return left[0] >= 0

    workspace._context.parts.clock.sleep = lambda _: None  # type: ignore[method-assign]
    with refusing(workspace, Conflict("undone", code="transaction_undone"), undone):
        assert workspace.events.ingest([started("a.exe")], source="s").stored == 1
    with (
        refusing(workspace, Conflict("undone", code="transaction_undone"), lambda _: True),
        pytest.raises(Conflict, match="undone"),
    ):
        workspace.events.ingest([started("b.exe")], source="s")


@pytest.mark.parametrize("value", [2**70, -(2**70)])
def test_an_event_that_no_store_can_hold_becomes_a_dead_letter(
    workspace: Workspace, rule: Callable[..., Any], started: Started, value: Any
) -> None:
    """The others of its batch are stored, and found things in them are told of."""
    workspace.rules.add([rule("a")])
    events = [started("a.exe"), started("a.exe", 1, Number=value), started("b.exe")]
    report = workspace.events.ingest(events, source="s")
    assert (report.stored, report.dead, report.hits) == (2, 1, 1)
    [letter] = workspace.events.dead_letters().items
    assert (letter.code, letter.raw, str(value) in letter.text) == ("event_not_storable", None, True)


def test_what_goes_along_is_stored_with_the_last_batch_or_not_at_all(workspace: Workspace, started: Started) -> None:
    """A cursor that is stored along says that all events before it are stored, and nothing less."""
    context, told = workspace._context, list[int]()
    events = [started("a.exe", second) for second in range(1_000)]
    take_in(context, Stream(source="s"), reads(events), along=lambda: told.append(context.data.events.count()))
    assert told == [1_000]
    take_in(context, Stream(source="s"), [], along=lambda: told.append(-1))
    assert told == [1_000, -1]

    def breaks() -> None:
        raise Broken

    with pytest.raises(Broken):
        take_in(context, Stream(source="other"), reads(events[:10]), along=breaks)
    assert context.data.events.count() == 1_000


def test_a_stream_that_breaks_off_leaves_what_was_stored(workspace: Workspace, started: Started) -> None:
    """What the reader raises comes out as it is; the batches before it are stored."""

    def broken() -> Iterator[dict[str, Any]]:
        yield from (started("a.exe", second) for second in range(1_000))
        raise Broken

    stored: list[int] = []
    with pytest.raises(Broken):
        workspace.events.ingest(broken(), source="s", progress=lambda report: stored.append(report.stored))
    assert workspace._context.data.events.count() == stored[-1] > 0


def test_ids_of_alerts_and_cases_leave_no_gaps(
    workspace: Workspace, rule: Callable[..., Any], started: Started
) -> None:
    """What was taken before a transaction and not used is given back."""
    workspace.rules.add([rule("a", "high"), rule("b", "high")])
    for number in range(4):
        batch = [started("a.exe", number), started("b.exe", number), started("a.exe", number, host=f"h{number}")]
        workspace.events.ingest(batch, source="s")
    data = workspace._context.data
    assert sorted(alert.id for alert in data.alerts.all()) == list(range(1, 7))
    assert sorted(case.id for case in data.cases.all()) == list(range(1, 6))


def test_events_of_one_tenant_are_asked_its_own_rules(zona: Zona, rule: Callable[..., Any], started: Started) -> None:
    """Two tenants with the same event and different rules, and alerts of one of them."""
    zona.system().tenants.add("acme")
    zona.system().tenants.add("globex")
    acme, globex = zona.tenant("acme"), zona.tenant("globex")
    acme.rules.add([rule("a")])
    globex.rules.add([rule("b")])
    for workspace, hits in ((acme, 1), (globex, 0)):
        assert workspace.events.ingest([started("a.exe")], source="s").hits == hits
    acme.rules.disable("a")
    assert acme.events.ingest([started("a.exe", 1)], source="s").hits == 0
    acme.rules.enable("a")
    assert acme.events.ingest([started("a.exe", 2)], source="s").hits == 1
