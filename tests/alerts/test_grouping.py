"""Which hits are one alert: by rule, group and window, whatever the order and the batches in which they come."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zona_core import Zona
from zona_core.domain.alerts import AlertState, Resolution
from zona_core.domain.silences import SilenceDefinition

#: when the first event happens
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
#: half hours at which events happen; the window is an hour, so that 2 is near and 3 is not
_MOMENTS = st.lists(st.tuples(st.sampled_from(["ws-1", "ws-2"]), st.integers(0, 12)), min_size=1, max_size=12)


def parted(events: list[tuple[str, int]]) -> list[tuple[str, int, int, int]]:
    """The alerts that there should be: host, first and last half hour, hits."""
    found = []
    for host in sorted({host for host, _ in events}):
        moments = sorted(at for each, at in events if each == host)
        breaks = [0, *(i for i in range(1, len(moments)) if moments[i] - moments[i - 1] > 2), len(moments)]
        for begin, end in itertools.pairwise(breaks):
            found.append((host, moments[begin], moments[end - 1], end - begin))
    return found


def told(work: Any) -> list[tuple[str, int, int, int]]:
    """The alerts that there are, in the same terms."""

    def halves(at: Any) -> int:
        return round((at - NOON) / timedelta(minutes=30))

    alerts = work.alerts.list().items
    return sorted((each.entity[5:], halves(each.first_at), halves(each.last_at), each.count) for each in alerts)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_MOMENTS, sizes=st.lists(st.integers(1, 5), min_size=12, max_size=12), data=st.data())
def test_batches_do_not_matter(
    open_zona: Any, furnish: Any, policy: Any, raw: Any, events: list[tuple[str, int]], sizes: list[int], data: Any
) -> None:
    """Events that come in the order in which they happened make the same alerts, in whichever batches they come.

    Within a batch their order does not matter, and what comes again is counted once.
    """
    with open_zona() as zona:
        work = furnish(zona)
        work.policies.save(policy(window=3_600.0))
        ordered = sorted(enumerate(events, 1), key=lambda each: each[1][1])
        rest = [raw(number, host=host, minute=30 * at) for number, (host, at) in ordered]
        for size in sizes:
            batch, rest = rest[:size], rest[size:]
            if batch:
                shuffled = data.draw(st.permutations(batch))
                work.events.ingest(shuffled, source="win")
                work.events.ingest(shuffled, source="win")
        assert told(work) == parted(events)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations([("ws-1", 0), ("ws-1", 1), ("ws-1", 2), ("ws-2", 0), ("ws-2", 2)]), at_once=st.booleans())
def test_what_lies_within_a_window_is_one_alert_in_any_order(
    open_zona: Any, furnish: Any, policy: Any, raw: Any, order: list[tuple[str, int]], at_once: bool
) -> None:
    """Hits none of which is further from another than the window belong together, whichever comes first."""
    with open_zona() as zona:
        work = furnish(zona)
        work.policies.save(policy(window=3_600.0))
        raws = [raw(number, host=host, minute=30 * at) for number, (host, at) in enumerate(order)]
        for batch in [raws] if at_once else [[each] for each in raws]:
            work.events.ingest(batch, source="win")
        assert told(work) == [("ws-1", 0, 2, 3), ("ws-2", 0, 2, 2)]


def test_a_late_event_between_two_alerts_joins_the_later_one(zona: Zona, policy: Any, hit: Any) -> None:
    """Alerts that somebody may have seen to are not merged."""
    work = zona.tenant()
    work.policies.save(policy(window=3_600.0))
    hit(work, 1)
    first, second = hit(work, 2, minute=110)
    after = hit(work, 3, minute=55)
    assert [(each.id, each.count) for each in after] == [(first.id, 1), (second.id, 2)]
    assert after[1].first_at == first.first_at + timedelta(minutes=55)


def test_rules_and_groups_are_kept_apart(zona: Zona, policy: Any, hit: Any) -> None:
    """Another rule, and another value of what hits are grouped by, make another alert; policies say by what."""
    work = zona.tenant()
    work.policies.save(policy(group_by=("host", "user")))
    hit(work, 1)
    hit(work, 2, host="ws-2")
    alerts = hit(work, 3, event_id=1102)
    assert [(each.rule, each.group["host"]) for each in alerts] == [
        ("failed-logon", "ws-1"),
        ("failed-logon", "ws-2"),
        ("log-cleared", "ws-1"),
    ]
    assert alerts[0].group == {"host": "ws-1", "user": "ann"}


def test_closed_alerts_take_nothing_in(zona: Zona, hit: Any) -> None:
    """What comes after that makes another one; acknowledged ones go on."""
    work = zona.tenant()
    [alert] = hit(work, 1)
    work.alerts.acknowledge(alert.id)
    [alert] = hit(work, 2)
    assert (alert.count, alert.state) == (2, AlertState.ACKNOWLEDGED)
    work.alerts.close(alert.id, resolution=Resolution.BENIGN)
    alerts = hit(work, 3)
    assert [(each.count, each.state) for each in alerts] == [(2, AlertState.CLOSED), (1, AlertState.OPEN)]


def test_a_policy_may_want_no_alerts(zona: Zona, policy: Any, hit: Any) -> None:
    """Its rules are asked, and nothing comes of it; the next policy is for the others."""
    work = zona.tenant()
    work.policies.save(policy(alerts=False, rules=("failed-logon",), order=1))
    work.policies.save(policy(title="Rest", severity="low"))
    assert hit(work, 1) == []
    [alert] = hit(work, 2, event_id=1102)
    assert (alert.severity, alert.policy_id) == ("low", 2)


def test_events_of_an_alert_come_by_pages(zona: Zona, raw: Callable[..., Any]) -> None:
    """The earliest first; those that were removed are left out."""
    work = zona.tenant()
    work.events.ingest([raw(number, minute=number) for number in range(5)], source="win")
    [alert] = work.alerts.list().items
    first = work.alerts.events(alert.id, limit=2)
    rest = work.alerts.events(alert.id, after=first.next, limit=5)
    assert [event.raw["RecordNumber"] for event in (*first.items, *rest.items)] == [0, 1, 2, 3, 4]
    assert (len(first.items), rest.next) == (2, None)
    zona._parts.database.tenant("localhost").events.delete(first.items[0].id)
    assert len(work.alerts.events(alert.id).items) == 4


def test_a_silence_keeps_hits_apart(zona: Zona, hit: Any) -> None:
    """What comes while it holds makes a suppressed alert, which takes in what else is silenced; the others go on."""
    work = zona.tenant()
    hit(work, 1)
    silence = work.silences.save(SilenceDefinition(title="Quiet", group={"entity": "host:ws-1"}))
    hit(work, 2)
    alerts = hit(work, 3)
    assert [(each.state, each.count, each.silence_id) for each in alerts] == [
        (AlertState.OPEN, 1, 0),
        (AlertState.SUPPRESSED, 2, silence.id),
    ]
    work.silences.end(silence.id)
    alerts = hit(work, 4)
    assert [each.count for each in alerts] == [2, 2]
