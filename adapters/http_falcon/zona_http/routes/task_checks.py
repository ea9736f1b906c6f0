"""Tasks before they are stored, before they go, and as a graph: what there is to know of them (SPEC §3)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.apps import TaskDefinition
from zona_core.domain.task_graphs import TaskGraph
from zona_core.usecases._verification import MOST_SECONDS, TaskVerification
from zona_core.usecases.tasks import PictureFormat, TaskDependents
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class AppOfGraph(OptionalTenant):
    """Whose tasks."""

    integration_id: Id


@define(frozen=True, kw_only=True)
class TaskOfTenant(OptionalTenant):
    """Which task; ids are unique within a tenant."""

    task_id: Id


@define(frozen=True, kw_only=True)
class TaskToVerify(OptionalTenant):
    """A task that is not stored, its app, and how it is to be tried."""

    integration_id: Id
    #: faults in it are part of the answer
    definition: TaskDefinition
    #: may be left out if the app has just one, or needs none
    instance_id: Id | None = None
    inputs: Annotated[dict[str, Any], Meta(description="by field name; secrets are texts")] | None = None
    timeout: Annotated[float, Meta(gt=0, le=MOST_SECONDS, description="seconds that a run to try it may take")] = 30.0
    run: Annotated[bool, Meta(description="run it once: the real thing for the remote side")] = False


def validate_task(call: Call) -> TaskDependents:
    return call.workspace.tasks.dependents(None, call.body.task_id)


def verify_task(call: Call) -> TaskVerification:
    asked: TaskToVerify = call.body
    return call.workspace.tasks.verify(
        asked.integration_id,
        asked.definition,
        instance=asked.instance_id,
        inputs=asked.inputs,
        timeout=asked.timeout,
        run=asked.run,
    )


def show_graph(call: Call) -> TaskGraph:
    return call.workspace.tasks.graph(call.params.integration_id)


def draw_svg(call: Call) -> Answer:
    return _drawn(call, PictureFormat.SVG, _SVG)


def draw_png(call: Call) -> Answer:
    return _drawn(call, PictureFormat.PNG, _PNG)


def _drawn(call: Call, form: PictureFormat, media_type: str) -> Answer:
    return Answer(body=call.workspace.tasks.picture(call.params.integration_id, format=form), media_type=media_type)


_DEFINITION: Final[dict[str, Any]] = {
    "name": "Look a host up",
    "task_tag": "lookup_host",
    "task_handler": "http",
    "inputs": [{"name": "ip", "label": "Address", "required": True}],
    "outputs": [{"name": "ports", "kind": "list", "path": "body.ports"}],
    "handler_config": {"method": "GET", "path": "/shodan/host/{{ input.ip }}"},
}
_DEPENDENTS: Final = {
    "can_delete": False,
    "dependents": [{
        "task_id": 57, "integration_id": 13, "app": "VirusTotal", "task_tag": "report", "kind": "task", "needs_id": 40,
        "direct": True,
    }],
    "hidden": 0, "health_check": False,
}  # fmt: skip
_VERIFICATION: Final = {
    "ok": True, "task_id": 0, "faults": [], "input_faults": [],
    "prerequisites": [
        {"kind": "app", "subject": "Shodan", "met": True, "detail": ""},
        {"kind": "handler", "subject": "http", "met": True, "detail": ""},
        {"kind": "instance", "subject": "Main", "met": True, "detail": ""},
    ],
    "trial_run": {
        "status": "success", "instance_title": "Main", "duration_ms": 81.4,
        "response": {
            "status": 200, "headers": {"content-type": "application/json"},
            "body": {"city": "Berlin", "ports": [22, 443]},
        },
        "complete": True, "outputs": {"ports": [22, 443]},
        "inferred_outputs": [
            {"name": "city", "kind": "text", "path": "body.city", "label": "city", "help": ""},
            {"name": "ports", "kind": "list", "path": "body.ports", "label": "ports", "help": ""},
        ],
        "performance": {"http_status": 200}, "error": None,
    },
}  # fmt: skip
_GRAPH: Final = {
    "integration_id": 12, "title": "Shodan",
    "nodes": [
        {
            "task_id": 40, "integration_id": 12, "app": "Shodan", "task_tag": "lookup_host", "name": "Look a host up",
            "status": "active", "own": True,
        },
        {
            "task_id": 57, "integration_id": 13, "app": "VirusTotal", "task_tag": "report", "name": "Report",
            "status": "active", "own": False,
        },
    ],
    "edges": [{"needed": 40, "needing": 57, "kind": "task"}], "generations": [[40], [57]],
    "missing": [{"app": "Shodan", "task_tag": "info", "needing": 40, "kind": "task"}], "hidden": 0,
}  # fmt: skip
_SVG: Final = "image/svg+xml"
_PNG: Final = "image/png"
_TASKS: Final[dict[str, Any]] = {"tag": "tasks"}

OPERATIONS = (
    Operation(
        **_TASKS, method="POST", path="/apps/v1/task/verify-generic", id="verify_task",
        summary="Verify a task without storing it",
        description="Every fault of the definition and of the inputs, and whether what a run needs is there, are the "
        "answer; so is, with `run`, what came of a run to try it (for whoever may run tasks, too): the response, "
        "secrets masked, and the output fields that can be had of it. That run is in the audit trail, not among the "
        "runs.",
        handler=verify_task, use_case="tasks.verify", body=TaskToVerify, result=TaskVerification,
        example={
            "integration_id": 12, "definition": _DEFINITION, "instance_id": 7, "inputs": {"ip": "192.0.2.7"},
            "timeout": 30.0, "run": True,
        },
        answer_example=_VERIFICATION,
        problems=(Problem(status=403, codes=("permission_denied",)), Problem(status=404, codes=("not_found",))),
    ),
    Operation(
        **_TASKS, method="POST", path="/apps/v1/task/generic-validate", id="validate_task",
        summary="Whether a task can be deleted, and who needs it",
        description="Those who need it come from every app, those by way of others too (`direct` is false); of those "
        "that you may not read there is the number.",
        handler=validate_task, use_case="tasks.dependents", body=TaskOfTenant, result=TaskDependents,
        example={"tenant_code": "localhost", "task_id": 40}, answer_example=_DEPENDENTS,
        problems=(Problem(status=404, codes=("not_found",)),),
    ),
    Operation(
        **_TASKS, method="GET", path="/api/v1/apps/{integration_id}/graph", id="task_graph",
        summary="An app's tasks and what they need, as a graph",
        description="With all that they need in whichever app, and the tasks of other apps that need them. `nodes` "
        "come each after what it needs; `hidden` counts the tasks that you may not read.",
        handler=show_graph, use_case="tasks.graph", params=AppOfGraph, result=TaskGraph, answer_example=_GRAPH,
    ),
    Operation(
        **_TASKS, method="GET", path="/api/v1/apps/{integration_id}/graph.svg", id="task_graph_svg",
        summary="The graph as a picture (SVG)", handler=draw_svg, use_case="tasks.picture", params=AppOfGraph,
        media_type=_SVG,
    ),
    Operation(
        **_TASKS, method="GET", path="/api/v1/apps/{integration_id}/graph.png", id="task_graph_png",
        summary="The graph as a picture (PNG)",
        description="501 where the service lacks what it takes: the extra `pictures`, and a font. SVG takes neither.",
        handler=draw_png, use_case="tasks.picture", params=AppOfGraph, media_type=_PNG,
        problems=(Problem(status=501, codes=("not_installed",)),),
    ),
)  # fmt: skip
