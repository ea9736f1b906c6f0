"""The importer for the format ``shuffle``: the ``api.yaml`` of an app of Shuffle."""

from __future__ import annotations

from typing import Any, Final

from zona_core.domain.apps import AppDefinition
from zona_core.errors import InvalidDocument
from zona_core.ports.importers import ImportedApp
from zona_documents import Warnings, line, read_mapping
from zona_drafts.reading import Part, Reading, imported
from zona_shuffle._actions import read_tasks
from zona_shuffle._authentication import read_authentication

__all__ = ["ShuffleImporter"]

_KNOWN: Final = (
    *("actions", "activated", "app_version", "authentication", "blogpost", "categories", "company_url"),
    *("contact_info", "description", "documentation", "environment", "generated", "hash", "id", "invalid", "is_valid"),
    *("large_image", "link", "name", "owner", "primary_usecases", "private_id", "sharing", "sharing_config"),
    *("small_image", "tags", "tested", "verified", "video", "walkoff_version"),
)


class ShuffleImporter:
    """Makes an app of an app: a field for each parameter of its authentication, a draft of a task for each action.

    The app's code is not taken over. What deviates from the format is repaired where a meaning can be seen; each repair
    is a warning with the JSON pointer of its place. Equal bytes give equal definitions. It keeps no state.
    """

    def read(self, document: bytes, *, title: str = "") -> ImportedApp:
        """The app that ``document`` describes, titled ``title`` if given.

        Raises ``InvalidDocument`` with every problem and its place if it is no such app or has no actions, or if it
        exceeds a limit: 20 MiB, 200 levels, 2 million values, 5,000 actions, 1,000 parameters of an action, 100,000 of
        all actions.
        """
        data, odd = read_mapping(document)
        _refuse_others(data)
        reading = Reading(format="Shuffle app", notes=Warnings(odd))
        root = Part(data, "#", reading)
        root.only(*_KNOWN)
        chosen = line(title, 200) or root.name()
        authentication = read_authentication(root)
        tasks = read_tasks(root, authentication)
        reading.refuse_problems()
        for key in ("large_image", "small_image"):
            if root.data.get(key):
                root.warn(key, "the logo is left out")
        categories = root.lines("categories")
        definition = AppDefinition(
            title=chosen,
            description=root.prose("description", 10_000),
            version=root.line("app_version", 50) or "1.0",
            category=line(categories[0], 100) if categories else "",
            fields=authentication.fields(),
            tasks=tuple(tasks),
            handler_config={"draft": {}},
            metadata=_metadata(root, categories) | authentication.metadata,
        )
        return imported(definition, reading)


def _refuse_others(data: dict[str, Any]) -> None:
    """Raises ``InvalidDocument`` for documents of other formats, naming the right one where there is one."""
    if "openapi" in data or "swagger" in data:
        raise _refused("an OpenAPI document", "Shuffle's newer apps are such documents: the format openapi reads them")
    if "commonfields" in data:
        raise _refused("content of Cortex XSOAR", "the format xsoar reads integrations")
    if "actions" not in data:
        raise _refused("something else: it has no actions")
    if isinstance(data.get("branches"), list):
        raise _refused("a workflow")


def _refused(what: str, hint: str = "") -> InvalidDocument:
    return InvalidDocument(f"The document is no app of Shuffle but {what}.", hint=hint)


def _metadata(root: Part, categories: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"imported_from": "Shuffle app", "categories": categories, "tags": root.lines("tags")}
    found |= {key: root.line(key) for key in ("environment", "link")}
    contact = root.part("contact_info")
    if contact:
        found |= {f"contact_{key}": contact.line(key) for key in ("name", "url", "email")}
    return {key: value for key, value in found.items() if value}
