"""A dry run of a playbook: the way it would go, with nothing called, waited for or written (SPEC §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import Factory, define

from zona_core.domain.fields import FieldKind, OutputField
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepKind
from zona_core.domain.redaction import Redactor
from zona_core.domain.runs import RunStatus
from zona_core.domain.secrets import Secret
from zona_core.domain.values import checked, masked
from zona_core.errors import Fault, InvalidInput, StoreUnavailable, TaskFailed, ZonaError
from zona_core.usecases._area import TenantContext
from zona_core.usecases._engine.calls import order_of
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.sealing import bare
from zona_core.usecases._engine.walk import Walk
from zona_core.usecases._engine.work import Outcome, Unit

__all__ = ["Rehearsal", "RehearsedStep", "rehearsed"]

#: units that one rehearsal goes through
_MOST: Final = 2_000

_SAMPLES: Final[Mapping[FieldKind, Any]] = {
    FieldKind.TEXT: "sample",
    FieldKind.NUMBER: 1,
    FieldKind.BOOLEAN: True,
    FieldKind.URL: "https://example.com/",
    FieldKind.LIST: ["sample"],
    FieldKind.JSON: {},
}


@define(frozen=True, kw_only=True)
class RehearsedStep:
    """What a step, or one of its items, would do."""

    step: str
    kind: StepKind
    item: int | None = None
    status: RunStatus
    #: the task that would be called, as ``app/task``, and the instance's title
    task: str = ""
    instance: str = ""
    #: with templates filled in, secrets masked
    inputs: dict[str, Any] = Factory(dict)
    #: what later steps were shown: given, or made up by the types of the task's outputs
    outputs: dict[str, Any] = Factory(dict)
    error: dict[str, Any] | None = None


@define(frozen=True, kw_only=True)
class Rehearsal:
    """How a dry run went."""

    status: RunStatus
    steps: tuple[RehearsedStep, ...]
    skipped: tuple[str, ...] = ()
    results: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def rehearsed(
    context: TenantContext,
    playbook: PlaybookDefinition,
    compiled: CompiledPlaybook,
    inputs: Mapping[str, Any],
    samples: Mapping[str, Mapping[str, Any]],
) -> Rehearsal:
    """Goes through the playbook; ``samples`` are outputs by step, for those that are not to be made up.

    Raises ``InvalidInput`` for inputs that do not fit, ``StoreUnavailable``.
    """
    clean, faults = checked(playbook.inputs, inputs)
    names = {step.name for step in playbook.steps}
    faults += [
        Fault(f"samples.{name}", "there is no such step", "a step's name") for name in samples if name not in names
    ]
    if faults:
        raise InvalidInput.of(faults, f"The input of {playbook.title!r}")
    redactor = Redactor()
    redactor.conceal_all(value for value in clean.values() if isinstance(value, Secret))
    about = {"id": "rehearsal", "playbook": playbook.title, "trigger": "", "actor": context.actor.name}
    walk = Walk(playbook, compiled, about, bare(clean))
    stage = _Stage(context, compiled, samples, redactor, context.data.now())
    steps: list[RehearsedStep] = []
    while units := walk.take(1):
        for unit in units:
            told, outcome = stage.played(unit)
            walk.settle(unit, outcome)
            steps.append(told)
        if len(steps) > _MOST:
            raise InvalidInput(f"the rehearsal has more than {_MOST} steps", code="too_many_items")
    ending = walk.ending()
    assert ending is not None
    return Rehearsal(
        status=ending.status,
        steps=tuple(steps),
        skipped=ending.skipped,
        results=None if ending.results is None else redactor.data(ending.results),
        error=None if ending.error is None else redactor.data(ending.error),
    )


class _Stage:
    """Where units are played instead of carried out."""

    def __init__(
        self,
        context: TenantContext,
        compiled: CompiledPlaybook,
        samples: Mapping[str, Mapping[str, Any]],
        redactor: Redactor,
        now: datetime,
    ) -> None:
        self._context = context
        self._compiled = compiled
        self._samples = samples
        self._redactor = redactor
        self._now = now

    def played(self, unit: Unit) -> tuple[RehearsedStep, Outcome]:
        """What is told of the unit, and how it counts."""
        step = unit.step
        assert step is not None
        told: dict[str, Any] = {}
        try:
            if unit.fault is not None:
                raise unit.fault
            outputs = dict(unit.known) if unit.known is not None else self._outputs(unit, step, told)
        except StoreUnavailable:
            raise
        except ZonaError as exc:
            error = self._redactor.data(_error(exc))
            outcome = Outcome(status=RunStatus.FAILURE, error=error, started_at=self._now)
            status = RunStatus.FAILURE
            return RehearsedStep(
                step=step.name, kind=step.kind, item=unit.item, status=status, error=error, **told
            ), outcome
        shown = self._redactor.data(outputs)
        outcome = Outcome(status=RunStatus.SUCCESS, outputs=outputs, started_at=self._now)
        return RehearsedStep(
            step=step.name, kind=step.kind, item=unit.item, status=RunStatus.SUCCESS, outputs=shown, **told
        ), outcome

    def _outputs(self, unit: Unit, step: Step, told: dict[str, Any]) -> dict[str, Any]:
        given = self._samples.get(step.name)
        match step.kind:
            case StepKind.TASK:
                made_up = self._task(unit, step, told)
            case StepKind.SET:
                return dict(self._compiled.value(step.name, "set", unit.scope))
            case StepKind.WAIT:
                self._compiled.value(step.name, "wait", unit.scope)
                made_up = {}
            case StepKind.APPROVAL:
                asked = {"message": self._compiled.value(step.name, "approval.message", unit.scope)}
                told["inputs"] = self._redactor.data(asked)
                made_up = {"approved": True, "by": self._context.actor.name, "comment": ""}
            case _:
                told["inputs"] = self._redactor.data(self._compiled.value(step.name, "inputs", unit.scope))
                made_up = {}
        return dict(given) if given is not None else made_up

    def _task(self, unit: Unit, step: Step, told: dict[str, Any]) -> dict[str, Any]:
        place = step.task
        assert place is not None
        told["task"] = f"{place.app}/{place.task}"
        inputs = self._compiled.value(step.name, "inputs", unit.scope)
        told["inputs"] = self._redactor.data(inputs)
        instance = str(self._compiled.value(step.name, "task.instance", unit.scope))
        order = order_of(self._context, place.app, place.task, instance or None, inputs)
        told["instance"] = order.instance.title if order.instance is not None else ""
        told["inputs"] = self._redactor.data(masked(order.task.inputs, order.inputs))
        return {output.name: _sample(output) for output in order.task.outputs}


def _sample(output: OutputField) -> Any:
    return _SAMPLES.get(output.kind, "sample")


def _error(exc: ZonaError) -> dict[str, Any]:
    return exc.as_dict() if isinstance(exc, TaskFailed) else {"code": exc.code, "message": exc.message}
