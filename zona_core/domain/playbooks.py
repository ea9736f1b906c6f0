"""Playbooks: tasks and decisions as a graph of steps (SPEC §1, §4.4), as authors write them and as they are stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, define, setters

from .apps import AppStatus, RetryPolicy
from .fields import Field

__all__ = [
    "Approval",
    "Edge",
    "Join",
    "On",
    "OnError",
    "Playbook",
    "PlaybookDefinition",
    "Step",
    "StepKind",
    "StepRetry",
    "StepTask",
    "edges_of",
]


class StepKind(StrEnum):
    """What a step does."""

    #: runs an app's task
    TASK = "task"
    #: gives values made of earlier ones
    SET = "set"
    #: lets time pass
    WAIT = "wait"
    #: asks a person
    APPROVAL = "approval"
    #: runs another playbook
    PLAYBOOK = "playbook"


class On(StrEnum):
    """How a step must have ended for an edge from it to count."""

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"
    #: success, or skipped by its condition
    PASSED = "passed"
    #: in whatever way, also when the run fails: for cleaning up
    END = "end"


class Join(StrEnum):
    """How many of a step's edges must count."""

    ALL = "all"
    ANY = "any"


class OnError(StrEnum):
    """What a step's failure means for the run."""

    #: the run fails, unless another step follows this one's failure
    FAIL = "fail"
    #: it counts as a success without outputs
    CONTINUE = "continue"


@define(frozen=True)
class Edge:
    """From which step, and how it must have ended."""

    step: str
    on: On = On.SUCCESS

    @classmethod
    def parse(cls, text: str) -> Edge:
        """``lookup`` or ``lookup:failure``; raises ``ValueError`` for an ending that there is not."""
        step, colon, on = text.partition(":")
        return cls(step.strip(), On(on.strip()) if colon else On.SUCCESS)


@define(kw_only=True, on_setattr=setters.frozen)
class StepTask:
    """Which task a step runs, and with which instance: titles, tags or ids."""

    app: str
    task: str
    #: a title or a template for one; empty: the only instance, or none if the app needs none
    instance: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class Approval:
    """What a person is asked."""

    #: a text with templates
    message: str
    #: seconds that there are for an answer; without one the step fails with ``approval_expired``
    expires: float = 7 * 86_400.0


@define(kw_only=True, on_setattr=setters.frozen)
class StepRetry(RetryPolicy):
    """A retry policy that may be bound to certain errors."""

    #: codes of errors; empty: those that say themselves that they may be repeated
    on: tuple[str, ...] = ()


@define(kw_only=True, on_setattr=setters.frozen)
class Step:
    """One step. Exactly one of ``task``, ``set``, ``wait``, ``approval`` and ``playbook`` says what it does.

    Values may hold templates (``{{ inputs.ip }}``, ``{{ steps.lookup.outputs.score }}``); see docs/expressions.md.
    """

    #: unique in its playbook; an identifier, so that expressions can name it
    name: str
    description: str = ""
    task: StepTask | None = None
    set: dict[str, Any] | None = None
    #: seconds, or a template for them
    wait: Any = None
    approval: Approval | None = None
    #: another playbook's title
    playbook: str = ""
    #: of the task or of the other playbook
    inputs: dict[str, Any] = Factory(dict)
    #: ``step`` or ``step:ending`` each; None: after the step before it in the list (``:passed``); empty: at once
    after: tuple[str, ...] | None = None
    join: Join = Join.ALL
    #: an expression; if it is not true, the step is skipped
    when: str = ""
    #: an expression for a list, or a list: the step is done for each, which it sees as ``item`` and ``index``
    for_each: Any = None
    #: items at a time
    concurrency: int = 4
    #: whether items that fail are told in the outputs instead of failing the step
    collect_errors: bool = False
    #: in the place of the task's own policy
    retry: StepRetry | None = None
    #: seconds an attempt, in the place of the task's own
    timeout: float | None = None
    on_error: OnError = OnError.FAIL

    @property
    def kind(self) -> StepKind:
        """What it does; a step without anything does nothing, which is to set nothing."""
        for kind in (StepKind.TASK, StepKind.WAIT, StepKind.APPROVAL):
            if getattr(self, kind.value) is not None:
                return kind
        return StepKind.PLAYBOOK if self.playbook else StepKind.SET


@define(kw_only=True, on_setattr=setters.frozen)
class PlaybookDefinition:
    """A playbook before it has an id: what authors write and packages hold."""

    title: str
    description: str = ""
    version: str = "1.0"
    inputs: tuple[Field, ...] = ()
    steps: tuple[Step, ...] = ()
    #: what a run gives: values with templates; empty: nothing
    outputs: dict[str, Any] = Factory(dict)
    status: AppStatus = AppStatus.ACTIVE
    #: seconds that a run may take, waiting included
    timeout: float = 30 * 86_400.0
    #: steps and items of one run at a time
    concurrency: int = 16
    tags: tuple[str, ...] = ()
    #: title of the app that it belongs to: it travels with that one, and goes with it; empty: with none
    app: str = ""


@define(kw_only=True, on_setattr=setters.frozen)
class Playbook(PlaybookDefinition):
    """A stored playbook. When its app is renamed, ``app`` and the steps that run the app's tasks follow."""

    id: int
    #: the app that it belongs to; 0: none
    integration_id: int = 0
    user_id: str = ""
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


def edges_of(steps: tuple[Step, ...]) -> dict[str, tuple[Edge, ...]]:
    """The edges that lead to each step, by its name; raises ``ValueError`` for an ending that there is not."""
    found = {}
    for before, step in zip((None, *steps), steps, strict=False):
        if step.after is not None:
            found[step.name] = tuple(map(Edge.parse, step.after))
        else:
            found[step.name] = (Edge(before.name, On.PASSED),) if before is not None else ()
    return found
