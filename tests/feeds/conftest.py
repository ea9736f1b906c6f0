"""What tests of feeds share: a source of events over HTTP, and Zonas that may fetch from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from event_server import EventServer, event_server
from feed_samples import furnished

from zona_core import Zona


@pytest.fixture
def source() -> Iterator[EventServer]:
    """A source of events."""
    with event_server() as made:
        yield made


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store that several processes share."""
    return f"sqlite:///{tmp_path / 'zona.db'}"


@pytest.fixture
def zona(url: str, source: EventServer) -> Iterator[Zona]:
    """A Zona that does not work, with the app."""
    with Zona(store=url) as made:
        yield furnished(made, source.url)


@pytest.fixture
def worker(url: str) -> Iterator[Callable[..., Zona]]:
    """Starts further Zonas of the same store that work."""
    begun: list[Zona] = []

    def started(**options: Any) -> Zona:
        made = Zona(**{"store": url, "lease_seconds": 2.0, **options})
        begun.append(made)
        made.work()
        return made

    yield started
    for each in begun:
        each.close()
