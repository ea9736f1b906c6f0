"""Worker processes keep to a processor each, unless that would leave some idle."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from waiting import until

USABLE = os.sched_getaffinity(0)


@pytest.mark.skipif(len(USABLE) < 2, reason="there is but one processor")
def test_as_many_workers_as_processors_have_one_each(serve: Callable[..., Any]) -> None:
    """Each has another one, and the main process all of them."""
    service = serve("--workers", str(len(USABLE)), "--threads", "2")
    until(lambda: all(len(os.sched_getaffinity(pid)) == 1 for pid in service.workers()))
    assert set.union(*(os.sched_getaffinity(pid) for pid in service.workers())) == USABLE
    assert os.sched_getaffinity(service.pid) == USABLE


@pytest.mark.parametrize(("workers", "pinned"), [(len(USABLE) - 1 or 1, "true"), (len(USABLE), "false")])
def test_fewer_workers_or_the_setting_leave_them_free(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, workers: int, pinned: str
) -> None:
    """No processor is idle while a worker's threads could use it."""
    monkeypatch.setenv("ZONA_HTTP_PIN_WORKERS", pinned)
    service = serve("--workers", str(workers), "--threads", "2")
    assert service.get()[0] == 200
    assert [os.sched_getaffinity(pid) for pid in service.workers()] == [USABLE] * workers
