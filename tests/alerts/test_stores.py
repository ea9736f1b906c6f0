"""Alerts and deliveries on each document store: what is due is found, claimed once and removed in the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from real_servers import ReplicaSet, ServerMissing, replica_set

from zona_core import Zona
from zona_core.domain.notifications import DeliveryState
from zona_core.domain.policies import EscalationStep
from zona_core.persistence.collections import ALERTS, DELIVERIES
from zona_core.persistence.due_tenants import DueTenants
from zona_core.ports.store import Range
from zona_core.usecases._alert_search import AlertFilter
from zona_core.usecases._engine.escalation import Escalations
from zona_core.usecases._engine.outbox import Outbox

_numbers = itertools.count()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """A replica set of one node."""
    try:
        context = replica_set(tmp_path_factory.mktemp("mongo"), 1)
        made = context.__enter__()
    except ServerMissing as exc:
        exc.report()
    yield made
    context.__exit__(None, None, None)


@pytest.fixture(params=["memory", "sqlite", "mongo"])
def zona(request: pytest.FixtureRequest, tmp_path: Path, open_zona: Any, furnish: Any, clock: Any) -> Iterator[Zona]:
    """A Zona on each store in turn, with two tenants that have rules and channels; its store goes by ``clock``."""
    name, url, drop = f"alerts_{next(_numbers)}", "memory://", None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL"
    elif request.param == "mongo":
        drop = request.getfixturevalue("servers")
        url = drop.url_of(name)
    with open_zona(store=url) as made:
        made._parts.database.store.now = clock.now
        made.system().tenants.add("acme")
        for tenant in ("localhost", "acme"):
            furnish(made, tenant)
        yield made
    if drop is not None:
        with pymongo.MongoClient(drop.url) as client:
            client.drop_database(name)


class Holding:
    """A duty that nobody takes away."""

    def check(self) -> None:
        pass

    fence = check


def test_from_an_alert_to_what_was_sent(zona: Zona, clock: Any, policy: Any, raw: Any) -> None:
    """Steps come due in both tenants; deliveries are found, claimed one by one, settled, listed, and forgotten."""
    steps = (EscalationStep(channels=("A", "B")), EscalationStep(after=60, channels=("A",), severity="critical"))
    database = zona._parts.database
    for tenant in ("localhost", "acme"):
        work = zona.tenant(tenant)
        work.policies.save(policy(escalation=steps))
        work.events.ingest([raw(number, host=f"ws-{number}") for number in range(3)], source="win")
    waiting = DueTenants(
        database, DELIVERIES, lambda now: {"state": "pending", "due_at": Range(lte=now)}, clock.monotonic
    )
    assert sorted(waiting.codes()) == ["acme", "localhost"]
    outbox = Outbox(database.tenant("acme"))
    claimed = [outbox.claim("w") for _ in range(7)]
    assert (len({each.id for each in claimed if each}), claimed[-1]) == (6, None)
    assert waiting.codes() == ["localhost"]
    for each in claimed[:-1]:
        assert each is not None
        assert outbox.settle(each, None, 0.5) is DeliveryState.SENT
    due = DueTenants(database, ALERTS, lambda now: {"state": "open", "escalate_at": Range(lte=now)}, clock.monotonic)
    assert due.codes() == []
    clock.move(60)
    acme = zona.tenant("acme")
    acme.alerts.acknowledge(1)
    assert sorted(due.codes()) == ["acme", "localhost"]
    assert Escalations(zona._parts).work(Holding()) == "5 alerts went on to their next step"  # type: ignore[arg-type]
    assert due.codes() == []
    assert [each.id for each in acme.alerts.list(AlertFilter(severity="high")).items] == [1]
    assert {each.value: each.count for each in acme.alerts.figures("severity")} == {"critical": 2, "high": 1}
    assert sorted(each.state.value for each in acme.alerts.notifications(2).items) == ["pending", "sent", "sent"]
    clock.move(91 * 86_400)
    zona.system().store.expire()
    assert acme.alerts.notifications(2).items == []
    assert zona.system().store.check().notes == ()
