"""A case with all that belongs to it as one JSON document (RFC 8259), made piece by piece.

The document says in ``format`` and ``version`` what it is. Lists and the members of objects have one order, and
everything outside of ASCII is escaped: the same case gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from zona_core.domain.cases import Case
from zona_core.persistence.database import TenantData
from zona_core.persistence.display import as_data
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Range, Where
from zona_core.usecases._case_events import CaseEvents
from zona_core.usecases._event_search import EventFilter

__all__ = ["CASE_FORMAT", "CASE_VERSION", "exported"]

CASE_FORMAT: Final = "zona-case"
CASE_VERSION: Final = 1
_PAGE: Final = 500
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

Find = Callable[[str | None], Listing[Any]]


def exported(data: TenantData, case: Case) -> Iterator[bytes]:
    """See the module."""
    of_case: Where = {"case_id": case.id}
    files: Where = {**of_case, "size": Range(gte=0)}  # without those whose bytes are still coming
    events = CaseEvents(data, case.id, EventFilter())
    parts: dict[str, Find] = {
        "alerts": lambda after: data.alerts.find(of_case, sort=[("last_at", 1)], after=after, limit=_PAGE),
        "events": lambda after: events.page(after, _PAGE),
        "evidence": lambda after: data.evidence.find(files, sort=[("created_at", 1)], after=after, limit=_PAGE),
        "observables": lambda after: data.sightings.find(
            of_case, sort=[("type_id", 1), ("value", 1)], after=after, limit=_PAGE
        ),
        "timeline": lambda after: data.case_entries.find(of_case, sort=[("at", 1)], after=after, limit=_PAGE),
    }
    yield f'{{"format":"{CASE_FORMAT}","version":{CASE_VERSION},"case":'.encode() + _encoded(case)
    for name, find in parts.items():
        yield from _member(name, find)
    yield b"}\n"


def _member(name: str, find: Find) -> Iterator[bytes]:
    yield f',"{name}":['.encode()
    first = True
    for items in _pages(find):
        encoded = b",".join(map(_encoded, items))
        if encoded:
            yield encoded if first else b"," + encoded
            first = False
    yield b"]"


def _pages(find: Find) -> Iterator[Iterable[Any]]:
    after: str | None = None
    while True:
        page = find(after)
        yield page.items
        after = page.next
        if after is None:
            return


def _encoded(model: Any) -> bytes:
    return _JSON.encode(as_data(model)).encode()
