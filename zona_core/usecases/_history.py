"""Former states of apps and tasks: kept when others take their place, and read again (SPEC §1: "revision history").

A state is kept in the transaction that replaces it, so that making something costs nothing. Secrets that an author
wrote into it are kept as they were, or it could not be restored; ``_states`` masks them where states are shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from zona_core.domain.apps import AppDescription, Integration, Task, TaskDefinition
from zona_core.domain.differences import Difference, differences
from zona_core.domain.playbooks import Playbook, PlaybookDefinition
from zona_core.domain.revisions import Revision
from zona_core.errors import StoreUnavailable
from zona_core.persistence.converter import new_converter
from zona_core.persistence.database import TenantData
from zona_core.ports.store import In, Range
from zona_core.usecases._area import TenantContext
from zona_core.usecases._references import batches

__all__ = ["MOST_KEPT", "content_of", "describes_same", "keep", "restored", "target_of", "without_ids"]

T = TypeVar("T")

#: what has a history, and what of it there is to restore
Kept: TypeAlias = Integration | Task | Playbook
Described: TypeAlias = AppDescription | TaskDefinition | PlaybookDefinition

#: former states that are kept of one app or task; the oldest go as others come
MOST_KEPT: Final = 100
#: changed places that a former state names, and characters of each
_MOST_NAMED: Final = 5
_LONGEST_NAME: Final = 200


def target_of(model: Kept) -> str:
    """How the audit trail and the history name it: ``apps/12``, ``tasks/40``, ``playbooks/3``."""
    if isinstance(model, Playbook):
        return f"playbooks/{model.id}"
    return f"apps/{model.integration_id}" if isinstance(model, Integration) else f"tasks/{model.id}"


def keep(context: TenantContext, replaced: Iterable[tuple[Kept, Kept]]) -> None:
    """Keeps the first of each pair, whose place the second takes, within the caller's transaction.

    One that describes the same as what replaces it is not kept.
    """
    pairs = list(replaced)
    if not pairs:
        return
    data, now = context.data, context.data.now()
    made = (_revision(before, after, context.actor.name, now) for before, after in pairs)
    kept = [each for each in made if each is not None]
    if kept:
        data.revisions.insert_many(kept)
        # The store counts revisions from 1: below that many there cannot be too many of them.
        _drop_oldest(data, [each.target for each in kept if each.number > MOST_KEPT])


def describes_same(one: Described, other: Described) -> bool:
    """Whether one could take the other's place and nothing would have changed."""
    return _same(content_of(one), content_of(other))


def content_of(model: Described) -> dict[str, Any]:
    """What there is to restore, as JSON data: what the model describes, with its fields' ids, without its tasks."""
    kind: Any = next(kind for kind in (AppDescription, TaskDefinition, PlaybookDefinition) if isinstance(model, kind))
    return _converter().unstructure(model, unstructure_as=kind)  # type: ignore[no-any-return]


def restored(revision: Revision, kind: type[T]) -> T:
    """The ``AppDescription`` or ``TaskDefinition`` that was kept; raises ``StoreUnavailable`` if it cannot be read."""
    try:
        return _converter().structure(revision.content, kind)  # type: ignore[no-any-return]
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        message = f"revision {revision.number} of {revision.target} cannot be read"
        raise StoreUnavailable(message, code="document_damaged", collection="revisions") from exc


def without_ids(content: dict[str, Any]) -> dict[str, Any]:
    """A content whose fields have no ids: people know them by their names."""
    bare: dict[str, Any] = {
        name: [{key: value for key, value in field.items() if key != "id"} for field in content[name]]
        for name in ("fields", "inputs")
        if name in content
    }
    return {**content, **bare}


def _revision(before: Kept, after: Kept, actor: str, now: datetime) -> Revision | None:
    content, new = content_of(before), content_of(after)
    if _same(content, new):
        return None
    found = _differences(content, new)
    return Revision(
        target=target_of(before),
        number=before.revision,
        replaced_by=actor,
        replaced_at=now,
        changes=len(found),
        changed=tuple(each.path[:_LONGEST_NAME] for each in islice(found, _MOST_NAMED)),
        content=content,
    )


def _same(content: dict[str, Any], new: dict[str, Any]) -> bool:
    # NOTE: Python's 1, 1.0 and True are equal, and three values in JSON.
    return content == new and not _differences(content, new)


def _differences(content: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """How the contents differ. What is equal is not walked through, which is most of what many tasks have."""
    names = {**content, **new}
    unequal = [name for name in names if content.get(name) != new.get(name)] or list(names)
    old, now = ({name: each[name] for name in unequal if name in each} for each in (content, new))
    return differences(without_ids(old), without_ids(now))


def _drop_oldest(data: TenantData, targets: list[str]) -> None:
    for batch in batches(targets):
        counts = data.revisions.group_count("target", {"target": In(batch)}, limit=len(batch))
        for target, count in counts.items():
            if count > MOST_KEPT:
                oldest = data.revisions.find({"target": target}, sort=[("number", 1)], limit=count - MOST_KEPT)
                data.revisions.delete_many({"target": target, "number": Range(lte=oldest.items[-1].number)})


@lru_cache(maxsize=1)
def _converter() -> Any:
    return new_converter(text_datetimes=True)
