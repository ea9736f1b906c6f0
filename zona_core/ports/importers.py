"""The importer port: a document becomes an app definition."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from attrs import define

from zona_core.domain.apps import AppDefinition, TaskDefinition
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.policies import PolicyDefinition
from zona_core.errors import Fault

__all__ = ["AppImporter", "ImportedApp", "PlaybookReader", "PolicyReader", "TaskReader"]


@define(frozen=True, kw_only=True)
class ImportedApp:
    """A definition, and what had to be repaired in the document: each warning names its place (a JSON pointer path)."""

    definition: AppDefinition
    warnings: tuple[Fault, ...] = ()


class AppImporter(Protocol):
    """Reads one document format."""

    def read(self, document: bytes, *, title: str = "") -> ImportedApp:
        """The app that ``document`` describes, titled ``title`` if given.

        Raises ``InvalidDocument`` if nothing can be made of it; bounded in time and memory whatever the input.
        """


@runtime_checkable
class TaskReader(Protocol):
    """What an importer does besides if its format has documents of a single task."""

    def read_task(self, document: bytes) -> TaskDefinition:
        """The task that ``document`` describes, not checked beyond its shape.

        Raises ``InvalidDocument`` with every fault and its path; bounded in time and memory whatever the input.
        """


@runtime_checkable
class PlaybookReader(Protocol):
    """What an importer does besides if its format has documents of a playbook."""

    def read_playbook(self, document: bytes) -> PlaybookDefinition:
        """The playbook that ``document`` describes, not checked beyond its shape.

        Raises ``InvalidDocument`` with every fault and its path; bounded in time and memory whatever the input.
        """


@runtime_checkable
class PolicyReader(Protocol):
    """What an importer does besides if its format has documents of a policy."""

    def read_policy(self, document: bytes) -> PolicyDefinition:
        """The policy that ``document`` describes, not checked beyond its shape.

        Raises ``InvalidDocument`` with every fault and its path; bounded in time and memory whatever the input.
        """
