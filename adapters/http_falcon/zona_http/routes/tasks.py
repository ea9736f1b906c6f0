"""Tasks: the endpoints of SPEC §3, and those that a client expects beside them."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from attrs import define
from msgspec import Meta

from zona_core.domain.apps import Task, TaskDefinition
from zona_core.domain.fields import FieldKind, OutputField
from zona_core.domain.schemas import DIALECT, input_schema
from zona_core.errors import NotFound
from zona_core.persistence.repository import Listing
from zona_core.usecases.tasks import TaskInfo
from zona_http._conditions import tag_of, unmet
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, InTenant, OptionalTenant, PageOfTenant
from ._definitions import LOGOS_UNREADABLE, TaskBody, TaskOfApp, defined
from ._doors import place, trusted_workspace
from ._examples import OUTPUTS, TASK, TASK_DEFINITION

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class AppOfTasks(OptionalTenant):
    """Whose tasks."""

    integration_id: Id


@define(frozen=True, kw_only=True)
class TaskPage(PageOfTenant):
    """Whose tasks."""

    integration_id: Id


@define(frozen=True, kw_only=True)
class TaskPlace(OptionalTenant):
    """Which task of which app."""

    integration_id: Id
    task_id: Id


Force: TypeAlias = Annotated[bool, Meta(description="delete it although tasks need it: they wait for its tag then")]


@define(frozen=True, kw_only=True)
class TaskDeletion(TaskPlace):
    """Which task of which app goes."""

    force: Force = False


@define(frozen=True, kw_only=True)
class GenericTaskDeletion(OptionalTenant):
    """Which task goes; ids are unique within a tenant."""

    task_id: Id
    force: Force = False


@define(frozen=True, kw_only=True)
class TaskInTenant(InTenant):
    """Which task; ids are unique within a tenant."""

    task_id: Id


@define(frozen=True, kw_only=True)
class TaskOfAppInTenant(TaskInTenant):
    """Which task of which app, and how much of its history."""

    integration_id: Id
    runs: Annotated[int, Meta(ge=1, le=100, description="how many of the last runs are looked at")] = 20


def list_tasks(call: Call) -> Listing[Task]:
    params: TaskPage = call.params
    return call.workspace.tasks.list(params.integration_id, after=params.after, limit=params.limit)


def get_task(call: Call) -> Answer:
    return _shown(call.workspace.tasks.get(call.params.integration_id, call.params.task_id))


def put_task(call: Call) -> Answer:
    return _put(call, call.params.integration_id)


def put_generic(call: Call) -> Answer:
    return _put(call, call.body.integration_id)


def delete_task(call: Call) -> Answer:
    app_id, task_id = call.params.integration_id, call.params.task_id
    return _deleted(call, app_id, task_id, force=call.params.force)


def delete_generic(call: Call) -> Answer:
    return _deleted(call, None, call.body.task_id, force=call.body.force)


def _deleted(call: Call, app_id: int | None, task_id: int, *, force: bool) -> Answer:
    revision = call.condition.of(str(task_id)) if call.condition else None
    return _shown(call.workspace.tasks.delete(app_id, task_id, force=force, revision=revision))


def task_info(call: Call) -> TaskInfo:
    params: TaskOfAppInTenant = call.params
    return call.workspace.tasks.info(params.integration_id, params.task_id, runs=params.runs)


def output_fields(call: Call) -> Listing[OutputField]:
    return Listing(items=list(_by_id(call).outputs))


def list_outputs(call: Call) -> Listing[OutputField]:
    return Listing(items=[output for output in _by_id(call).outputs if output.kind is FieldKind.LIST])


def task_input(call: Call) -> dict[str, Any]:
    task = _by_id(call)
    return input_schema(task.inputs, title=task.name, description=task.description)


def _by_id(call: Call) -> Task:
    return call.workspace.tasks.by_id(call.params.task_id)


def _put(call: Call, app_id: int) -> Answer:
    definition = defined(call.body, TaskDefinition)
    task_id, revision = _meant(call, app_id, definition.task_tag)
    task = call.workspace.tasks.upsert(app_id, definition, task_id=task_id, revision=revision)
    answer = _shown(task)
    if task.revision == 1:
        answer.status = 201
        answer.headers = {"Location": place(call, f"/api/v1/apps/{app_id}/tasks/{task.id}")}
    return answer


def _meant(call: Call, app_id: int, task_tag: str) -> tuple[int, int | None]:
    """Which task is to be replaced, and at which revision: with ``If-Match`` one that is there, and stays the same."""
    if call.condition is None:
        return 0, call.revision
    try:
        found = trusted_workspace(call).tasks.get(app_id, task_tag)
    except NotFound as exc:
        if exc.details.get("collection") != "tasks":
            raise
        raise unmet("there is no task with that tag") from None
    return found.id, call.condition.of(str(found.id))


def _shown(task: Task) -> Answer:
    """A task with its tag: it may be put by its name, which another one may have after it."""
    return Answer(data=task, etag=tag_of(task.revision, str(task.id)))


_RUN: Final = {
    "id": "7d3f8a52-4d0c-4a67-9d52-0a4a4d3f9b11", "status": "success", "instance_title": "Main", "actor": "ann",
    "created_at": "2030-01-01T00:00:00Z", "ended_at": "2030-01-01T00:00:01Z", "error_code": "",
}  # fmt: skip
_SCHEMA: Final = {
    "$schema": DIALECT, "type": "object", "title": "Look a host up",
    "properties": {"ip": {"type": "string", "maxLength": 45, "title": "Address"}},
    "required": ["ip"], "additionalProperties": False,
}  # fmt: skip
_NEEDED: Final = Problem(status=409, codes=("task_needed",))
_TASKS: Final[dict[str, Any]] = {"tag": "tasks"}

OPERATIONS = (
    Operation(
        **_TASKS, method="POST", path="/apps/v1/task/generic", id="put_generic_task",
        summary="Make a task, or replace the one with its tag",
        description="201 if it was made, 200 if it was replaced; without `If-Match`, whichever revision was there.",
        handler=put_generic, use_case="tasks.upsert", body=TaskOfApp, result=Task, creates=True, conditional=True,
        example={"integration_id": 12, **TASK_DEFINITION}, answer_example=TASK, problems=(LOGOS_UNREADABLE,),
    ),
    Operation(
        **_TASKS, method="DELETE", path="/apps/v1/task/generic", id="delete_generic_task", summary="Delete a task",
        description="Refused while other tasks need it or its app's health check runs it, unless forced. Without "
        "`If-Match` it deletes whichever revision is there.",
        handler=delete_generic, use_case="tasks.delete", body=GenericTaskDeletion, result=Task, conditional=True,
        example={"tenant_code": "localhost", "task_id": 40, "force": False},
        answer_example={**TASK, "status": "deleted", "revision": 2}, problems=(_NEEDED,),
    ),
    Operation(
        **_TASKS, method="GET", path="/apps/v1/task/generic/{tenant_code}/{integration_id}/{task_id}", id="task_info",
        summary="A task's definition and its last runs",
        description="`runtime` is null for whoever may read no runs.",
        handler=task_info, use_case="tasks.info", params=TaskOfAppInTenant, result=TaskInfo,
        answer_example={"task": TASK, "runtime": {"last_runs": [_RUN], "ended": 1, "success_rate": 1.0}},
    ),
    Operation(
        **_TASKS, method="GET", path="/apps/v1/task/fields/{tenant_code}/{task_id}", id="task_outputs",
        summary="A task's output fields and their types", handler=output_fields, use_case="tasks.by_id",
        params=TaskInTenant, result=list[OutputField], answer_example=OUTPUTS,
    ),
    Operation(
        **_TASKS, method="GET", path="/apps/v1/task/output-fields/{tenant_code}/{task_id}", id="task_list_outputs",
        summary="A task's output fields that are lists", handler=list_outputs, use_case="tasks.by_id",
        params=TaskInTenant, result=list[OutputField], answer_example=OUTPUTS[:1],
    ),
    Operation(
        **_TASKS, method="GET", path="/apps/v1/task/input/{tenant_code}/{task_id}", id="task_input",
        summary="What a task takes, as JSON Schema 2020-12", handler=task_input, use_case="tasks.by_id",
        params=TaskInTenant, result=dict[str, Any], answer_example=_SCHEMA,
    ),
    Operation(
        **_TASKS, method="GET", path="/api/v1/apps/{integration_id}/tasks", id="list_tasks",
        summary="An app's tasks by execution order", handler=list_tasks, use_case="tasks.list", params=TaskPage,
        result=list[Task], answer_example=[TASK],
    ),
    Operation(
        **_TASKS, method="PUT", path="/api/v1/apps/{integration_id}/tasks", id="put_task",
        summary="Make a task, or replace the one with its tag",
        handler=put_task, use_case="tasks.upsert", params=AppOfTasks, body=TaskBody, result=Task, locks=True,
        creates=True, example=TASK_DEFINITION, answer_example=TASK, problems=(LOGOS_UNREADABLE,),
    ),
    Operation(
        **_TASKS, method="GET", path="/api/v1/apps/{integration_id}/tasks/{task_id}", id="get_task",
        summary="One task", handler=get_task, use_case="tasks.get", params=TaskPlace, result=Task,
        answer_example=TASK,
    ),
    Operation(
        **_TASKS, method="DELETE", path="/api/v1/apps/{integration_id}/tasks/{task_id}", id="delete_task",
        summary="Delete a task",
        description="Refused while other tasks need it or its app's health check runs it, unless forced.",
        handler=delete_task, use_case="tasks.delete", params=TaskDeletion, result=Task, locks=True,
        answer_example={**TASK, "status": "deleted", "revision": 2}, problems=(_NEEDED,),
    ),
)  # fmt: skip
