"""How much a tenant has under way."""

from __future__ import annotations

from typing import Final

from zona_core.domain.feed_starts import Load
from zona_core.persistence.database import TenantData
from zona_core.ports.store import Range

__all__ = ["load_of"]

_MOST: Final = 1_000


def load_of(data: TenantData) -> Load:
    """The load now, counted up to 1,000 each."""
    now = data.now()
    waiting = data.jobs.count({"worker": None, "due_at": Range(lte=now)}, limit=_MOST)
    running = data.jobs.count({"worker": Range(gt="")}, limit=_MOST)
    ingesting = data.feed_states.count({"owner": Range(gt="")}, limit=_MOST)
    return Load(waiting=waiting, running=running, ingesting=ingesting)
