"""Definitions of playbooks as bodies: the domain's classes, with the bounds that a request is held to.

See ``_definitions``. What no schema can say, such as cycles and what expressions look at, the use-cases tell.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.apps import AppStatus
from zona_core.domain.playbook_checks import MOST_STEPS
from zona_core.domain.playbooks import Approval, PlaybookDefinition, Step, StepRetry, StepTask

from ._common import Title
from ._definitions import FieldBody, RetryBody, Status

__all__ = ["DEFINITION", "PLAYBOOK", "PlaybookBody"]

_LONGEST: Final = 366 * 86_400
_EDGE: Final = "^ *[A-Za-z_][A-Za-z0-9_]{0,63} *(: *(success|failure|skipped|passed|end) *)?$"

StepName: TypeAlias = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,63}$", examples=["look_up"])]
AtATime: TypeAlias = Annotated[int, Meta(ge=1, le=256)]
Expression: TypeAlias = Annotated[str, Meta(max_length=2_100, description="a JMESPath expression; empty for none")]


@define(frozen=True, kw_only=True)
class StepTaskBody(StepTask):
    """Which task a step runs, and with which instance: titles, tags or ids; the instance may be a template."""

    app: Annotated[str, Meta(min_length=1, max_length=200)]
    task: Annotated[str, Meta(min_length=1, max_length=200)]


@define(frozen=True, kw_only=True)
class ApprovalBody(Approval):
    """What a person is asked."""

    expires: Annotated[float, Meta(ge=1, le=_LONGEST, description="seconds that there are for an answer")] = 604_800.0


@define(frozen=True, kw_only=True)
class StepRetryBody(RetryBody, StepRetry):
    """How often and when a failed attempt is repeated, and for which codes; times in seconds."""


@define(frozen=True, kw_only=True)
class StepBody(Step):
    """One step: exactly one of ``task``, ``set``, ``wait``, ``approval`` and ``playbook`` says what it does."""

    name: StepName
    task: StepTaskBody | None = None
    approval: ApprovalBody | None = None
    wait: Annotated[Any, Meta(description="seconds, or a template for them")] = None
    after: Annotated[
        tuple[Annotated[str, Meta(pattern=_EDGE)], ...],
        Meta(description="`step` or `step:ending` each; null: after the step before it, `passed`; empty: at once"),
    ] | None = None  # fmt: skip
    when: Expression = ""
    for_each: Annotated[Any, Meta(description="an expression for a list, or a list")] = None
    concurrency: AtATime = 4
    retry: StepRetryBody | None = None
    timeout: Annotated[float, Meta(ge=0.001, le=86_400, description="seconds an attempt")] | None = None


@define(frozen=True, kw_only=True)
class PlaybookBody(PlaybookDefinition):
    """A playbook before it has an id."""

    title: Title
    inputs: tuple[FieldBody, ...] = ()
    steps: Annotated[tuple[StepBody, ...], Meta(min_length=1, max_length=MOST_STEPS)]
    outputs: dict[str, Any] = Factory(dict)
    status: Status = AppStatus.ACTIVE
    timeout: Annotated[float, Meta(ge=1, le=_LONGEST, description="seconds that a run may take")] = 2_592_000.0
    concurrency: AtATime = 16
    app: Annotated[str, Meta(max_length=200, description="title of the app that it travels with")] = ""


DEFINITION: Final[dict[str, Any]] = {
    "title": "Block an address",
    "inputs": [{"name": "ip", "label": "Address", "required": True}],
    "steps": [
        {"name": "look_up", "task": {"app": "VirusTotal", "task": "look_up"}, "inputs": {"address": "{{ inputs.ip }}"}},
        {
            "name": "ask", "when": "steps.look_up.outputs.malicious > `3`",
            "approval": {"message": "Block {{ inputs.ip }}?", "expires": 86_400},
        },
        {
            "name": "block", "after": ["ask"], "task": {"app": "Firewall", "task": "block"},
            "inputs": {"address": "{{ inputs.ip }}", "reason": "{{ steps.ask.outputs.comment }}"},
            "retry": {"attempts": 3, "on": ["http_status"]},
        },
    ],
    "outputs": {"blocked": "{{ steps.block.status == 'success' }}"},
}  # fmt: skip
_FIELD: Final = {
    "id": 0, "name": "ip", "renamed_from": "", "label": "Address", "kind": "text", "required": True, "default": None,
    "help": "", "choices": [], "item_kind": None, "rules": None, "example": None, "schema": None,
}  # fmt: skip
_STEP: Final[dict[str, Any]] = {
    "description": "", "task": None, "set": None, "wait": None, "approval": None, "playbook": "", "inputs": {},
    "after": None, "join": "all", "when": "", "for_each": None, "concurrency": 4, "collect_errors": False,
    "retry": None, "timeout": None, "on_error": "fail",
}  # fmt: skip
PLAYBOOK: Final[dict[str, Any]] = {
    "id": 3, "title": "Block an address", "description": "", "version": "1.0", "inputs": [_FIELD],
    "steps": [
        {
            **_STEP, "name": "look_up", "task": {"app": "VirusTotal", "task": "look_up", "instance": ""},
            "inputs": {"address": "{{ inputs.ip }}"},
        },
        {
            **_STEP, "name": "ask", "when": "steps.look_up.outputs.malicious > `3`",
            "approval": {"message": "Block {{ inputs.ip }}?", "expires": 86_400.0},
        },
        {
            **_STEP, "name": "block", "after": ["ask"],
            "task": {"app": "Firewall", "task": "block", "instance": ""},
            "inputs": {"address": "{{ inputs.ip }}", "reason": "{{ steps.ask.outputs.comment }}"},
            "retry": {
                "attempts": 3, "initial": 1.0, "factor": 2.0, "maximum": 60.0, "jitter": 0.5, "on": ["http_status"],
            },
        },
    ],
    "outputs": {"blocked": "{{ steps.block.status == 'success' }}"}, "status": "active", "timeout": 2_592_000.0,
    "concurrency": 16, "tags": [], "app": "", "integration_id": 0, "user_id": "admin",
    "created_ts": "2030-01-01T00:00:00Z", "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
