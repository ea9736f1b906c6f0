"""The importer for the format ``zona``: apps, tasks, playbooks and policies written by hand, read strictly."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from zona_core.domain.apps import AppDefinition, TaskDefinition
from zona_core.domain.definitions import app_faults
from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.domain.policies import PolicyDefinition
from zona_core.errors import InvalidDocument
from zona_core.persistence.structuring import structured
from zona_core.ports.importers import ImportedApp
from zona_documents import read_mapping

__all__ = ["DefinitionImporter"]

T = TypeVar("T")


class DefinitionImporter:
    """Reads a file whose keys are ``AppDefinition``'s attributes, with its tasks and their fields inline.

    Nothing is repaired: an unknown or repeated key and a value of the wrong type are faults, and all are told at once.
    """

    def read(self, document: bytes, *, title: str = "") -> ImportedApp:
        """The app that ``document`` defines, titled ``title`` if given.

        Raises ``InvalidDocument`` with every fault and its path (``tasks[2].inputs[0].kind``).
        """
        data = _mapping(document, "The app definition")
        definition, faults = structured({**data, "title": title} if title else data, AppDefinition)
        if definition is not None:
            faults = app_faults(definition)
        if definition is None or faults:
            raise InvalidDocument.of(faults, "The app definition")
        return ImportedApp(definition=definition)

    def read_task(self, document: bytes) -> TaskDefinition:
        """The task that ``document`` defines; its keys are ``TaskDefinition``'s attributes. See ``TaskReader``."""
        return _definition(document, TaskDefinition, _TASK)

    def read_playbook(self, document: bytes) -> PlaybookDefinition:
        """The playbook that ``document`` defines; its keys are ``PlaybookDefinition``'s. See ``PlaybookReader``."""
        return _definition(document, PlaybookDefinition, _PLAYBOOK)

    def read_policy(self, document: bytes) -> PolicyDefinition:
        """The policy that ``document`` defines; its keys are ``PolicyDefinition``'s. See ``PolicyReader``."""
        return _definition(document, PolicyDefinition, _POLICY)


_TASK: Final = "The task definition"
_PLAYBOOK: Final = "The playbook"
_POLICY: Final = "The policy"


def _definition(document: bytes, kind: type[T], what: str) -> T:
    definition, faults = structured(_mapping(document, what), kind)
    if definition is None:
        raise InvalidDocument.of(faults, what)
    return definition


def _mapping(document: bytes, what: str) -> dict[str, Any]:
    data, twice = read_mapping(document)
    if twice:
        raise InvalidDocument.of(twice, what)
    return data
