"""Clocks of cases: what has run out is noted once, told to those whom the policy names, in each tenant by itself."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from zona_core import TenantUnavailable, Workspace, Zona
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import Case, EntryKind
from zona_core.domain.clocks import RESOLVE, RESPOND, breached, reopened_clocks, responded, started_clocks, with_clocks
from zona_core.domain.policies import CaseOption, Channel, EscalationStep
from zona_core.usecases._engine.case_clocks import CaseClocks
from zona_core.usecases._engine.chores import chores_of
from zona_core.usecases._engine.duties import LeaseLost


class Held:
    """A hold that nobody takes away."""

    def check(self) -> None:
        """It is still this worker's."""

    def fence(self) -> None:
        """It is still this worker's."""


class Lost(Held):
    """One that another worker has by now."""

    def fence(self) -> None:
        """It is lost."""
        raise LeaseLost("another worker has it")


def look(zona: Zona) -> str:
    """One look of a worker at all clocks."""
    return CaseClocks(zona._parts).work(Held())  # type: ignore[arg-type]


def breaches(here: Workspace, case: int) -> list[tuple[str, str]]:
    """The clocks that a case's timeline says have run out, and when they were due."""
    entries = here.cases.timeline(case, kind=EntryKind.BREACH).items
    return [(entry.details["clock"], entry.details["due"]) for entry in entries]


def test_a_clock_that_has_run_out_is_noted_once(zona: Zona, here: Workspace, clock: Any) -> None:
    """In the case, its timeline and the trail; the other clock goes on."""
    here.cases.create("Case", respond_within=60, resolve_within=120)
    clock.move(59.999)
    assert look(zona) == "clocks of 0 cases had run out"
    clock.move(0.001)
    assert look(zona) == "clocks of 1 cases had run out"
    assert look(zona) == "clocks of 0 cases had run out"
    case = here.cases.get(1)
    assert (case.breaches, case.breach_at) == (("respond",), case.resolve_by)
    assert breaches(here, 1) == [("respond", "2030-01-01T00:01:00Z")]
    assert here.audit.search().items[0].action == "cases.breach"
    clock.move(3_600)
    look(zona)
    assert here.cases.get(1).breaches == ("respond", "resolve")
    assert here.cases.get(1).breach_at is None
    assert look(zona) == "clocks of 0 cases had run out"


def test_both_clocks_may_have_run_out(zona: Zona, here: Workspace, clock: Any) -> None:
    """While no worker was there: both are noted at once."""
    here.cases.create("Case", respond_within=60, resolve_within=120)
    clock.move(3_600)
    look(zona)
    assert [name for name, _ in breaches(here, 1)] == ["respond", "resolve"]


def test_clocks_that_stand_still_run_out_no_more(zona: Zona, here: Workspace, clock: Any) -> None:
    """Those of cases that were begun, closed or merged."""
    for _ in range(3):
        here.cases.create("Case", respond_within=60, resolve_within=120)
    here.cases.comment(1, "Begun.")
    here.cases.close(1, Resolution.BENIGN)
    here.cases.merge(2, [3])
    here.cases.close(2, Resolution.BENIGN)
    clock.move(3_600)
    assert look(zona) == "clocks of 0 cases had run out"


def test_the_policys_channels_are_told(
    zona: Zona, here: Workspace, send: Any, line: Any, policy: Any, clock: Any
) -> None:
    """Each once for each clock, whatever step names it; that is told in the timeline."""
    data = zona._parts.database.tenant("localhost")
    for number, title in enumerate(("SOC", "Boss"), 1):
        data.channels.insert(
            Channel(id=number, title=title, notifier="webhook", created_ts=clock.now(), updated_ts=clock.now())
        )
    steps = (EscalationStep(after=600, channels=("SOC",)), EscalationStep(after=3_600, channels=("Boss", "SOC")))
    policy(escalation=steps, case=CaseOption(respond_within=60))
    send(line(1))
    clock.move(60)
    look(zona)
    sent = [each for each in data.deliveries.all() if each.target == "cases/1"]
    assert sorted(each.channel for each in sent) == ["Boss", "SOC"]
    assert {each.subject for each in sent} == {"Case 1, Bad (host web1): nobody has begun in time"}
    assert {each.severity for each in sent} == {"high"}
    told = [entry.text for entry in here.cases.timeline(1, kind=EntryKind.NOTIFIED).items]
    assert sorted(told) == ["Boss", "SOC"]


def test_each_tenant_has_its_own(zona: Zona, clock: Any) -> None:
    """One that is suspended is left out, and looked at once it is active again."""
    for code in ("acme", "zeta"):
        zona.system().tenants.add(code)
        zona.tenant(code).cases.create("Case", respond_within=60)
    zona.system().tenants.suspend("zeta")
    clock.move(60)
    assert look(zona) == "clocks of 1 cases had run out"
    assert zona.tenant("acme").cases.get(1).breaches == ("respond",)
    with pytest.raises(TenantUnavailable):
        zona.tenant("zeta")
    zona.system().tenants.activate("zeta")
    assert look(zona) == "clocks of 1 cases had run out"
    assert zona.tenant("zeta").cases.get(1).breaches == ("respond",)


def test_a_worker_that_has_lost_the_duty_notes_nothing(zona: Zona, here: Workspace, clock: Any) -> None:
    """Its writes are undone; whoever has the duty does them."""
    here.cases.create("Case", respond_within=60)
    clock.move(60)
    with pytest.raises(LeaseLost):
        CaseClocks(zona._parts).work(Lost())  # type: ignore[arg-type]
    assert here.cases.get(1).breaches == ()
    assert breaches(here, 1) == []
    assert look(zona) == "clocks of 1 cases had run out"


def test_workers_look_at_clocks(zona: Zona, here: Workspace, clock: Any) -> None:
    """It is one of the duties that each worker knows, as often as the setting says."""
    [chore] = [chore for chore in chores_of(zona._parts) if chore.name == "case_clocks"]
    assert chore.interval == zona._parts.settings.case_clock_interval == 30.0
    here.cases.create("Case", respond_within=60)
    clock.move(60)
    assert chore.work(Held()) == "clocks of 1 cases had run out"  # type: ignore[arg-type]


@pytest.fixture
def case(clock: Any) -> Case:
    """A case with both clocks."""
    bare = Case(id=1, title="Case", severity="low", created_at=clock.now(), updated_at=clock.now())
    return started_clocks(bare, 60.0, 120.0)


def test_the_next_moment_is_that_of_a_clock_that_runs(case: Case, clock: Any) -> None:
    """As long as there is one; the first to run out is the next."""
    assert case.breach_at == case.respond_by
    begun = with_clocks(responded(case, clock.now()))
    assert begun.breach_at == case.resolve_by
    assert responded(begun, case.resolve_by or clock.now()).responded_at == clock.now()
    clock.move(200)
    late, over = breached(case, clock.now())
    assert (over, late.breaches, late.breach_at) == ((RESPOND, RESOLVE), (RESPOND, RESOLVE), None)
    assert breached(late, clock.now()) == (late, ())
    assert started_clocks(evolve(case, respond_by=None, resolve_by=None), 0.0, 0.0).breach_at is None


def test_a_clock_that_stood_still_goes_on_where_it_stood(case: Case, clock: Any) -> None:
    """Without a clock, or without an end, there is nothing to go on with."""
    clock.move(90)
    closed = evolve(case, closed_at=clock.now())
    clock.move(1_000)
    again = reopened_clocks(closed, clock.now())
    assert again.resolve_by is not None
    assert (again.resolve_by - clock.now()).total_seconds() == 30
    assert reopened_clocks(case, clock.now()) == case
    assert reopened_clocks(evolve(closed, resolve_by=None), clock.now()).resolve_by is None
