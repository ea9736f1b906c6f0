"""What every ``Executor`` must do, as tests.

An adapter's author subclasses ``CarryingExecutorContract`` in a test module and gives it the fixture ``opened``, which
opens executors that hear of one another, as those of several processes do::

    class TestMyExecutor(CarryingExecutorContract):
        @pytest.fixture
        def opened(self):
            return lambda: MyExecutor(...)

The suite closes them. For an executor that wakes nobody there is ``ExecutorContract``. This module needs pytest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from zona_core.ports.executor import Executor

from ._contract_base import in_threads

__all__ = ["CarryingExecutorContract", "ExecutorContract"]

#: longer than anything here takes; reached only where something hangs
PATIENCE: Final = 60.0


class ExecutorContract:
    """What holds for every one; see ``zona_core.ports.executor``."""

    @pytest.fixture
    def opened(self) -> Callable[[], Executor]:
        """Opens executors that hear of one another."""
        raise pytest.UsageError("the subclass of ExecutorContract lacks the fixture opened")

    @pytest.fixture
    def executors(self, opened: Callable[[], Executor]) -> Iterator[tuple[Executor, Executor]]:
        """Two of them, closed after the test."""
        both = opened(), opened()
        yield both
        for executor in both:
            executor.close()

    def test_where_runs_are_carried_out_is_settled(self, executors: tuple[Executor, Executor]) -> None:
        """All of them say the same, whatever was announced and whoever listens."""
        one, other = executors
        before = one.runs_here
        one.announce()
        one.listen(lambda: None)
        assert isinstance(before, bool)
        assert [one.runs_here, other.runs_here] == [before, before]

    def test_announcing_where_nobody_listens(self, executors: tuple[Executor, Executor]) -> None:
        """It is lost or kept; it harms nobody."""
        assert [executors[0].announce() for _ in range(1_000)] == [None] * 1_000  # type: ignore[func-returns-value]

    def test_announcing_in_threads(self, executors: tuple[Executor, Executor]) -> None:
        """Several threads announce at once."""
        in_threads([lambda: [executors[0].announce() for _ in range(100)]] * 4)  # type: ignore[func-returns-value]

    def test_closing(self, opened: Callable[[], Executor]) -> None:
        """Closed twice, unused or used, it takes everything silently and delivers nothing any more."""
        woken = threading.Event()
        for used in (False, True):
            executor = opened()
            if used:
                executor.announce()
                executor.listen(lambda: None)
            executor.close()
            executor.close()
            executor.announce()
            executor.listen(woken.set)
        assert not woken.wait(0.05)


class CarryingExecutorContract(ExecutorContract):
    """The whole contract, of those by which processes hear of one another."""

    def test_an_announcement_wakes_somebody(self, executors: tuple[Executor, Executor]) -> None:
        """One who listens is woken for what another one announces, again and again, in a thread of its own."""
        announcer, listener = executors
        woken, names = threading.Semaphore(0), set()

        def wake() -> None:
            names.add(threading.current_thread().name)
            woken.release()

        listener.listen(wake)
        for _ in range(5):
            announcer.announce()
            assert woken.acquire(timeout=PATIENCE)
        assert threading.current_thread().name not in names

    def test_who_announces_may_listen_as_well(self, executors: tuple[Executor, Executor]) -> None:
        """A process that begins runs and carries some out hears of its own."""
        woken = threading.Event()
        executors[0].listen(woken.set)
        executors[0].announce()
        assert woken.wait(PATIENCE)

    def test_after_the_last_of_many_announcements_somebody_is_woken(self, executors: tuple[Executor, Executor]) -> None:
        """Wake-ups may come as one, but none comes before what it is to tell of."""
        announcer, listener = executors
        changed, done, seen = threading.Condition(), 0, 0

        def wake() -> None:
            nonlocal seen
            with changed:
                seen = done
                changed.notify()

        listener.listen(wake)
        for _ in range(500):
            with changed:
                done += 1
            announcer.announce()
        with changed:
            assert changed.wait_for(lambda: seen == 500, PATIENCE)

    def test_a_wake_up_that_goes_wrong(
        self, executors: tuple[Executor, Executor], caplog: pytest.LogCaptureFixture
    ) -> None:
        """What the function raises is logged, and the next wake-up comes."""
        announcer, listener = executors
        woken = threading.Semaphore(0)

        def wake() -> None:
            woken.release()
            raise ValueError("not this time")

        listener.listen(wake)
        for _ in range(2):
            announcer.announce()
            assert woken.acquire(timeout=PATIENCE)
        assert [record for record in caplog.records if record.exc_info]

    def test_nothing_is_delivered_after_the_end(self, executors: tuple[Executor, Executor]) -> None:
        """Once closed, a listener is woken no more; others are."""
        announcer, listener = executors
        heard, other = threading.Event(), threading.Event()
        listener.listen(heard.set)
        listener.close()
        announcer.listen(other.set)
        announcer.announce()
        assert other.wait(PATIENCE)
        assert not heard.is_set()
