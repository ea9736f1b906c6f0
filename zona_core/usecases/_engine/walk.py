"""The plan of a playbook's run: its graph, its expressions, its lists (SPEC §4.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import inf
from typing import Any, Final

from attrs import Factory, define

from zona_core.domain.flow import Flow
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.runs import Execution, RunStatus
from zona_core.errors import TaskFailed
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.work import Ending, Outcome, Unit, too_large

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
    #: bytes that the outputs of those that are done have as JSON, about
    size: int = 0
    #: when the first of those that are done was begun
    began: datetime | None = None

    @property
    def failed(self) -> int | None:
        """The first item that failed."""
        return min((at for at, (status, _, _) in self.done.items() if status is not RunStatus.SUCCESS), default=None)


class Walk:
    """See ``Plan``. ``conceal`` masks secrets in what the run gives."""

    def __init__(
        self,
        playbook: PlaybookDefinition,
        compiled: CompiledPlaybook,
        run: Mapping[str, Any],
        inputs: Mapping[str, Any],
        *,
        most_bytes: float = inf,
        conceal: Callable[[Any], Any] = lambda data: data,
    ) -> None:
        self.concurrency = playbook.concurrency
        self.timeout: float | None = playbook.timeout
        self._most_bytes = most_bytes
        self._conceal = conceal
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
        left = dict(whole)
        while True:
            self._skip_unwanted()
            for name in self._flow.ready:
                if name in whole or name in begun:
                    self._flow.begin(name)  # so that it is not left out because of another one's failure
            known = [name for name in left if name in self._flow.running]
            if not known:
                return
            # Failures last: whatever ended well before one of them, and so had begun, comes first.
            name = next((name for name in known if left[name].status is RunStatus.SUCCESS), known[0])
            record = left.pop(name)
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
        items.size += outcome.size or 0
        items.began = min(items.began or outcome.started_at, outcome.started_at)
        if outcome.status is not RunStatus.SUCCESS and not step.collect_errors:
            items.left.clear()
        if items.active or items.left:
            return None
        del self._lists[step.name]
        status, outputs, error = _whole(items)
        if items.size > self._most_bytes:
            status, outputs, error = RunStatus.FAILURE, {}, too_large(int(self._most_bytes), items.size).as_dict()
        self._settle(step.name, status, outputs, error)
        return Outcome(status=status, outputs=outputs, error=error, started_at=items.began)

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
            results = self._conceal(self._compiled.outputs(self._scope))
        except TaskFailed as exc:
            return Ending(status=RunStatus.FAILURE, error=self._conceal(exc.as_dict()), skipped=skipped)
        return Ending(status=RunStatus.SUCCESS, results=results, skipped=skipped)

    def cut_short(self) -> tuple[str, ...]:
        """See ``Plan.cut_short``."""
        self._flow.give_up()
        return tuple(self._flow.skipped)

    def _settle(
        self, name: str, status: RunStatus, outputs: Mapping[str, Any] | None, error: Mapping[str, Any] | None
    ) -> None:
        steps = self._scope["steps"]
        steps[name] = {"status": status.value, "outputs": outputs or {}, "error": error}
        self._flow.settle(name, status)
        for skipped in self._flow.skipped:  # with it, as their edges can count no more
            if skipped not in steps:
                steps[skipped] = {"status": RunStatus.SKIPPED.value, "outputs": {}, "error": None}

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
        items.began = min((each.started_at or each.created_at for each in known.values()), default=None)
        items.size = sum(each.results_blob.size for each in known.values() if each.results_blob is not None)
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
