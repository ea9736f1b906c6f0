"""One keyset-paged list of what several queries find, without repeats.

The document store has no "or". Each query is paged with a cursor of its own; the cursor of the merged list holds them
all. Needed only for an actor whose permissions name objects of several kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from zona_core.persistence.checks import check_limit
from zona_core.persistence.repository import Listing, Repository
from zona_core.ports.paging import cursor_after, fingerprint, position_of
from zona_core.ports.store import Scalar, Sort, Where

__all__ = ["merged"]

T = TypeVar("T")

#: stands in a merged cursor for a query that has given all it has
_DONE = False


def merged(
    repository: Repository[T],
    key: Callable[[T], str],
    wheres: Sequence[Where],
    *,
    sort: Sort,
    after: str | None,
    limit: int,
) -> Listing[T]:
    """At most ``limit`` (1-10,000) models that any of ``wheres`` finds, by ``sort`` and then by ``key``."""
    check_limit(limit, 10_000)
    query = repr([fingerprint("merged", where, sort) for where in wheres])
    starts: list[Scalar] = [None] * len(wheres)
    if after is not None:
        starts = position_of(after, query, len(wheres) + 1)[:-1]
    pages = [
        Listing[T](items=[]) if start is _DONE else repository.find(where, sort=sort, after=_text(start), limit=limit)
        for where, start in zip(wheres, starts, strict=True)
    ]
    items, taken = _interleaved(pages, key, sort, limit)
    cursors: list[Scalar] = []
    for where, start, page, count in zip(wheres, starts, pages, taken, strict=True):
        if start is _DONE or count == len(page.items):
            cursors.append(page.next or _DONE)
        elif count == 0:
            cursors.append(start)
        else:
            cursors.append(repository.find(where, sort=sort, after=_text(start), limit=count).next)
    more = any(cursor is not _DONE for cursor in cursors)
    return Listing(items=items, next=cursor_after(query, [*cursors, "merged"]) if more else None)


def _interleaved(
    pages: Sequence[Listing[T]], key: Callable[[T], str], sort: Sort, limit: int
) -> tuple[list[T], list[int]]:
    """The first ``limit`` of all pages in order, and how many of each page are among them (or equal to one)."""
    items: list[T] = []
    taken = [0] * len(pages)
    while len(items) < limit:
        heads = {at: page.items[taken[at]] for at, page in enumerate(pages) if taken[at] < len(page.items)}
        if not heads:
            break
        first = next(iter(heads))
        for at, head in heads.items():
            if _before(head, heads[first], key, sort):
                first = at
        items.append(heads[first])
        for at, head in heads.items():
            taken[at] += key(head) == key(heads[first])
    return items, taken


def _before(one: T, other: T, key: Callable[[T], str], sort: Sort) -> bool:
    for path, direction in sort:
        left, right = getattr(one, path), getattr(other, path)
        if left != right:
            return bool(left < right) is (direction > 0)
    ascending = not sort or sort[-1][1] > 0
    return key(one) != key(other) and (key(one) < key(other)) is ascending


def _text(start: Any) -> str | None:
    return start if isinstance(start, str) else None
