"""The importer for the format ``zona``: an app definition written by hand, read strictly."""

from __future__ import annotations

from zona_core.domain.definitions import app_faults
from zona_core.errors import InvalidDocument
from zona_core.ports.importers import ImportedApp
from zona_definition._structure import structured
from zona_documents import read_mapping

__all__ = ["DefinitionImporter"]


class DefinitionImporter:
    """Reads a file whose keys are ``AppDefinition``'s attributes, with its tasks and their fields inline.

    Nothing is repaired: an unknown or repeated key and a value of the wrong type are faults, and all are told at once.
    """

    def read(self, document: bytes, *, title: str = "") -> ImportedApp:
        """The app that ``document`` defines, titled ``title`` if given.

        Raises ``InvalidDocument`` with every fault and its path (``tasks[2].inputs[0].kind``).
        """
        data, twice = read_mapping(document)
        if twice:
            raise InvalidDocument.of(twice, "The app definition")
        definition, faults = structured({**data, "title": title} if title else data)
        if definition is not None:
            faults = app_faults(definition)
        if definition is None or faults:
            raise InvalidDocument.of(faults, "The app definition")
        return ImportedApp(definition=definition)
