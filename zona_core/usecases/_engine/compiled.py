"""A playbook's expressions, compiled once for each of its revisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.domain.playbooks import PlaybookDefinition, Step, StepKind
from zona_core.errors import Fault, InvalidInput
from zona_core.ports.expressions import Compiled, Expressions

__all__ = ["CompiledPlaybook"]


class CompiledPlaybook:
    """See the module. Raises ``InvalidInput`` with every fault, each with its path (``steps[2].inputs.host``)."""

    def __init__(self, playbook: PlaybookDefinition, expressions: Expressions) -> None:
        faults: list[Fault] = []
        self._conditions: dict[str, Compiled] = {}
        self._items: dict[str, Compiled] = {}
        self._values: dict[tuple[str, str], Compiled] = {}
        #: what each step looks at, by its name; the playbook's outputs under the empty text
        self.references: dict[str, set[tuple[str, ...]]] = {"": set()}

        def compiled(method: Any, source: Any, step: str, path: str) -> Compiled | None:
            try:
                found: Compiled = method(source)
            except InvalidInput as exc:
                faults.extend(fault.under(path) for fault in exc.faults or [Fault("", exc.message)])
                return None
            self.references.setdefault(step, set()).update(found.references)
            return found

        for index, step in enumerate(playbook.steps):
            here = f"steps[{index}]"
            self.references.setdefault(step.name, set())
            if step.when and (found := compiled(expressions.condition, step.when, step.name, f"{here}.when")):
                self._conditions[step.name] = found
            if step.for_each is not None and (
                found := compiled(expressions.items, step.for_each, step.name, f"{here}.for_each")
            ):
                self._items[step.name] = found
            for part, source in _parts(step).items():
                if found := compiled(expressions.value, source, step.name, f"{here}.{part}"):
                    self._values[step.name, part] = found
        self._outputs = compiled(expressions.value, dict(playbook.outputs), "", "outputs")
        if faults:
            raise InvalidInput.of(faults, f"The playbook {playbook.title!r}")

    def wanted(self, step: str, scope: Mapping[str, Any]) -> bool:
        """Whether the step's condition is true; raises ``TaskFailed``."""
        condition = self._conditions.get(step)
        return condition is None or bool(condition.value(scope))

    def items(self, step: str, scope: Mapping[str, Any]) -> list[Any]:
        """What the step is done for; raises ``TaskFailed``."""
        return list(self._items[step].value(scope))

    def value(self, step: str, part: str, scope: Mapping[str, Any]) -> Any:
        """A part of the step (``inputs``, ``set``, ``task.instance``, …) filled in; raises ``TaskFailed``."""
        return self._values[step, part].value(scope)

    def outputs(self, scope: Mapping[str, Any]) -> dict[str, Any]:
        """What the run gives; raises ``TaskFailed``."""
        assert self._outputs is not None
        return dict(self._outputs.value(scope))


def _parts(step: Step) -> dict[str, Any]:
    """What of a step may hold templates, by path."""
    match step.kind:
        case StepKind.TASK:
            assert step.task is not None
            return {"inputs": dict(step.inputs), "task.instance": step.task.instance}
        case StepKind.PLAYBOOK:
            return {"inputs": dict(step.inputs)}
        case StepKind.WAIT:
            return {"wait": step.wait}
        case StepKind.APPROVAL:
            assert step.approval is not None
            return {"approval.message": step.approval.message}
        case _:
            return {"set": dict(step.set or {})}
