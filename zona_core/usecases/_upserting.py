"""The flow of an upsert: checks first, then ids and the licence, then one transaction (SPEC §4.1)."""

from __future__ import annotations

from attrs import define, evolve

from zona_core.domain.apps import AppDefinition, Integration
from zona_core.domain.instances import Instance
from zona_core.errors import DuplicateKey, Fault
from zona_core.persistence.collections import LIVE_APP, LIVE_INSTANCE
from zona_core.ports.store import Where
from zona_core.usecases._access import check_revision, objects_of, require_new
from zona_core.usecases._area import TenantContext
from zona_core.usecases._checking import refuse_faults
from zona_core.usecases._logos import Logos
from zona_core.usecases._lookup import app_of
from zona_core.usecases._new_instance import NewInstance, checked_instance, instance_taken
from zona_core.usecases._quota import taking
from zona_core.usecases._storing import AppPlan, NewIds, plan_app, taken, titled, write_app

__all__ = ["AppOutcome", "Upsert", "upserted"]


@define(frozen=True, kw_only=True)
class AppOutcome:
    """What an upsert or import did: the app, and how many tasks it touched."""

    app: Integration
    created: bool
    tasks_created: int = 0
    tasks_updated: int = 0
    #: task tags that the definition no longer has
    tasks_retired: tuple[str, ...] = ()
    #: those of them that stay, because other apps' tasks need them
    tasks_kept: tuple[str, ...] = ()
    #: the instance that was made with it
    instance: Instance | None = None
    #: why the instance that was asked for was not made
    instance_skipped: str = ""
    #: what an importer repaired, and where
    warnings: tuple[Fault, ...] = ()


@define(frozen=True, kw_only=True)
class Upsert:
    """What is asked for."""

    definition: AppDefinition
    #: the app to put it in the place of; 0 for a new one
    app_id: int = 0
    revision: int | None = None
    #: its tasks stay as they are, the definition has none; so does its logo if the definition has none
    keep_tasks: bool = False
    #: a picture, instead of the definition's logo
    logo: bytes | None = None
    instance: NewInstance | None = None
    #: what the audit trail calls it
    action: str
    warnings: tuple[Fault, ...] = ()


def upserted(context: TenantContext, wanted: Upsert) -> AppOutcome:
    """Does it, wholly or not at all; an instance whose title is taken is left out, and told.

    Raises ``InvalidInput``, ``DuplicateKey``, ``NotFound``, ``PermissionDenied``, ``LicenceLimit``,
    ``RevisionConflict``.
    """
    _refuse_forbidden(context, wanted)
    logos = Logos(context)
    wanted = evolve(wanted, definition=_with_logo(logos, wanted))
    if not wanted.keep_tasks:
        refuse_faults(context, wanted.definition)
    _refuse_taken_title(context, wanted)
    skipped = _why_skipped(context, wanted)
    while True:
        try:
            return _stored(context, wanted, logos, skipped)
        except _InstanceTakenError as exc:
            skipped = str(exc)


class _InstanceTakenError(Exception):
    """Somebody took the instance's title meanwhile: all is undone, to be done again without the instance."""


def _stored(context: TenantContext, wanted: Upsert, logos: Logos, skipped: str) -> AppOutcome:
    data = context.data
    ids = NewIds(data, wanted.app_id, len(wanted.definition.tasks))
    request = None if skipped else wanted.instance
    instance_ids = [data.take_id("instances")] if request else []
    new_apps = [] if wanted.app_id else [ids.app]
    with taking(context, integrations=new_apps, instances=instance_ids), data.transaction():
        before = app_of(context, wanted.app_id, "apps:write") if wanted.app_id else None
        check_revision(before.revision if before else 0, wanted.revision, f"apps/{ids.app}")
        definition, pictures = _whole(context, wanted, before), tuple(logos.new.values())
        # Tasks that stay keep what they wait for.
        plan = plan_app(context, definition, before, ids, logos=pictures, lenient=wanted.keep_tasks)
        app = write_app(context, plan, wanted.action)
        instance = _add_instance(context, app, request, instance_ids[0]) if request else None
    return _outcome(plan, app, wanted, instance, skipped)


def _outcome(plan: AppPlan, app: Integration, wanted: Upsert, instance: Instance | None, skipped: str) -> AppOutcome:
    return AppOutcome(
        app=app,
        created=plan.before is None,
        tasks_created=len(plan.tasks.created),
        tasks_updated=len(plan.tasks.updated),
        tasks_retired=tuple(task.task_tag for task in plan.tasks.retired),
        tasks_kept=tuple(task.task_tag for task in plan.tasks.kept),
        instance=instance,
        instance_skipped=skipped,
        warnings=wanted.warnings,
    )


def _refuse_forbidden(context: TenantContext, wanted: Upsert) -> None:
    """Refuses before anything is told of the definition or of other apps' titles."""
    app = app_of(context, wanted.app_id, "apps:write") if wanted.app_id else None
    if app is None:
        require_new(context.actor, "apps:write")
    if wanted.instance:
        require_new(context.actor, "instances:write", objects_of(app) if app else ())


def _with_logo(logos: Logos, wanted: Upsert) -> AppDefinition:
    """The definition with references for pictures."""
    definition = wanted.definition
    if wanted.logo is not None:
        return evolve(logos.of_app(evolve(definition, logo="")), logo=logos.take(wanted.logo))
    return logos.of_app(definition)


def _refuse_taken_title(context: TenantContext, wanted: Upsert) -> None:
    """Refuses early, before ids are taken; the unique index decides between simultaneous upserts."""
    found = titled(context.data, wanted.definition.title)
    if found is not None and found.integration_id != wanted.app_id:
        raise taken(wanted.definition.title)


def _why_skipped(context: TenantContext, wanted: Upsert) -> str:
    """Why the instance is not made; a title that is taken is looked for before the licence is asked."""
    if wanted.instance is None or not wanted.app_id:
        return ""
    of_app: Where = {"integration_id": wanted.app_id, "status": LIVE_INSTANCE}
    found = context.data.instances.one({**of_app, "title": wanted.instance.title})
    return f"there is an instance titled {wanted.instance.title!r} already" if found else ""


def _whole(context: TenantContext, wanted: Upsert, before: Integration | None) -> AppDefinition:
    """The definition with the tasks and the logo that stay, as they are now."""
    if not wanted.keep_tasks:
        return wanted.definition
    definition = wanted.definition
    if before is not None:
        of_app: Where = {"integration_id": before.integration_id, "status": LIVE_APP}
        logo = definition.logo or before.logo
        definition = evolve(definition, tasks=tuple(context.data.tasks.all(of_app)), logo=logo)
    refuse_faults(context, definition)
    return definition


def _add_instance(context: TenantContext, app: Integration, request: NewInstance, instance_id: int) -> Instance:
    instance = checked_instance(context, app, request, instance_id)
    try:
        stored = context.data.instances.insert(instance)
    except DuplicateKey as exc:
        raise _InstanceTakenError(instance_taken(app, request.title).message) from exc
    context.data.record(context.actor, "instances.add", f"instances/{instance_id}", after=stored)
    return stored
