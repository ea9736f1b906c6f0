"""The embedded executor, and that an embedded Zona is quiet until it works."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from zona_core import AppDefinition, Zona, ZonaError
from zona_core.inprocess import ThreadExecutor


def test_results_and_exceptions_come_in_the_future() -> None:
    """A function's result or exception reaches the caller."""
    executor = ThreadExecutor(2)
    assert executor.submit(lambda: 7).result(5) == 7
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 // 0).result(5)
    executor.close()


def test_no_more_run_at_once_than_there_are_workers() -> None:
    """Twenty jobs on three workers: three at a time."""
    executor, lock = ThreadExecutor(3), threading.Lock()
    running, most = 0, 0
    barrier = threading.Barrier(3)

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait(5)
        with lock:
            running -= 1

    for future in [executor.submit(job) for _ in range(21)]:
        future.result(10)
    assert most == 3
    executor.close()


def test_a_thread_is_made_only_when_none_is_idle() -> None:
    """Jobs one after another share one thread."""
    executor = ThreadExecutor(8)
    names = set()
    for _ in range(5):
        names.add(executor.submit(lambda: threading.current_thread().name).result(5))
        while not executor._idle:
            pass
    assert len(names) == 1
    executor.close()


def test_closing_cancels_what_has_not_begun_and_waits_for_what_has() -> None:
    """A closed executor ends its job, drops the queue and takes nothing more."""
    executor = ThreadExecutor(1)
    begun, go = threading.Event(), threading.Event()
    first = executor.submit(lambda: (begun.set(), go.wait(5)))
    begun.wait(5)
    second = executor.submit(lambda: None)
    go.set()
    executor.close()
    assert first.result(1) == (None, True)
    assert second.cancelled() or second.done()
    with pytest.raises(ZonaError):
        executor.submit(lambda: None)


def test_a_zona_starts_no_thread_until_it_runs_something(
    zona: Zona, plugin: object, app_factory: Callable[..., AppDefinition]
) -> None:
    """Making apps and instances needs no thread; the first run starts those that are needed for runs."""
    before = threading.active_count()
    workspace = zona.tenant()
    workspace.apps.upsert(app_factory())
    workspace.instances.add("Demo", title="main", values={"api_key": "k"})
    assert threading.active_count() == before
    plugin.handler.functions["echo"] = lambda call: {}
    workspace.runs.run("Demo", "echo", inputs={"text": "x"})
    started = {thread.name for thread in threading.enumerate()[before:]}
    assert started == {"zona-run", "zona-timers", "zona-lease", "zona-rounds"}


def test_a_hung_handler_does_not_hold_the_program() -> None:
    """The interpreter ends though a worker never does."""
    program = (
        "import threading\nfrom zona_core.inprocess import ThreadExecutor\n"
        "ThreadExecutor(1).submit(threading.Event().wait)\nprint('done')"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == "done\n"


def test_a_closed_zona_opens_nothing_anew() -> None:
    """Neither a store nor threads that nobody would close."""
    zona = Zona(store="memory://")
    zona.close()
    zona.close()
    for use in (zona.tenant, lambda: zona._parts.executor):
        with pytest.raises(ZonaError, match="closed") as caught:
            use()
        assert caught.value.code == "closed"


def test_a_job_is_done_by_the_threads_there_are_if_no_more_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's limit of threads slows down; it loses no job and spoils no closing."""
    executor, go = ThreadExecutor(4), threading.Event()
    first = executor.submit(lambda: go.wait(5))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        second = executor.submit(lambda: 7)
        with pytest.raises(RuntimeError):
            ThreadExecutor(1).submit(lambda: 7)
    go.set()
    assert (first.result(5), second.result(5)) == (True, 7)
    executor.close()
