"""Which records a package has, and in which order: the same rules for what is written and what is read."""

from __future__ import annotations

import re
from typing import Any, Final

from zona_core.ports.packages import PACKAGE_NAME, Record
from zona_packages._refusals import damaged

__all__ = ["LISTS", "Structure", "is_header", "place_of"]

#: kind of what belongs to an app → name of its list in a document, and of its folder; in their order
LISTS: Final = {"task": "tasks", "playbook": "playbooks", "rule": "rules", "schedule": "schedules"}
_RANK: Final = {kind: rank for rank, kind in enumerate(LISTS)}
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST_NAME: Final = 500


class Structure:
    """Takes records one by one and refuses (``package_damaged``) the first that may not stand where it stands.

    Everything has one place: apps in the order of their titles, what belongs to them by kind, tasks that ingest no
    cases before those that do, then by tag; the rest by name. Texts are compared code point by code point.
    """

    def __init__(self) -> None:
        self.records = 0
        self.apps = 0
        self._title = ""
        self._last: tuple[Any, ...] = ()
        #: of the present app, only as long as it has tasks: one tag may be in both halves of their order
        self._tags: set[str] = set()

    def feed(self, record: Record, where: str) -> None:
        """The next record."""
        kind = record.get("kind")
        if not isinstance(kind, str):
            raise damaged(where, f"kind is {_shown(kind)}", self._allowed())
        if kind in _RANK and self.apps:
            self._part(record, where)
        elif kind == "app" and self.records:
            self._app(record, where)
        elif kind != "header" or self.records:
            raise damaged(where, f"kind {_shown(kind)} may not stand here", self._allowed())
        self.records += 1

    def finish(self) -> None:
        """The end of the records."""
        if not self.records:
            raise damaged("", "there is no record", "a header")

    def _app(self, record: Record, where: str) -> None:
        title = _name(record, "title", where)
        if self.apps and title <= self._title:
            wrong = "is there twice" if title == self._title else f"comes after {_shown(self._title)}"
            raise damaged(where, f"the app {_shown(title)} {wrong}", "apps in the order of their titles")
        self._title = title
        self.apps += 1
        self._last = ()
        self._tags = set()

    def _part(self, record: Record, where: str) -> None:
        place = place_of(record, where)
        if place <= self._last:
            wrong = "is there twice" if place == self._last else f"comes after {_shown(self._last[-1])}"
            raise damaged(
                where, f"the {record['kind']} {_shown(place[-1])} {wrong}", "a fixed order: see docs/packages.md"
            )
        self._last = place
        if place[0] == 0:
            if place[2] in self._tags:
                raise damaged(where, f"the task {_shown(place[2])} is there twice", "tags that differ")
            self._tags.add(place[2])

    def _allowed(self) -> str:
        if not self.records:
            return "header"
        return ", ".join(("app", *LISTS)) if self.apps else "app"


def place_of(record: Record, where: str) -> tuple[int, bool, str]:
    """What the record's place in its app goes by; raises ``package_damaged`` for a name that is none."""
    if record["kind"] != "task":
        return _RANK[record["kind"]], False, _name(record, "name", where)
    tag, ingests = record.get("task_tag"), record.get("ingest_cases", False)
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise damaged(where, f"task_tag {_shown(tag)} is no tag", "1-128 letters, digits, '_', '-' and '.'")
    if not isinstance(ingests, bool):
        raise damaged(where, f"ingest_cases is {_shown(ingests)}", "true or false")
    return 0, ingests, tag


def is_header(record: Record) -> bool:
    """Whether the record is a package's header, of whichever version."""
    version = record.get("version")
    return (
        record.get("kind") == "header"
        and record.get("format") == PACKAGE_NAME
        and isinstance(version, int)
        and not isinstance(version, bool)
        and version >= 0
    )


def _name(record: Record, member: str, where: str) -> str:
    name = record.get(member)
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME:
        raise damaged(where, f"{member} is {_shown(name)}", f"a text of 1-{_LONGEST_NAME} characters")
    return name


def _shown(value: Any) -> str:
    return repr(value)[:80] if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
