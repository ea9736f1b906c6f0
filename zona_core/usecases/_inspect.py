"""What is in a package, told without importing it."""

from __future__ import annotations

from attrs import define, evolve, field

from zona_core.domain.package_keys import SignatureFinding
from zona_core.ports.packages import Record

__all__ = ["Inventory", "PackageContents", "PackagedApp"]


@define(frozen=True, kw_only=True)
class PackagedApp:
    """An app in a package."""

    title: str
    #: the app's own
    version: str
    description: str
    #: tags
    tasks: tuple[str, ...] = ()
    #: titles
    playbooks: tuple[str, ...] = ()
    #: titles
    schedules: tuple[str, ...] = ()


@define(frozen=True, kw_only=True)
class PackageContents:
    """A package, all of which was read and is whole."""

    #: name of its form
    format: str
    #: of the format
    version: int
    #: in the order of the package
    apps: tuple[PackagedApp, ...]
    records: int
    #: SHA-256 of the content, in hexadecimal
    digest: str
    signature: SignatureFinding
    #: records that this release has no use for, by kind
    left_out: dict[str, int] = field(factory=dict)


class Inventory:
    """The apps of a package: told each record while the package is checked."""

    def __init__(self) -> None:
        self._apps: list[PackagedApp] = []
        self._tags: list[list[str]] = []
        self._playbooks: list[list[str]] = []
        self._schedules: list[list[str]] = []
        self.left_out: dict[str, int] = {}

    def note(self, record: Record) -> None:
        """Takes note of a record; what its members mean is looked at by an import alone."""
        kind = record["kind"]
        if kind == "app":
            title, version, description = (str(record.get(name, "")) for name in ("title", "version", "description"))
            self._apps.append(PackagedApp(title=title, version=version, description=description))
            self._tags.append([])
            self._playbooks.append([])
            self._schedules.append([])
        elif kind == "task":
            self._tags[-1].append(str(record.get("task_tag", "")))
        elif kind == "playbook":
            self._playbooks[-1].append(str(record.get("name", "")))
        elif kind == "schedule":
            self._schedules[-1].append(str(record.get("name", "")))
        elif kind != "header":
            self.left_out[kind] = self.left_out.get(kind, 0) + 1

    @property
    def apps(self) -> tuple[PackagedApp, ...]:
        """What was noted."""
        return tuple(
            evolve(app, tasks=tuple(tags), playbooks=tuple(playbooks), schedules=tuple(schedules))
            for app, tags, playbooks, schedules in zip(
                self._apps, self._tags, self._playbooks, self._schedules, strict=True
            )
        )
