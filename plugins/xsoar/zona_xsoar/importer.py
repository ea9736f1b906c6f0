"""The importer for the format ``xsoar``: an integration of Cortex XSOAR, with or without its code in it."""

from __future__ import annotations

from typing import Any, Final

from zona_core.domain.apps import AppDefinition
from zona_core.errors import InvalidDocument
from zona_core.ports.importers import ImportedApp
from zona_documents import Warnings, line, read_mapping
from zona_drafts.reading import Part, Reading, imported
from zona_xsoar._commands import read_tasks
from zona_xsoar._keys import INTEGRATION, SCRIPT, settled
from zona_xsoar._parameters import read_fields

__all__ = ["XsoarImporter"]

#: what is kept beside what an app has a place for: key of the document → key of the metadata
_KEPT: Final = {
    "fromversion": "from_version",
    "toversion": "to_version",
    "provider": "provider",
    "defaultclassifier": "default_classifier",
    "defaultmapperin": "default_mapper_in",
    "defaultmapperout": "default_mapper_out",
}


class XsoarImporter:
    """Makes an app of an integration: a field for each parameter, a draft of a task for each command and each fetch.

    The integration's code is not taken over. What deviates from the format is repaired where a meaning can be seen;
    each repair is a warning with the JSON pointer of its place. Equal bytes give equal definitions. It keeps no state.
    """

    def read(self, document: bytes, *, title: str = "") -> ImportedApp:
        """The app that ``document`` describes, titled ``title`` if given.

        Raises ``InvalidDocument`` with every problem and its place if it is no integration or has nothing to do, or if
        it exceeds a limit: 20 MiB, 200 levels, 2 million values, 5,000 commands, 1,000 parameters, 1,000 arguments and
        1,000 outputs of a command, 100,000 of all commands.
        """
        data, odd = read_mapping(document)
        _refuse_others(data)
        reading = Reading(format="XSOAR integration", notes=Warnings(odd), settle=settled)
        root = Part(settled(data), "#", reading)
        root.only(*INTEGRATION)
        chosen = line(title, 200) or _title(root)
        fields = read_fields(root)
        script = _script(root)
        tasks = read_tasks(script) if script else []
        reading.refuse_problems()
        if "image" in root.data:
            root.warn("image", "the logo is left out")
        definition = AppDefinition(
            title=chosen,
            description=root.prose("description", 10_000),
            category=root.line("category", 100),
            fields=fields,
            tasks=tuple(tasks),
            handler_config={"draft": {}},
            metadata=_metadata(root, script),
        )
        return imported(definition, reading)


def _refuse_others(data: dict[str, Any]) -> None:
    """Raises ``InvalidDocument`` for documents of other formats, naming the right one where there is one."""
    if "openapi" in data or "swagger" in data:
        raise _refused("an OpenAPI document", "the format openapi reads it")
    if "actions" in data and "script" not in data:
        raise _refused("an app of Shuffle", "the format shuffle reads it")
    if "starttaskid" in data:
        raise _refused("a playbook")
    if isinstance(data.get("script"), str):
        raise _refused("an automation script")
    if not {"commonfields", "configuration", "script"} & set(data):
        raise _refused("something else")


def _refused(what: str, hint: str = "") -> InvalidDocument:
    return InvalidDocument(f"The document is no integration of Cortex XSOAR but {what}.", hint=hint)


def _title(root: Part) -> str:
    common = root.part("commonfields")
    found = root.line("display") or root.line("name") or (common.line("id") if common else "")
    if not found:
        root.refuse("display", "the integration has no name", "display, name or commonfields.id")
    return found


def _script(root: Part) -> Part | None:
    script = root.part("script")
    if script is None:
        root.refuse("script", "is missing", "a mapping with the commands")
        return None
    script.only(*SCRIPT)
    return script


def _metadata(root: Part, script: Part | None) -> dict[str, Any]:
    found: dict[str, Any] = {"imported_from": "Cortex XSOAR integration"}
    common = root.part("commonfields")
    told = {"id": common.line("id") if common else ""}
    told |= {kept: root.line(key) for key, kept in _KEPT.items()}
    if script:
        told["language"] = script.line("subtype") or script.line("type")
        told["docker_image"] = script.line("dockerimage")
    told["detailed_description"] = root.prose("detaileddescription", 10_000)
    found |= {key: text for key, text in told.items() if text}
    return found | {key: True for key in ("beta", "deprecated") if root.flag(key)}
