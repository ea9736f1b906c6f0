"""The plan of a playbook's run: its graph, its expressions, its lists (SPEC §4.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import Factory, define

from zona_core.domain.flow import Flow
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import TaskFailed
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.work import Ending, Outcome, Unit

__all__ = ["MOST_ITEMS", "Walk"]

#: items of one list
MOST_ITEMS: Final = 10_000


@define
class _Items:
    """A step's list, and how far it has come."""

    step: Step
    items: list[Any]
    left: deque[int]
    active: set[int] = Factory(set)
    done: dict[int, tuple[RunStatus, Mapping[str, Any] | None, Mapping[str, Any] | None]] = Factory(dict)

    @property
    def failed(self) -> int | None:
        """The first item that failed."""
        return min((at for at, (status, _, _) in self.done.items() if status is not RunStatus.SUCCESS), default=None)


class Walk:
    """See ``Plan``. ``records`` are those of steps and items that have ended already, in whichever run."""

    def __init__(
        self,
        playbook: PlaybookDefinition,
        compiled: CompiledPlaybook,
        run: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> None:
        self.concurrency = playbook.concurrency
        self.timeout: float | None = playbook.timeout
        self._steps = {step.name: step for step in playbook.steps}
        self._compiled = compiled
        self._flow = Flow(playbook.steps)
        self._lists: dict[str, _Items] = {}
        self._scope: dict[str, Any] = {"run": run, "inputs": inputs, "steps": {}}
        #: items of steps that were not begun here, from an earlier worker's records
        self._earlier: dict[str, dict[int, Execution]] = {}

    def recall(self, records: Iterable[Execution], under_way: Iterable[str] = ()) -> None:
        """Takes note of steps and items that have ended, in the order in which they did, and of units that wait.

        To be called once, before anything else.
        """
        whole, begun = {}, {key.partition("[")[0] for key in under_way}
        for record in records:
            if record.item is None:
                whole[record.step] = record
            else:
                self._earlier.setdefault(record.step, {})[record.item] = record
        while True:
            self._skip_unwanted()
            for name in set(self._flow.ready) & begun:
                self._flow.begin(name)
            known = [name for name in whole if name in self._flow.ready]
            if not known:
                return
            # Failures last: what ended well before one of them must not be left out because of it.
            name = next((name for name in known if whole[name].status is RunStatus.SUCCESS), known[0])
            record = whole[name]
            self._settle(name, record.status, record.results, record.error)

    def take(self, room: int) -> list[Unit]:
        """See ``Plan.take``."""
        found: list[Unit] = []
        for items in self._lists.values():
            found += self._next_items(items, room - len(found))
        self._skip_unwanted()
        for name in self._flow.ready:
            if len(found) >= room:
                break
            self._flow.begin(name)
            found += self._begun(self._steps[name], room - len(found))
        return found

    def resumed(self, key: str) -> Unit:
        """See ``Plan.resumed``."""
        name, bracket, index = key.partition("[")
        step = self._steps[name]
        if name in self._flow.ready:
            self._flow.begin(name)
        if not bracket:
            return Unit(step=step, scope=self._scope)
        items = self._lists.get(name)
        if items is None:
            opened = self._opened(step)
            if not isinstance(opened, _Items):
                raise KeyError(key)
            items = opened
        at = int(index.rstrip("]"))
        if at in items.left:
            items.left.remove(at)
        items.active.add(at)
        return self._item(items, at)

    def settle(self, unit: Unit, outcome: Outcome) -> Outcome | None:
        """See ``Plan.settle``."""
        step = unit.step
        assert step is not None
        if unit.item is None:
            self._settle(step.name, outcome.status, outcome.outputs, outcome.error)
            return None
        items = self._lists[step.name]
        items.active.discard(unit.item)
        items.done[unit.item] = (outcome.status, outcome.outputs, outcome.error)
        if outcome.status is not RunStatus.SUCCESS and not step.collect_errors:
            items.left.clear()
        if items.active or items.left:
            return None
        del self._lists[step.name]
        status, outputs, error = _whole(items)
        self._settle(step.name, status, outputs, error)
        return Outcome(status=status, outputs=outputs, error=error, started_at=outcome.started_at)

    def ending(self) -> Ending | None:
        """See ``Plan.ending``."""
        self._skip_unwanted()
        if not self._flow.over:
            return None
        skipped = tuple(self._flow.skipped)
        name = self._flow.failed_at
        if name:
            told = self._scope["steps"][name]["error"] or {}
            error = {
                "code": told.get("code", "step_failed"),
                "message": f"the step {name} failed: {told.get('message', '')}",
                "step": name,
            }
            return Ending(status=RunStatus.FAILURE, error=error, skipped=skipped)
        try:
            results = self._compiled.outputs(self._scope)
        except TaskFailed as exc:
            return Ending(status=RunStatus.FAILURE, error=exc.as_dict(), skipped=skipped)
        return Ending(status=RunStatus.SUCCESS, results=results, skipped=skipped)

    def cut_short(self) -> tuple[str, ...]:
        """See ``Plan.cut_short``."""
        self._flow.give_up()
        return tuple(self._flow.skipped)

    def _settle(
        self, name: str, status: RunStatus, outputs: Mapping[str, Any] | None, error: Mapping[str, Any] | None
    ) -> None:
        self._scope["steps"][name] = {"status": status.value, "outputs": outputs or {}, "error": error}
        self._flow.settle(name, status)

    def _skip_unwanted(self) -> None:
        """Skips the ready steps whose condition is not true; one that cannot be told fails the step."""
        looked_at: set[str] = set()
        while True:
            unknown = [name for name in self._flow.ready if name not in looked_at]
            if not unknown:
                return
            for name in unknown:
                looked_at.add(name)
                try:
                    wanted = self._compiled.wanted(name, self._scope)
                except TaskFailed:
                    continue  # told when it is begun
                if not wanted:
                    self._settle(name, RunStatus.SKIPPED, None, None)

    def _begun(self, step: Step, room: int) -> list[Unit]:
        try:
            self._compiled.wanted(step.name, self._scope)
        except TaskFailed as exc:
            return [Unit(step=step, fault=exc)]
        if step.for_each is None:
            return [Unit(step=step, scope=self._scope)]
        opened = self._opened(step)
        if isinstance(opened, TaskFailed):
            return [Unit(step=step, fault=opened)]
        if not opened.items or not (opened.left or opened.active):
            del self._lists[step.name]
            status, outputs, error = _whole(opened)
            if status is RunStatus.SUCCESS:
                return [Unit(step=step, known=outputs)]
            return [Unit(step=step, fault=_as_failure(error))]
        return self._next_items(opened, room)

    def _opened(self, step: Step) -> _Items | TaskFailed:
        """The step's list with what is known of its items."""
        try:
            values = self._compiled.items(step.name, self._scope)
        except TaskFailed as exc:
            return exc
        if len(values) > MOST_ITEMS:
            return TaskFailed(
                f"the list has {len(values)} items, at most {MOST_ITEMS} are allowed", code="too_many_items"
            )
        items = self._lists[step.name] = _Items(step, values, deque())
        known = self._earlier.pop(step.name, {})
        items.done = {at: (each.status, each.results, each.error) for at, each in known.items()}
        if items.failed is None or step.collect_errors:
            items.left.extend(at for at in range(len(values)) if at not in items.done)
        return items

    def _next_items(self, items: _Items, room: int) -> list[Unit]:
        found: list[Unit] = []
        while items.left and len(found) < room and len(items.active) < items.step.concurrency:
            at = items.left.popleft()
            items.active.add(at)
            found.append(self._item(items, at))
        return found

    def _item(self, items: _Items, at: int) -> Unit:
        return Unit(step=items.step, item=at, scope={**self._scope, "item": items.items[at], "index": at})


def _whole(items: _Items) -> tuple[RunStatus, dict[str, Any], Mapping[str, Any] | None]:
    """The outcome of a step that is done for each item of a list."""
    first = items.failed
    if first is not None and not items.step.collect_errors:
        error = items.done[first][2] or {}
        told = {**error, "message": f"item {first}: {error.get('message', '')}", "item": first}
        return RunStatus.FAILURE, {}, told
    each = [items.done[at] for at in sorted(items.done)]
    outputs: dict[str, Any] = {
        "items": [outputs if status is RunStatus.SUCCESS else None for status, outputs, _ in each]
    }
    if items.step.collect_errors:
        outputs["errors"] = [None if status is RunStatus.SUCCESS else error for status, _, error in each]
    return RunStatus.SUCCESS, outputs, None


def _as_failure(error: Mapping[str, Any] | None) -> TaskFailed:
    told = error or {}
    return TaskFailed(str(told.get("message", "")), code=str(told.get("code", "task_failed")))
