"""Events that are past the time for which a tenant keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from zona_core import Workspace, Zona
from zona_core.domain.alerts import AlertState
from zona_core.usecases._engine.event_retention import COMPLIANCE_KEY, EventRetention


class Unfenced:
    """A hold that nobody contests."""

    def fence(self) -> None:
        """Nobody else has the duty."""


def removed(zona: Zona) -> str:
    return EventRetention(zona._parts).work(Unfenced())  # type: ignore[arg-type]


def test_what_is_too_old_goes_and_what_belongs_to_a_case_stays(
    zona: Zona, workspace: Workspace, rule: Callable[..., Any], started: Callable[..., Any]
) -> None:
    """Events of cases stay, and so do alerts that are open; dead letters go as well."""
    workspace.rules.add([rule("grave", "high"), rule("slight", "low")])
    events = [started("grave.exe"), started("slight.exe", host="ws2"), started("none.exe"), {"no": "event"}]
    workspace.events.ingest(events, source="s")
    data = workspace._context.data
    assert (data.events.count(), data.dead_letters.count(), data.cases.count()) == (3, 1, 1)
    assert removed(zona) == "0 events were removed"
    tenant = zona.system().tenants.get("localhost")
    zona.system().tenants.set_compliance("localhost", {COMPLIANCE_KEY: 1e-9}, revision=tenant.revision)
    assert removed(zona) == "2 events were removed"
    [left] = data.events.all()
    assert left.host == "ws1"
    assert (data.dead_letters.count(), data.alerts.count()) == (0, 2)
    assert {link.event_id for link in data.event_links.all()} == {left.id}


def test_alerts_that_are_done_go_with_their_events(
    zona: Zona, workspace: Workspace, rule: Callable[..., Any], started: Callable[..., Any]
) -> None:
    """One that was closed and belongs to no case is removed."""
    workspace.rules.add([rule("slight", "low")])
    workspace.events.ingest([started("slight.exe")], source="s")
    data = workspace._context.data
    [alert] = data.alerts.all()
    data.alerts.replace(evolve(alert, state=AlertState.CLOSED))
    zona.system().tenants.set_compliance("localhost", {COMPLIANCE_KEY: 1e-9})
    removed(zona)
    assert (data.events.count(), data.alerts.count(), data.event_links.count()) == (0, 0, 0)
