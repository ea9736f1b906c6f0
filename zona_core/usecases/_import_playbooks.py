"""Importing an app's playbooks: first a plan, as data, then its writes, in the transaction of their app."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from attrs import define, evolve

from zona_core.domain.apps import AppStatus, Integration
from zona_core.domain.differences import Difference, differences
from zona_core.domain.playbooks import Playbook, PlaybookDefinition
from zona_core.errors import Fault, InvalidInput, PermissionDenied
from zona_core.persistence.database import TenantData
from zona_core.usecases._access import objects_around, objects_of, require, require_new
from zona_core.usecases._app_playbooks import described, playbook_taken, playbooks_of_app, titled_playbook
from zona_core.usecases._area import TenantContext
from zona_core.usecases._history import keep
from zona_core.usecases._import_report import DraftPlaybook
from zona_core.usecases._lookup_playbooks import no_playbook
from zona_core.usecases._playbook_checks import Lack, lacks_of, shape_faults
from zona_core.usecases._portable_playbooks import is_same_playbook, playbook_record
from zona_core.usecases._storing import MissingTask

__all__ = [
    "PlaybookPlan",
    "Waiting",
    "changes_of_playbooks",
    "drafts_of",
    "missing_of",
    "plan_playbooks",
    "put_playbooks",
    "settled",
    "write_playbooks",
]


@define(frozen=True, kw_only=True)
class Waiting:
    """A playbook that is a draft for what it lacks, and what it is to be once it lacks nothing."""

    wanted: Playbook
    lacks: tuple[Lack, ...]


@define(frozen=True, kw_only=True)
class PlaybookPlan:
    """What importing the playbooks of an app will write."""

    app: Integration
    created: tuple[Playbook, ...] = ()
    #: each as it was and as it will be
    updated: tuple[tuple[Playbook, Playbook], ...] = ()
    removed: tuple[tuple[Playbook, Playbook], ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether anything will be changed."""
        return bool(self.created or self.updated or self.removed)


def plan_playbooks(
    context: TenantContext,
    app: Integration,
    definitions: Sequence[PlaybookDefinition],
    ids: Iterator[int],
    *,
    is_new: bool,
) -> PlaybookPlan:
    """What is to be written so that these are the playbooks of ``app``, which is stored with its tasks.

    Raises ``InvalidInput`` for what is wrong with them in themselves or does not fit the app's tasks, ``DuplicateKey``
    for a title that a playbook of no app or of another one has, ``PermissionDenied`` as saving them would.
    """
    stored = {} if is_new else {each.title: each for each in playbooks_of_app(context.data, app.integration_id)}
    if not stored and not definitions:
        return PlaybookPlan(app=app)
    _refuse_shapes(context, definitions)
    wanted = {each.title: _wanted(context, app, each, stored, ids) for each in definitions}
    created, updated, waiting = list[Playbook](), list[tuple[Playbook, Playbook]](), list[Waiting]()
    for index, asked in enumerate(wanted.values()):
        before = stored.get(asked.title)
        if before is not None and is_same_playbook(before, asked):
            continue
        lacks = _lacks(context, asked, app, wanted, index)
        if lacks:
            waiting.append(Waiting(wanted=asked, lacks=lacks))
        new = evolve(asked, status=AppStatus.DRAFT) if lacks else asked
        if before is None:
            created.append(new)
        elif not is_same_playbook(before, new):
            updated.append((before, new))
    gone = [each for title, each in stored.items() if title not in wanted]
    now = context.data.now()
    plan = PlaybookPlan(
        app=app,
        created=tuple(created),
        updated=tuple(updated),
        removed=tuple((each, evolve(each, status=AppStatus.DELETED, updated_ts=now)) for each in gone),
        waiting=tuple(waiting),
    )
    _refuse_forbidden(context, plan)
    return plan


def put_playbooks(data: TenantData, plan: PlaybookPlan) -> list[tuple[Playbook | None, Playbook]]:
    """Puts the plan's playbooks where they belong, and nothing else; gives each as it was and as it is."""
    done: list[tuple[Playbook | None, Playbook]] = [(None, data.playbooks.insert(each)) for each in plan.created]
    done += ((before, data.playbooks.replace(after)) for before, after in (*plan.updated, *plan.removed))
    return done


def write_playbooks(context: TenantContext, plan: PlaybookPlan) -> None:
    """Carries the plan out, within the caller's transaction, which it was made in."""
    done = put_playbooks(context.data, plan)
    keep(context, plan.updated)
    for before, after in done:
        _record(context, before, after)


def settled(context: TenantContext, app: Integration, waiting: Sequence[Waiting], *, dry: bool) -> tuple[Waiting, ...]:
    """Those of an app's drafts that lack something still, now that all apps of the package are there.

    The others become what they are to be, in a transaction of their own.
    """
    left, data = list[Waiting](), context.data
    with data.transaction():
        own = {each.title: each for each in playbooks_of_app(data, app.integration_id)}
        for each in waiting:
            stored = own.get(each.wanted.title)
            lacks = _lacks_now(context, each, app, own)
            if lacks:
                left.append(evolve(each, lacks=lacks))
            elif stored is not None and _is_draft_of(stored, each.wanted):
                after = data.playbooks.replace(evolve(stored, status=each.wanted.status, updated_ts=data.now()))
                if not dry:
                    keep(context, [(stored, after)])
                    _record(context, stored, after)
    return tuple(left)


def drafts_of(waiting: Iterable[Waiting]) -> tuple[DraftPlaybook, ...]:
    """The same as a report tells it."""
    return tuple(
        DraftPlaybook(
            title=each.wanted.title,
            reasons=tuple(lack.fault.under(f"playbooks[{each.wanted.title}]") for lack in each.lacks),
        )
        for each in waiting
    )


def missing_of(waiting: Iterable[Waiting]) -> Iterator[MissingTask]:
    """The tasks that playbooks lack."""
    for each in waiting:
        for lack in each.lacks:
            if lack.task is not None:
                path = f"playbooks[{each.wanted.title}].{lack.fault.path}"
                yield MissingTask(path=path, app=lack.task.app, task=lack.task.task)


def changes_of_playbooks(context: TenantContext, plan: PlaybookPlan) -> list[Difference]:
    """How the app's playbooks will differ from those that are there, as far as the actor may read them."""

    def told(playbooks: Iterable[Playbook]) -> list[dict[str, Any]]:
        shown = (each for each in playbooks if context.actor.may("playbooks:read", objects_of(each)))
        return [playbook_record(each).record for each in sorted(shown, key=lambda each: each.title)]

    before = told(old for old, _ in (*plan.updated, *plan.removed))
    after = told((*plan.created, *(new for _, new in plan.updated)))
    return differences({"playbooks": before}, {"playbooks": after}) if before or after else []


def _is_draft_of(stored: Playbook, wanted: Playbook) -> bool:
    """Whether nobody has changed the draft meanwhile."""
    return stored.status is AppStatus.DRAFT and is_same_playbook(evolve(stored, status=wanted.status), wanted)


def _wanted(
    context: TenantContext,
    app: Integration,
    definition: PlaybookDefinition,
    stored: Mapping[str, Playbook],
    ids: Iterator[int],
) -> Playbook:
    """The playbook as the package says; raises ``DuplicateKey``."""
    before, now, parts = stored.get(definition.title), context.data.now(), described(definition, app)
    if before is not None:
        return evolve(before, **parts, updated_ts=now)
    if titled_playbook(context.data, definition.title) is not None:
        raise playbook_taken(definition.title)
    return Playbook(**parts, id=next(ids), user_id=context.actor.name, created_ts=now, updated_ts=now)


def _refuse_shapes(context: TenantContext, definitions: Iterable[PlaybookDefinition]) -> None:
    """Raises ``InvalidInput`` with all that is wrong with the playbooks in themselves."""
    faults = list(
        chain.from_iterable(
            (_as_in_record(fault).under(f"playbooks[{index}]") for fault in shape_faults(context, each))
            for index, each in enumerate(definitions)
        )
    )
    if faults:
        raise InvalidInput.of(faults, "The playbooks of the package")


def _as_in_record(fault: Fault) -> Fault:
    """Records have the title of a playbook as its name."""
    return Fault("name", fault.message, fault.expected) if fault.path == "title" else fault


def _lacks(
    context: TenantContext, playbook: Playbook, app: Integration, own: Mapping[str, Playbook], index: int
) -> tuple[Lack, ...]:
    if playbook.status is AppStatus.DRAFT:
        return ()
    try:
        return tuple(lacks_of(context, playbook, app, own))
    except InvalidInput as exc:
        faults = [fault.under(f"playbooks[{index}]") for fault in exc.faults]
        raise InvalidInput.of(faults, f"The playbook {playbook.title!r}") from exc


def _lacks_now(
    context: TenantContext, waiting: Waiting, app: Integration, own: Mapping[str, Playbook]
) -> tuple[Lack, ...]:
    try:
        return tuple(lacks_of(context, waiting.wanted, app, own))
    except InvalidInput as exc:
        return tuple(Lack(fault=fault) for fault in exc.faults)
    except PermissionDenied as exc:
        return (Lack(fault=Fault("steps", exc.message, "what the actor may run")),)


def _refuse_forbidden(context: TenantContext, plan: PlaybookPlan) -> None:
    """Raises ``PermissionDenied`` if the actor may not write all that the plan does, ``NotFound`` if not know of it."""
    for new in plan.created:
        require_new(context.actor, "playbooks:write", objects_around(new))
    for old, _ in (*plan.updated, *plan.removed):
        require(context.actor, "playbooks:write", objects_of(old), no_playbook(old.title))


def _record(context: TenantContext, before: Playbook | None, after: Playbook) -> None:
    target = f"playbooks/{after.id}"
    context.data.record(context.actor, "packages.import_apps", target, before=before, after=after)
