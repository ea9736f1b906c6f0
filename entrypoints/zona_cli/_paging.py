"""``--limit`` and ``--after``: lists of any length by pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from zona_core.persistence.repository import Listing

__all__ = ["gathered", "paged"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_PAGE: Final = 1_000


def paged(default: int | None = None) -> Callable[[F], F]:
    """The options; without a ``default`` there is no limit."""

    def decorate(function: F) -> F:
        limit = click.option(
            "--limit",
            type=click.IntRange(min=1),
            default=default,
            metavar="N",
            help=f"At most so many. [default: {default or 'all'}]",
        )
        after = click.option(
            "--after", metavar="CURSOR", help='Go on where a list that was cut off ended ("next" of its JSON).'
        )
        return limit(after(function))

    return decorate


def gathered(
    find: Callable[[str | None, int], Listing[T]], after: str | None, limit: int | None
) -> tuple[list[T], str | None]:
    """The items of as many pages as ``limit`` asks for, and the cursor for the rest; ``find`` takes cursor and size."""
    items: list[T] = []
    while True:
        page = find(after, _PAGE if limit is None else min(_PAGE, limit - len(items)))
        items += page.items
        after = page.next
        if after is None or len(items) == limit:
            return items, after
