"""Workers that die or stand still while they fetch: nothing is lost, and nothing is there twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from event_server import EventServer
from feed_samples import data_of, feed, made_events, make_due
from waiting import until

from zona_core import Zona
from zona_core.domain.feeds import Resume

#: what a worker's process does; PATCH may have it killed somewhere
WORKER = """
import os, signal, sys
from zona_core import Zona
from zona_core.persistence.repository import Repository
from zona_core.usecases._feeds.claims import Claim
from zona_core.usecases._feeds.polling import Poll
from zona_core.usecases._intake.batch import Batch

def dies(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

with Zona(store=sys.argv[1], lease_seconds=1.0, workers=2) as zona:
    PATCH
    zona.work()
    print("ready", flush=True)
    sys.stdin.read()
"""
#: dies after the first page
AFTER_ONE = """
    whole = Poll._store
    def one(*given):
        whole(*given)
        dies()
    Poll._store = one
"""
COUNT = 20_000
Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def process(url: str) -> Iterator[Started]:
    """Starts processes that work."""
    begun: list[subprocess.Popen[str]] = []

    def started(patch: str = "") -> subprocess.Popen[str]:
        made = subprocess.Popen(
            [sys.executable, "-c", WORKER.replace("PATCH", patch or "pass"), url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(made)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        return made

    yield started
    for each in begun:
        each.kill()
        each.communicate()


def count_of(zona: Zona) -> int:
    """How many events are stored."""
    found: int = data_of(zona).events.count({"source": "Feed"}, limit=10 * COUNT)
    return found


def all_of(**more: Any) -> Any:
    """A feed whose polls take all pages of 500."""
    return feed(inputs={"after": "{{ cursor }}", "since": "{{ since }}", "limit": 500}, most_pages=1_000, **more)


def test_no_event_is_lost_or_doubled_by_workers_that_are_killed(
    zona: Zona, source: EventServer, process: Started
) -> None:
    """Two workers; whichever polls is killed again and again, at random points: all events are there, each once."""
    source.events, chance = made_events(COUNT), random.Random(7)
    source.slow = 0.02
    workers = [process(), process()]
    zona.tenant().feeds.save(all_of())
    for goal in sorted(chance.sample(range(100, COUNT - 500), 6)):
        until(lambda goal=goal: count_of(zona) >= goal)
        owner = data_of(zona).feed_states.get(1).owner
        dying = next((each for each in workers if owner.endswith(f"/{each.pid}")), workers[0])
        os.kill(dying.pid, signal.SIGKILL)
        dying.wait()
        workers[workers.index(dying)] = process()
    until(lambda: zona.tenant().feeds.state("Feed").state.caught_up_at)
    ids = {event.raw["id"] for event in data_of(zona).events.all()}
    assert (len(ids), count_of(zona)) == (COUNT, COUNT)
    assert data_of(zona).dead_letters.all() == []


@pytest.mark.parametrize(
    "patch",
    [
        "Claim.write = dies",
        "Batch.store = lambda self, along=None: dies()",
        "give_back = Claim.give_back; Claim.give_back = dies",
    ],
    ids=["within a page's transaction", "before a page is stored", "after the last page"],
)
def test_a_worker_that_is_killed_leaves_the_feed_to_another(
    zona: Zona, source: EventServer, process: Started, patch: str
) -> None:
    """It takes the feed over once the lease is over, and begins where the last page was stored."""
    source.events = made_events(1_200)
    zona.tenant().feeds.save(all_of())
    dying = process(patch)
    assert dying.wait(60) == -signal.SIGKILL
    process()
    until(lambda: zona.tenant().feeds.state("Feed").state.succeeded_at)
    assert count_of(zona) == 1_200
    assert zona.tenant().feeds.state("Feed").state.owner == ""


def test_how_far_it_has_come_is_stored_with_the_events(zona: Zona, source: EventServer, process: Started) -> None:
    """A worker that dies between a page and the next one has the next one begin there: no page comes twice."""
    source.events = made_events(3_000)
    zona.tenant().feeds.save(all_of())
    assert process(AFTER_ONE).wait(60) == -signal.SIGKILL
    state = zona.tenant().feeds.state("Feed").state
    assert (count_of(zona), state.cursor, state.page) == (500, "500", 1)
    process()
    until(lambda: count_of(zona) == 3_000)
    until(lambda: not zona.tenant().feeds.state("Feed").state.owner)
    assert [asked.get("after") for asked in source.asked] == [None, "500", "1000", "1500", "2000", "2500"]


def test_one_that_stood_still_changes_nothing_when_it_goes_on(
    zona: Zona, source: EventServer, process: Started
) -> None:
    """Another takes over after the lease; the frozen one, woken with a page in its hands, moves nothing with it."""
    source.events, source.slow = made_events(6_000), 0.05
    frozen = process()
    zona.tenant().feeds.save(all_of())
    until(lambda: count_of(zona) >= 1_000)
    source.troubles.append("hang")
    until(lambda: not source.troubles and source.under_way)  # it waits for a page, and is in no transaction
    os.kill(frozen.pid, signal.SIGSTOP)
    token = data_of(zona).feed_states.get(1).token
    other = process()
    until(lambda: data_of(zona).feed_states.get(1).owner.endswith(f"/{other.pid}"))
    assert data_of(zona).feed_states.get(1).token > token
    until(lambda: zona.tenant().feeds.state("Feed").state.caught_up_at)
    state = zona.tenant().feeds.state("Feed").state
    other.kill()
    other.wait()
    source.released.set()
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: not source.under_way)
    assert zona.tenant().feeds.state("Feed").state == state
    assert count_of(zona) == 6_000
    source.events += made_events(500, 6_000)
    make_due(zona)
    until(lambda: count_of(zona) == 6_500)
    assert len({event.raw["id"] for event in data_of(zona).events.all()}) == 6_500


def test_two_workers_never_poll_one_feed_at_a_time(zona: Zona, source: EventServer, process: Started) -> None:
    """However often it is due."""
    source.events, source.slow = made_events(100), 0.05
    process()
    process()
    zona.tenant().feeds.save(feed(interval=1.0, time="", resume=Resume.TIME))
    for _ in range(6):
        count = len(source.asked)
        make_due(zona)
        until(lambda count=count: len(source.asked) > count)
    assert source.most_under_way == 1
    assert count_of(zona) == 100
