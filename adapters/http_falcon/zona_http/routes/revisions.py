"""What apps and tasks were before: seen, compared and restored. What stands in a former state is shown masked."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.apps import Integration, Task
from zona_core.domain.differences import Difference
from zona_core.persistence.repository import Listing
from zona_core.usecases.revisions import RevisionInfo
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant
from ._examples import APP, TASK

__all__ = ["OPERATIONS"]

_APP: Final = "/api/v1/apps/{integration_id}/revisions"
_TASK: Final = "/api/v1/apps/{integration_id}/tasks/{task_id}/revisions"


@define(frozen=True, kw_only=True)
class AppRevisions(PageOfTenant):
    """Whose revisions."""

    integration_id: Id


@define(frozen=True, kw_only=True)
class TaskRevisions(AppRevisions):
    """Whose revisions."""

    task_id: Id


@define(frozen=True, kw_only=True)
class ComparedApp(OptionalTenant):
    """Which revisions of an app."""

    integration_id: Id
    before: Annotated[Id, Meta(description="a revision")]
    after: Annotated[Id, Meta(description="another one; the present one if it is left out")] | None = None


@define(frozen=True, kw_only=True)
class ComparedTask(ComparedApp):
    """Which revisions of a task."""

    task_id: Id


@define(frozen=True, kw_only=True)
class AppRevision(OptionalTenant):
    """Which revision of an app."""

    integration_id: Id
    revision: Annotated[Id, Meta(description="the one that is to be again")]


@define(frozen=True, kw_only=True)
class TaskRevision(AppRevision):
    """Which revision of a task."""

    task_id: Id


def app_revisions(call: Call) -> Listing[RevisionInfo]:
    params: AppRevisions = call.params
    return call.workspace.revisions.of_app(params.integration_id, after=params.after, limit=params.limit)


def task_revisions(call: Call) -> Listing[RevisionInfo]:
    params: TaskRevisions = call.params
    app_id, task_id = params.integration_id, params.task_id
    return call.workspace.revisions.of_task(app_id, task_id, after=params.after, limit=params.limit)


def diff_app(call: Call) -> Answer:
    params: ComparedApp = call.params
    return _compared(call.workspace.revisions.diff_app(params.integration_id, params.before, params.after))


def diff_task(call: Call) -> Answer:
    params: ComparedTask = call.params
    app_id, task_id = params.integration_id, params.task_id
    return _compared(call.workspace.revisions.diff_task(app_id, task_id, params.before, params.after))


def restore_app(call: Call) -> Integration:
    params: AppRevision = call.params
    return call.workspace.revisions.restore_app(params.integration_id, params.revision, revision=call.revision)


def restore_task(call: Call) -> Answer:
    params: TaskRevision = call.params
    seen = call.condition.of(str(params.task_id)) if call.condition else None
    restored = call.workspace.revisions.restore_task(
        params.integration_id, params.task_id, params.revision, revision=seen
    )
    return Answer(data=restored, etag=tag_of(restored.revision, str(restored.id)))


def _compared(found: list[Difference]) -> Answer:
    return Answer(data=found, meta={"next": None})


_FORMER: Final = {
    "number": 3, "replaced_at": "2030-01-02T00:00:00Z", "replaced_by": "ann", "changes": 2,
    "changed": ["description", "fields[api_key].label"],
}  # fmt: skip
_DIFFERENCES: Final = [
    {"path": "description", "change": "changed", "before": "Hosts", "after": "What is open to the internet."},
    {"path": "fields[api_key].label", "change": "added", "before": None, "after": "API key"},
]
_REFUSED: Final = Problem(status=409, codes=("duplicate", "app_deleted"))
_LISTED: Final = "The last 100 that were replaced by something else, the latest first."
_SHOWN: Final = "Secrets that an author wrote into one are masked; that such a one was changed is told."
_SEEN: Final[dict[str, Any]] = {"tag": "revisions", "result": list[RevisionInfo], "answer_example": [_FORMER]}
_COMPARED: Final[dict[str, Any]] = {"tag": "revisions", "result": list[Difference], "answer_example": _DIFFERENCES}
_NO_CHANGE: Final = "Where everything is like that already nothing changes."
_RESTORED: Final[dict[str, Any]] = {"tag": "revisions", "locks": True, "problems": (_REFUSED,)}

OPERATIONS = (
    Operation(
        **_SEEN, method="GET", path=_APP, id="list_app_revisions", summary="What an app was before",
        description=f"{_LISTED} Its tasks have their own.", handler=app_revisions, use_case="revisions.of_app",
        params=AppRevisions,
    ),
    Operation(
        **_COMPARED, method="GET", path=f"{_APP}/diff", id="diff_app", summary="How two revisions of an app differ",
        description=_SHOWN, handler=diff_app, use_case="revisions.diff_app", params=ComparedApp,
    ),
    Operation(
        **_RESTORED, method="POST", path=f"{_APP}/{{revision}}/restore", id="restore_app",
        summary="Describe an app again as it was",
        description="Its tasks stay as they are. Instances are fitted to the fields, which have their ids again. "
        + _NO_CHANGE,
        handler=restore_app, use_case="revisions.restore_app", params=AppRevision, result=Integration,
        answer_example={**APP, "revision": 5},
    ),
    Operation(
        **_SEEN, method="GET", path=_TASK, id="list_task_revisions", summary="What a task was before",
        description=_LISTED, handler=task_revisions, use_case="revisions.of_task", params=TaskRevisions,
    ),
    Operation(
        **_COMPARED, method="GET", path=f"{_TASK}/diff", id="diff_task", summary="How two revisions of a task differ",
        description=_SHOWN, handler=diff_task, use_case="revisions.diff_task", params=ComparedTask,
    ),
    Operation(
        **_RESTORED, method="POST", path=f"{_TASK}/{{revision}}/restore", id="restore_task",
        summary="Put a task as it was in the place of what it is",
        description="Also one that was deleted, if its tag is free: with `If-Match: *`, as it has no `ETag` then. "
        + _NO_CHANGE,
        handler=restore_task, use_case="revisions.restore_task", params=TaskRevision, result=Task,
        answer_example={**TASK, "revision": 5},
    ),
)  # fmt: skip
