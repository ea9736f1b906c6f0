"""The limiter in memory keeps the contract; it starts no threads, survives a fork and stays within its bounds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import zona_limits.plugin
from zona_core.errors import ConfigurationError
from zona_core.hookspecs import PluginDetails
from zona_core.testing.limiter_contract import ManualTime, RateLimiterContract
from zona_limits._counters import Counters
from zona_limits._memory import MemoryRateLimiter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualTime:
    """The time of the whole process: the library has no other."""
    manual = ManualTime()
    monkeypatch.setattr(time, "time", manual.time)
    return manual


class TestMemoryRateLimiter(RateLimiterContract):
    """The contract, on the limiter in memory."""

    @pytest.fixture
    def clock(self, clock: ManualTime) -> ManualTime:
        return clock

    @pytest.fixture
    def limiter(self, clock: ManualTime) -> MemoryRateLimiter:
        return MemoryRateLimiter()


def allowed(limiter: MemoryRateLimiter, limit: int, tries: int, per: float = 60) -> int:
    """How many of so many requests are allowed."""
    return sum(limiter.hit("a", limit, per).allowed for _ in range(tries))


@pytest.mark.parametrize("into_the_next", [0.001, 15, 30, 45, 59.999])
def test_no_burst_at_the_edge_of_two_windows(clock: ManualTime, into_the_next: float) -> None:
    """Within a minute around the edge there is never more than one request above the limit."""
    limiter = MemoryRateLimiter()
    clock.advance(59.999)
    assert allowed(limiter, 100, 200) == 100
    clock.advance(0.001 + into_the_next)
    free = into_the_next / 60 * 100
    assert free - 1 <= allowed(limiter, 100, 200) <= free + 1


def test_requests_that_keep_to_the_limit_all_pass(clock: ManualTime) -> None:
    """One request each 600 ms is never refused by a limit of 100 in a minute."""
    limiter = MemoryRateLimiter()
    for _ in range(1000):
        assert limiter.hit("a", 100, 60).allowed
        clock.advance(0.6001)


def test_a_clock_that_is_set_back_does_no_harm(clock: ManualTime) -> None:
    """Counting goes on in the window that the clock shows."""
    limiter = MemoryRateLimiter()
    allowed(limiter, 3, 3)
    clock.advance(-600)
    assert allowed(limiter, 3, 5) == 3


def test_no_thread_stays() -> None:
    """Neither opening a limiter nor counting leaves a thread behind."""
    before = set(threading.enumerate())
    limiter = MemoryRateLimiter()
    allowed(limiter, 3, 5)
    assert set(threading.enumerate()) == before
    limiter.close()
    assert set(threading.enumerate()) == before


def test_a_process_that_counts_can_end() -> None:
    """A limiter that nobody closed does not keep its process alive."""
    program = "from zona_limits._memory import MemoryRateLimiter as M; print(M().hit('a', 1, 60).allowed)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


FORKED = """
import os, signal, sys
from zona_limits._memory import MemoryRateLimiter

limiter = MemoryRateLimiter()
assert limiter.hit("a", 1, 3600).allowed
with limiter._state.lock:  # as if another thread were counting at this very moment
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(40 + sum(limiter.hit("a", 1, 3600).allowed for _ in range(3)))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 41
assert not limiter.hit("a", 1, 3600).allowed
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "alarm"), reason="needs fork and alarm")
def test_a_forked_process_counts_for_itself() -> None:
    """A child neither waits for a lock that its parent held nor sees its parent's counts; the parent keeps them."""
    # Python 3.12 warns of threads that may hold locks, which is what this is about.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_closed_limiter_has_forgotten() -> None:
    """After ``close`` counting begins anew."""
    limiter = MemoryRateLimiter()
    allowed(limiter, 1, 1, per=3600)
    limiter.close()
    assert allowed(limiter, 1, 1, per=3600) == 1


def test_what_has_expired_makes_room(clock: ManualTime) -> None:
    """With ever new keys there are never many more counters than have not expired."""
    counters = Counters(1_000_000)
    for number in range(5000):
        counters.count(str(number), 100)
        clock.advance(1)
    assert len(counters) <= 202
    assert set(counters.storage) == set(counters.expirations)


def test_there_are_never_more_counters_than_may_be() -> None:
    """At the bound a new key takes the place of an old one, also if nothing has expired."""
    limiter = MemoryRateLimiter(capacity=100)
    for number in range(1000):
        limiter.hit(f"client {number}", 5, 3600)
    assert len(limiter._state.counters) == 100
    assert limiter.hit("client 999", 5, 3600).remaining == 3


def test_the_plugin_opens_it() -> None:
    """``memory:`` is the whole URL."""
    factory = zona_limits.plugin.zona_rate_limiters(PluginDetails(version="1"))["memory"]
    assert isinstance(factory("memory:"), MemoryRateLimiter)
    with pytest.raises(ConfigurationError):
        factory("memory://host")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, the limiter's absence is a matter of configuration."""
    for name in [name for name in sys.modules if name.startswith("zona_limits._")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "limits.storage", None)
    factory = zona_limits.plugin.zona_rate_limiters(PluginDetails(version="1"))["memory"]
    with pytest.raises(ConfigurationError) as caught:
        factory("memory:")
    assert "http" in caught.value.hint


def test_loading_is_light() -> None:
    """The plugin imports the library when a limiter is opened."""
    program = "import sys, zona_limits.plugin; print('limits' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"
