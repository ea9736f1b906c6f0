"""What is called at intervals while blocks run."""

from __future__ import annotations

import threading

from zona_core.usecases._heartbeats import Heartbeats

NEVER = 3_600.0


def test_it_is_called_again_and_again_while_the_block_runs() -> None:
    """Each block at its own interval, and not once the block is over."""
    beats, over = Heartbeats(), []
    first, second = threading.Semaphore(0), threading.Semaphore(0)
    with beats.during(second.release, 0.01):
        with beats.during(first.release, 0.01), beats.during(lambda: over.append("called"), NEVER):
            for semaphore in (first, second, first, second):
                assert semaphore.acquire(timeout=30)
        assert second.acquire(timeout=30)
        while first.acquire(blocking=False):
            pass
        for _ in range(3):
            assert second.acquire(timeout=30)
        assert not first.acquire(blocking=False)
    assert over == []


def test_blocks_that_are_short_share_a_thread() -> None:
    """One is started by the first; one block that cannot wait as long wakes it."""
    beats, called = Heartbeats(), threading.Event()
    threads = set()
    for _ in range(5):
        with beats.during(called.set, NEVER):
            threads.add(beats._thread)
    with beats.during(called.set, 0.01):
        threads.add(beats._thread)
        assert called.wait(30)
    assert len(threads) == 1


def test_the_thread_ends_when_no_block_runs() -> None:
    """And another is started when one does."""
    beats, called = Heartbeats(), threading.Event()
    for _ in range(2):
        called.clear()
        with beats.during(called.set, 0.01):
            thread = beats._thread
            assert called.wait(30)
        assert thread is not None
        thread.join(30)
        assert not thread.is_alive()


def test_what_a_parent_process_left_is_not_called() -> None:
    """After a fork the blocks are there without their thread: only new ones count."""
    beats, called, inherited = Heartbeats(), threading.Event(), threading.Event()
    with beats.during(inherited.set, 0.2):
        beats._thread = None  # as a fork leaves it: the thread is not alive
        with beats.during(called.set, 0.01):
            assert called.wait(30)
            assert len(beats._beats) == 1
