"""What an import tells: what was done with each app of a package, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from attrs import define, field

from zona_core.domain.differences import Difference
from zona_core.domain.package_keys import SignatureFinding
from zona_core.errors import Fault
from zona_core.usecases._storing import MissingTask

__all__ = ["AppImport", "DraftPlaybook", "ImportReport", "ImportResult", "MappedTask", "OnConflict", "UnreadySchedule"]


class OnConflict(StrEnum):
    """What to do with an app whose title is taken."""

    SKIP = "skip"
    OVERWRITE = "overwrite"
    RENAME = "rename"


class ImportResult(StrEnum):
    """What became of an app."""

    CREATED = "created"
    OVERWRITTEN = "overwritten"
    #: it is there already, and the same
    UNCHANGED = "unchanged"
    RENAMED = "renamed"
    SKIPPED = "skipped"
    FAILED = "failed"


@define(frozen=True, kw_only=True)
class MappedTask:
    """A reference that leads to another app than the package says, because that one was renamed."""

    path: str
    app: str
    task: str
    #: title of the app that it leads to
    to: str


@define(frozen=True, kw_only=True)
class DraftPlaybook:
    """A playbook that was imported as a draft, because what it runs is not there, or not for it to run."""

    title: str
    #: with paths as ``playbooks[Contain].steps[2].task``
    reasons: tuple[Fault, ...]


@define(frozen=True, kw_only=True)
class UnreadySchedule:
    """A schedule that cannot be run with the inputs that it has: most often secrets, which no package has, lack."""

    title: str
    #: with paths as ``schedules[Nightly].inputs.token``
    reasons: tuple[Fault, ...]


@define(frozen=True, kw_only=True)
class AppImport:
    """What became of one app of a package."""

    #: as the package has it
    title: str
    result: ImportResult
    #: as it is stored; empty if it is not
    stored_title: str = ""
    integration_id: int = 0
    tasks_created: int = 0
    tasks_updated: int = 0
    #: tags of tasks that the package does not have
    tasks_retired: tuple[str, ...] = ()
    #: those of them that stay, because other apps' tasks need them
    tasks_kept: tuple[str, ...] = ()
    #: instances that lack now what the app asks for, or have what its fields do not take: they are in error
    instances_broken: tuple[str, ...] = ()
    #: references to what is not there: those of tasks wait for it, playbooks with one are drafts
    missing: tuple[MissingTask, ...] = ()
    mapped: tuple[MappedTask, ...] = ()
    playbooks_created: int = 0
    playbooks_updated: int = 0
    #: titles of playbooks that the package does not have
    playbooks_removed: tuple[str, ...] = ()
    #: the titles that playbooks were given, by those in the package, which were taken
    playbooks_renamed: dict[str, str] = field(factory=dict)
    #: playbooks that are not run before somebody has seen to them
    drafts: tuple[DraftPlaybook, ...] = ()
    schedules_created: int = 0
    schedules_updated: int = 0
    #: titles of schedules that are new, or run another playbook now: they fire once somebody has resumed them
    schedules_paused: tuple[str, ...] = ()
    #: the titles that schedules were given, by those in the package, which were taken
    schedules_renamed: dict[str, str] = field(factory=dict)
    #: schedules that are to be given inputs before they are resumed
    schedules_unready: tuple[UnreadySchedule, ...] = ()
    #: how the stored app differs from what was there; of large values there is an excerpt
    differences: tuple[Difference, ...] = ()
    #: how many differences there are besides
    more_differences: int = 0
    #: why it failed: ``code``, ``message``, ``errors``
    error: dict[str, Any] | None = None


@define(frozen=True, kw_only=True)
class ImportReport:
    """What an import did, or, as a dry run, would do."""

    dry_run: bool
    apps: tuple[AppImport, ...]
    #: SHA-256 of the content, in hexadecimal
    digest: str
    #: who signed it
    signature: SignatureFinding
    #: records that this release has no use for, by kind
    left_out: dict[str, int] = field(factory=dict)

    @property
    def failed(self) -> tuple[AppImport, ...]:
        """Those that could not be imported."""
        return tuple(app for app in self.apps if app.result is ImportResult.FAILED)
