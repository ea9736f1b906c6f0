"""Duties are done by one worker of the fleet at a time, and whoever dies is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from waiting import until

from zona_core import AppDefinition, ConnectionReport, InvalidInput, NotFound, RunStatus, Zona
from zona_core.domain.playbooks import Approval, Step
from zona_core.usecases._engine.checkups import Checkups
from zona_core.usecases._engine.duties import Chore, Duties, Hold, LeaseLost
from zona_core.usecases._engine.retention import COMPLIANCE_KEY, Retention

Make = Callable[..., Any]
DAY = 1.0


def duties_of(zona: Zona, worker: str, work: Callable[[Hold], str], *, lease: float, interval: float = 0.001) -> Duties:
    chore = Chore(name="sweep", interval=interval, work=work)
    return Duties(lambda: zona._parts.database, [chore], lambda: worker, lease)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Zona, Zona]]:
    """Two processes' worth of Zona with one store."""
    store = f"sqlite:///{tmp_path / 'zona.db'}"
    with Zona(store=store) as one, Zona(store=store) as two:
        yield one, two


def test_a_duty_is_done_by_one_worker_at_a_time(pair: tuple[Zona, Zona]) -> None:
    """While one has it in hand, however often others look, they do not begin; then it is anybody's again."""
    one, two = pair
    begun, go, done = threading.Event(), threading.Event(), []

    def slow(hold: Hold) -> str:
        begun.set()
        assert go.wait(20)
        hold.check()
        done.append("one")
        return "swept"

    first = duties_of(one, "one", slow, lease=3.0)
    second = duties_of(two, "two", lambda hold: done.append("two") or "swept", lease=3.0)
    first._looked_at = second._looked_at = float("-inf")
    first.look()  # introduces it
    until(lambda: (_look(first), begun.is_set())[-1])
    [duty] = two.system().store.duties()
    assert (duty.id, duty.owner, duty.token, duty.ended_at) == ("sweep", "one", 1, None)
    for _ in range(20):
        _look(second)
    assert done == []
    go.set()
    until(lambda: two.system().store.duties()[0].ended_at)
    [duty] = two.system().store.duties()
    assert (duty.owner, duty.note, duty.error, duty.began_at is not None) == ("", "swept", "", True)
    until(lambda: (_look(second), "two" in done)[-1])
    first.stop()
    second.stop()


def _look(duties: Duties) -> None:
    """Looks at once, whenever it looked last."""
    duties._looked_at = float("-inf")
    duties.look()


def test_a_frozen_owner_is_replaced_and_writes_nothing_any_more(pair: tuple[Zona, Zona]) -> None:
    """Another worker begins once the lease is over; what the old one wanted to write is refused by the token."""
    one, two = pair
    begun, go, refused = threading.Event(), threading.Event(), threading.Event()
    roles = one.system().roles

    def frozen(hold: Hold) -> str:
        begun.set()
        assert go.wait(20)
        hold._renewed = time.monotonic()  # its own clock stood still, too: only the token can tell
        try:
            with one._parts.database.transaction():
                roles.put("late", permissions=["apps:read"])
                hold.fence()
        except LeaseLost:
            refused.set()
            raise
        return "wrote late"

    first = duties_of(one, "one", frozen, lease=0.5)
    second = duties_of(two, "two", lambda hold: hold.fence() or "took over", lease=0.5, interval=3600)
    until(lambda: (_look(first), begun.is_set())[-1])
    until(lambda: (_look(second), two.system().store.duties()[0].note == "took over")[-1])
    go.set()
    assert refused.wait(20)
    first.stop()
    second.stop()
    [duty] = two.system().store.duties()
    assert (duty.token, duty.note, duty.owner) == (2, "took over", "")
    with pytest.raises(NotFound):
        one.system().roles.get("late")


def test_an_owner_whose_lease_is_over_breaks_off_by_itself(pair: tuple[Zona, Zona]) -> None:
    """It asks its own clock before it goes on: nobody needs to tell it."""
    one, _ = pair
    begun, over = threading.Event(), threading.Event()

    def slow(hold: Hold) -> str:
        begun.set()
        with pytest.raises(LeaseLost):
            until(hold.check)  # which gives nothing as long as all is well
        over.set()
        return "broke off"

    duties = duties_of(one, "one", slow, lease=0.3)
    until(lambda: (_look(duties), begun.is_set())[-1])
    assert over.wait(20)
    duties.stop()


def test_a_lease_is_renewed_while_the_duty_goes_on(pair: tuple[Zona, Zona]) -> None:
    """One that takes longer than the lease is not taken from its owner."""
    one, two = pair
    begun, go = threading.Event(), threading.Event()

    def slow(hold: Hold) -> str:
        begun.set()
        assert go.wait(20)
        hold.fence()
        return "swept"

    first = duties_of(one, "one", slow, lease=30.0)
    second = duties_of(two, "two", lambda hold: "taken", lease=30.0)
    until(lambda: (_look(first), begun.is_set())[-1])
    [before] = two.system().store.duties()
    hold, _ = first._held["sweep"]
    first.look()
    assert two.system().store.duties() == [before]  # it is too early
    hold._renewed -= 15
    first.look()
    [after] = two.system().store.duties()
    assert (after.until > before.until, after.token) == (True, 1)
    _look(second)
    go.set()
    until(lambda: two.system().store.duties()[0].ended_at)
    [duty] = two.system().store.duties()
    assert (duty.token, duty.note) == (1, "swept")
    first.stop()
    second.stop()


def test_stopping_breaks_off_and_others_go_on(pair: tuple[Zona, Zona]) -> None:
    """A duty that was broken off is due at once."""
    one, two = pair
    begun, done = threading.Event(), threading.Event()

    def endless(hold: Hold) -> str:
        begun.set()
        while True:
            hold.check()
            time.sleep(0.01)

    first = duties_of(one, "one", endless, lease=20, interval=0.001)
    until(lambda: (_look(first), begun.is_set())[-1])
    first.stop()
    [duty] = one.system().store.duties()
    assert (duty.owner, duty.note, duty.error) == ("", "was broken off", "")
    second = duties_of(two, "two", lambda hold: done.set() or "", lease=20)
    until(lambda: (_look(second), done.is_set())[-1])
    second.stop()


def test_a_duty_that_fails_says_why_and_is_tried_again(pair: tuple[Zona, Zona]) -> None:
    """Its error is told without anything that it might have had in hand, and other duties go on."""
    one, _ = pair
    chores = [
        Chore(name="bad", interval=0.001, work=lambda hold: 1 / 0),  # type: ignore[arg-type, return-value]
        Chore(name="good", interval=3600, work=lambda hold: "well"),
        Chore(name="never", interval=0, work=lambda hold: "never"),
    ]
    duties = Duties(lambda: one._parts.database, chores, lambda: "one", 5.0)
    listed = one.system().store.duties
    _look(duties)
    database = one._parts.database
    for duty in listed():
        database.duties.modify({"_id": duty.id}, due_at=duty.until)
    until(lambda: (_look(duties), all(duty.ended_at for duty in listed()))[-1])
    bad, good = listed()
    assert (bad.id, bad.error, good.id, good.note) == ("bad", "ZeroDivisionError", "good", "well")
    until(lambda: (_look(duties), listed()[0].token >= 2)[-1])
    duties.stop()


# the duties themselves


class Held(Hold):
    """A hold that nobody contests."""

    def __init__(self) -> None:
        self.fences = 0

    def check(self) -> None:
        pass

    def fence(self) -> None:
        self.fences += 1


def aged(zona: Zona, *, days: float) -> None:
    """Has all runs so far look as if they were so old."""
    data = zona.tenant()._context.data
    for run in data.runs.all():
        back = timedelta(days=days)
        ended = run.ended_at - back if run.ended_at else None
        data.runs.replace(evolve(run, created_at=run.created_at - back, ended_at=ended))


def test_old_runs_go_with_their_steps_and_blobs(plugin: Any, app_factory: Make, echo: Make, playbook: Make) -> None:
    """Those that are past the time and have ended, with all that belongs to them; younger ones stay."""
    plugin.handler.functions["echo"] = lambda call: {"text": "x" * 3_000}
    with Zona(
        store="memory://", plugins={"function": plugin}, run_retention_days=DAY, max_result_bytes=1_024, workers=4
    ) as zona:
        work = zona.tenant()
        work.apps.upsert(app_factory())
        work.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        work.playbooks.save(playbook(echo("inner"), title="Inner"))
        work.playbooks.save(playbook(echo("each", for_each=[1, 2, 3]), Step(name="sub", playbook="Inner")))
        old = work.playbooks.run("Enrich")
        old_single = work.runs.run("Demo", "echo", inputs={"text": "x"})
        aged(zona, days=2)
        waiting = work.playbooks.save(playbook(Step(name="ask", approval=Approval(message="?")), title="Ask"))
        asked = work.playbooks.start(waiting.id)
        until(lambda: work.runs.get(asked.id).status is RunStatus.WAITING)
        data = work._context.data
        data.runs.modify({"_id": asked.id}, created_at=old.created_at - timedelta(days=9))
        young = work.runs.run("Demo", "echo", inputs={"text": "x"})
        hold = Held()
        assert Retention(zona._parts).work(hold) == "2 runs were removed"
        assert hold.fences
        left = {run.id for run in data.runs.all()}
        assert left == {asked.id, young.id}
        assert {blob.key for blob in data.blobs.all()} == {f"runs/{young.id}/1"}
        assert Retention(zona._parts).work(hold) == "0 runs were removed"
        with pytest.raises(NotFound):
            work.runs.get(old_single.id)
        work.runs.cancel(asked.id)


def test_a_tenant_may_keep_its_runs_longer_or_for_ever(zona: Zona, plugin: Any) -> None:
    """What its compliance settings say counts, whatever the setting says."""
    plugin.handler.functions["echo"] = lambda call: {}
    work, database = zona.tenant(), zona._parts.database
    work.runs.run("Demo", "echo", inputs={"text": "x"})
    aged(zona, days=5)
    retention = Retention(zona._parts)
    for days, removed in (("", 0), (0, 0), (10, 0), ("much", 0), (2, 1)):
        tenant = database.tenants.need("localhost")
        database.tenants.replace(evolve(tenant, compliance={COMPLIANCE_KEY: days}))
        assert retention.work(Held()) == f"{removed} runs were removed"


def test_a_run_that_another_one_repeats_is_kept(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """Its steps count for the one that is under way; once that has ended, it may go."""
    plugin.handler.functions["echo"] = lambda call: {}
    work, database = zona.tenant(), zona._parts.database
    work.playbooks.save(playbook(echo("one"), Step(name="ask", approval=Approval(message="?"))))
    first = work.playbooks.start("Enrich")
    until(lambda: work.runs.get(first.id).status is RunStatus.WAITING)
    work.runs.cancel(first.id)
    work.runs.wait(first.id, seconds=20)
    again = work.runs.replay(first.id)
    until(lambda: work.runs.get(again.id).status is RunStatus.WAITING)
    aged(zona, days=5)
    tenant = database.tenants.need("localhost")
    database.tenants.replace(evolve(tenant, compliance={COMPLIANCE_KEY: 1}))
    assert Retention(zona._parts).work(Held()) == "0 runs were removed"
    work.runs.cancel(again.id)
    work.runs.wait(again.id, seconds=20)
    aged(zona, days=5)
    assert Retention(zona._parts).work(Held()) == "2 runs were removed"


def test_instances_are_checked_as_often_as_they_ask(zona: Zona, plugin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those that ask for it; what was found is noted once, and again when it changes."""
    found = [True]
    monkeypatch.setattr(
        plugin.handler, "test", lambda connection, timeout: ConnectionReport(ok=found[0], detail="told"), raising=False
    )
    work = zona.tenant()
    work.instances.add("Demo", title="other", values={"api_key": "s3cret-value"})
    with pytest.raises(InvalidInput):
        work.instances.update("Demo", "main", health_check_config={"interval": 1, "nonsense": 2})
    work.instances.update("Demo", "main", health_check_config={"interval": 10})
    checkups = Checkups(zona._parts)
    assert checkups.work(Held()) == "1 instances were checked, 0 do not work"
    after = work.instances.get("Demo", "main")
    assert (after.monitoring["health"]["ok"], after.last_health_check is not None) == (True, True)
    assert checkups.work(Held()) == "0 instances were checked, 0 do not work"
    checkups._checked = dict.fromkeys(checkups._checked, float("-inf"))
    assert checkups.work(Held()) == "1 instances were checked, 0 do not work"
    assert work.instances.get("Demo", "main").revision == after.revision  # nobody who edits it is disturbed
    found[0] = False
    checkups._checked = dict.fromkeys(checkups._checked, float("-inf"))
    assert checkups.work(Held()) == "1 instances were checked, 1 do not work"
    health = work.instances.get("Demo", "main").monitoring["health"]
    assert (health["ok"], health["detail"]) == (False, "told")
    assert work.instances.get("Demo", "other").monitoring == {}


def test_workers_do_their_duties(plugin: Any, app_factory: Callable[..., AppDefinition], tmp_path: Path) -> None:
    """Two that take part in the work remove old runs, rotate the signing key, and list what they did."""
    store = f"sqlite:///{tmp_path / 'zona.db'}"
    often = ("retention", "expiry", "licence", "key", "escalation", "case_clock")
    soon = {f"{name}_interval": 0.1 for name in often}
    options: dict[str, Any] = {"lease_seconds": 1.0, "run_retention_days": 0.000_01, "signing_key_days": 0.000_001}
    plugin.handler.functions["echo"] = lambda call: {}
    with (
        Zona(store=store, plugins={"function": plugin}, **soon, **options) as one,
        Zona(store=store, plugins={"function": plugin}, **soon, **options) as two,
    ):
        one.tenant().apps.upsert(app_factory())
        one.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        key = one.system().signing_keys.rotate()
        run = one.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
        one.work()
        two.work()

        def gone() -> bool:
            return not one.tenant().runs.list().items

        until(gone)
        with pytest.raises(NotFound):
            two.tenant().runs.get(run.id)
        until(lambda: one.system().signing_keys.list(limit=1).items[0].kid != key.kid)
        names = [
            "case_clocks",
            "escalation",
            "event_retention",
            "expiry",
            "health_checks",
            "licence",
            "retention",
            "signing_keys",
        ]
        until(lambda: all(duty.ended_at for duty in two.system().store.duties() if duty.id != "health_checks"))
        listed = two.system().store.duties()
        assert [duty.id for duty in listed] == names
        assert {duty.error for duty in listed} == {""}
