"""Whether a playbook may be kept: its graph, its expressions, and what its steps run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import define

from zona_core.domain.apps import AppStatus, Integration, Task
from zona_core.domain.playbook_checks import playbook_faults, reference_faults
from zona_core.domain.playbooks import Playbook, PlaybookDefinition, Step, StepKind, StepTask
from zona_core.errors import Fault, InvalidInput, NotFound, PermissionDenied
from zona_core.persistence.collections import LIVE_APP
from zona_core.usecases._access import objects_of, permitted
from zona_core.usecases._area import TenantContext, lacking
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._lookup import app_of, task_of
from zona_core.usecases._references import TaskName

__all__ = ["Lack", "check", "home_of", "lacks_of", "shape_faults"]


@define(frozen=True, kw_only=True)
class Lack:
    """What keeps a playbook of a package from being run here."""

    #: its path below the playbook: ``steps[2].task``
    fault: Fault
    #: the task that it names and that is not there; None if it is something else
    task: TaskName | None = None


def check(context: TenantContext, playbook: PlaybookDefinition) -> None:
    """Raises ``InvalidInput`` with every fault, ``PermissionDenied`` for what the actor may not run.

    A draft may name what is not there yet, but no app that is not there as its own.
    """
    faults = shape_faults(context, playbook)
    if not faults:
        home_of(context, playbook)
    if not faults and playbook.status is not AppStatus.DRAFT:
        named = _Named(context)
        for index, step in enumerate(playbook.steps):
            faults += (fault.under(f"steps[{index}]") for fault in named.faults(step))
    if faults:
        raise InvalidInput.of(faults, f"The playbook {playbook.title!r}")


def home_of(context: TenantContext, playbook: PlaybookDefinition) -> Integration | None:
    """The app that the playbook is to belong to; raises ``InvalidInput`` if it is not there, or not to be read."""
    if not playbook.app:
        return None
    try:
        return app_of(context, playbook.app, "apps:read")
    except NotFound as exc:
        fault = Fault("app", exc.message, "the title of an app, or nothing")
        raise InvalidInput.of([fault], f"The playbook {playbook.title!r}") from exc


def shape_faults(context: TenantContext, playbook: PlaybookDefinition) -> list[Fault]:
    """What is wrong with a playbook in itself: its graph, and its expressions."""
    faults = playbook_faults(playbook)
    if faults:
        return faults
    try:
        compiled = CompiledPlaybook(playbook, context.parts.expressions())
    except InvalidInput as exc:
        return list(exc.faults)
    return reference_faults(playbook, compiled.references)


def lacks_of(
    context: TenantContext, playbook: PlaybookDefinition, app: Integration, own: Mapping[str, Playbook]
) -> list[Lack]:
    """What keeps a playbook of ``app``, which came in a package, from being run: of that the others are not to blame.

    ``own`` are the app's playbooks as they will be, by title. Names are names here, and no ids. Raises
    ``InvalidInput`` for what does not fit the app's own tasks, ``PermissionDenied`` for what the actor may not run of
    the app.
    """
    named, lacks, faults = _Named(context, own, app.title), list[Lack](), list[Fault]()
    for index, step in enumerate(playbook.steps):
        here = f"steps[{index}]"
        at_home = step.playbook in own if step.kind is StepKind.PLAYBOOK else step.task and step.task.app == app.title
        absent = None if step.task is None else named.absent(step.task)
        if absent is not None:
            lacks.append(Lack(fault=named.no_task(absent).under(here), task=absent))
        elif at_home:
            faults += (fault.under(here) for fault in named.faults(step))
        else:
            lacks += (Lack(fault=fault.under(here)) for fault in _elsewhere(named, step))
    if faults:
        raise InvalidInput.of(faults, f"The playbook {playbook.title!r}")
    return lacks


def _elsewhere(named: _Named, step: Step) -> Iterator[Fault]:
    """What is wrong with what the step runs, and that the actor may not run it."""
    try:
        yield from named.faults(step)
    except PermissionDenied as exc:
        yield Fault(step.kind.value, exc.message, "who may run it")


class _Named:
    """What the steps of a playbook name; each task is looked for once."""

    def __init__(self, context: TenantContext, own: Mapping[str, Playbook] | None = None, home: str = "") -> None:
        """``own`` are playbooks of a package's app ``home`` that are about to be stored, by title: ids name nothing."""
        self._context = context
        self._own = own or {}
        self._home = home
        self._tasks: dict[tuple[str, str], Task | NotFound] = {}

    def faults(self, step: Step) -> list[Fault]:
        """What is wrong with what the step runs; raises ``PermissionDenied``."""
        if step.task is not None:
            return self._of_task(step, step.task)
        return self._of_playbook(step.playbook) if step.kind is StepKind.PLAYBOOK else []

    def absent(self, place: StepTask) -> TaskName | None:
        """The task's name if there is no such task that the actor may know of."""
        try:
            found = self._task(place)
        except PermissionDenied:
            return None
        return TaskName(place.app, place.task) if isinstance(found, NotFound) else None

    @staticmethod
    def no_task(name: TaskName) -> Fault:
        """The fault of a step that names a task that is not there."""
        return Fault("task", f"there is no task {str(name)!r}", "the title of an app and the tag of one of its tasks")

    def _of_task(self, step: Step, place: StepTask) -> list[Fault]:
        task = self._task(place)
        if isinstance(task, NotFound):
            return [Fault("task", task.message, "the title of an app and the tag of one of its tasks")]
        known = {field.name for field in task.inputs}
        found = [
            Fault(f"inputs.{name}", f"the task {task.task_tag} has no such input", "one of its inputs")
            for name in step.inputs
            if name not in known
        ]
        found += [
            Fault(f"inputs.{field.name}", "is missing", "a value or a template")
            for field in task.inputs
            if field.required and field.default is None and field.name not in step.inputs
        ]
        return found

    def _of_playbook(self, title: str) -> list[Fault]:
        actor = self._context.actor
        found = self._own.get(title) or self._context.data.playbooks.one({"title": title, "status": LIVE_APP})
        if found is None or not permitted(actor, "playbooks:run", objects_of(found)):
            return [Fault("playbook", f"there is no playbook {title!r}", "a playbook's title")]
        if not actor.may("playbooks:run", objects_of(found)):
            raise lacking(actor, "playbooks:run")
        return []

    def _task(self, place: StepTask) -> Task | NotFound:
        """The task, or why there is none for the actor; raises ``PermissionDenied``."""
        key = place.app, place.task
        if key not in self._tasks:
            try:
                self._tasks[key] = self._found(place)
            except NotFound as exc:
                self._tasks[key] = exc
        return self._tasks[key]

    def _found(self, place: StepTask) -> Task:
        if not self._home:
            return task_of(self._context, place.app, place.task, "runs:run")[1]
        data = self._context.data
        app = data.apps.one({"title": place.app, "status": LIVE_APP})
        app_id = app.integration_id if app else 0
        task = data.tasks.one({"integration_id": app_id, "task_tag": place.task, "status": LIVE_APP}) if app else None
        if task is None:
            raise NotFound(f"there is no task {place.app}/{place.task}", collection="tasks")
        if place.app == self._home and not self._context.actor.may("runs:run", objects_of(task)):
            raise lacking(self._context.actor, "runs:run")
        return task_of(self._context, app_id, task.id, "runs:run")[1]
