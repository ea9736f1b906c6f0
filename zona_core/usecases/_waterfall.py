"""A run in the course of time: what is drawn of its steps, their items and attempts (SPEC §4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import Factory, define, evolve

from zona_core.domain.jobs import Job
from zona_core.domain.playbooks import StepKind
from zona_core.domain.runs import Attempt, Execution, RunStatus
from zona_core.persistence.database import TenantData
from zona_core.ports.drawing import Bar, Look, Stretch, Waterfall
from zona_core.ports.store import Condition, In, Range
from zona_core.usecases._engine.work import unit_key

__all__ = ["MOST_ROWS", "waterfall_of"]

#: rows of one picture, the run's own included
MOST_ROWS: Final = 300
#: names that a note tells
_MOST_NAMES: Final = 40

_LOOKS: Final = {
    RunStatus.SUCCESS: Look.DONE,
    RunStatus.FAILURE: Look.FAILED,
    RunStatus.TIMEOUT: Look.LATE,
    RunStatus.CANCELLED: Look.STOPPED,
    RunStatus.SKIPPED: Look.STOPPED,
    RunStatus.RUNNING: Look.UNDER_WAY,
    RunStatus.QUEUED: Look.WAITING,
    RunStatus.WAITING: Look.WAITING,
    RunStatus.PAUSED: Look.WAITING,
}
_UNWELL: Final = In([RunStatus.FAILURE.value, RunStatus.TIMEOUT.value, RunStatus.CANCELLED.value])
#: steps that do nothing themselves but let time pass
_IDLE: Final = frozenset({StepKind.WAIT.value, StepKind.APPROVAL.value, StepKind.PLAYBOOK.value})
_KINDS: Final = In([kind.value for kind in StepKind])


@define
class _Group:
    """A step with its items."""

    name: str
    own: Bar | None = None
    items: dict[int, Bar] = Factory(dict)
    #: items that ended, whether they are drawn or not
    ended: int = 0

    def bars(self, over: bool) -> list[Bar]:
        """The step's row and those of its items, in the order in which they began."""
        items = [bar for _, bar in sorted(self.items.items(), key=lambda item: (item[1].begin, item[0]))]
        if not items and self.own is not None:
            return [self.own]
        look = self.own.look if self.own is not None else Look.STOPPED if over else Look.UNDER_WAY
        begin, end = _extent([*items, *([self.own] if self.own is not None else [])])
        detail = f"{_took(begin, end)} · {self.ended:,} items"
        own = Bar(label=self.name, look=look, begin=begin, end=end, detail=detail, depth=1)
        whole = self.ended <= len(items)
        return [evolve(own, stretches=_together(items, own, whole=whole)), *items]


def waterfall_of(data: TenantData, run: Execution) -> Waterfall:
    """The run, its steps and as many of their items as there is room for, those that failed first."""
    job = None if run.status.ended else data.jobs.get(run.id)
    now = run.ended_at or data.now()
    groups, notes = _groups(data, run, job, now)
    rows = [group.bars(run.status.ended) for group in groups]
    rows.sort(key=lambda bars: bars[0].begin)
    below = [bar for bars in rows for bar in bars]
    label = _name_of(run)
    own = Bar(
        label=label,
        look=_LOOKS[run.status],
        begin=run.created_at,
        end=max(now, run.created_at),
        detail=_detail(run.created_at, now, len(run.attempts), run.error),
    )
    attempts = _attempts(run.attempts) or (
        _together(below, own, whole=not notes) if below else _solid(own, run.started_at) if run.step == "" else ()
    )
    return Waterfall(
        title=label,
        subtitle=f"run {run.id} · {run.status.value} · {run.created_at:%Y-%m-%d %H:%M:%S} UTC",
        bars=[evolve(own, stretches=attempts), *below],
        notes=[*notes, *_notes(run)],
    )


def _groups(data: TenantData, run: Execution, job: Job | None, now: datetime) -> tuple[list[_Group], list[str]]:
    """The steps that have begun, each with its items, and a note on what was left out."""
    of_run: dict[str, Condition] = {"parent_id": run.id, "step_kind": _KINDS}
    found: dict[str, _Group] = {}

    def group(name: str) -> _Group:
        return found.setdefault(name, _Group(name))

    page = data.runs.find({**of_run, "item": None}, sort=[("created_at", 1)], limit=MOST_ROWS - 1)
    for record in page.items:
        group(record.step).own = _bar(record, record.step, 1)
    counts = data.runs.group_count("step", {**of_run, "item": Range(gte=0)}, limit=1_000)
    waits = job.waits if job is not None else {}
    room = MOST_ROWS - 1 - len(page.items) - len(counts.keys() - found.keys())
    for key, wait in sorted(waits.items())[: max(room, 0)]:
        name, bracket, index = key.partition("[")
        if not name:
            continue
        room -= 1
        bar = Bar(
            label=f"[{index}" if bracket else name,
            look=Look.WAITING,
            begin=wait.started_at,
            end=max(now, wait.started_at),
            stretches=_attempts(wait.attempts),
            detail=f"waits: {wait.reason.value}",
            depth=2 if bracket else 1,
        )
        if bracket:
            group(name).items[int(index.rstrip("]"))] = bar
        else:
            group(name).own = bar
    drawn = 0
    for record in _items(data, run, max(room, 0)):
        assert record.item is not None
        group(record.step).items[record.item] = _bar(record, f"[{record.item}]", 2)
        drawn += 1
    for step, count in counts.items():
        group(str(step)).ended = count
    left_out = sum(counts.values()) - drawn
    notes = (
        [f"{left_out:,} more items that have ended are not drawn; those that failed come first."] if left_out else []
    )
    if page.next is not None or len(waits) > MOST_ROWS:
        notes.append(f"Of the steps only {MOST_ROWS} are drawn.")
    return list(found.values()), notes


def _items(data: TenantData, run: Execution, room: int) -> Iterator[Execution]:
    """Records of items, those first that did not end well."""
    where: dict[str, Condition] = {"parent_id": run.id, "item": Range(gte=0)}
    for status in (_UNWELL, RunStatus.SUCCESS.value):
        if room > 0:
            page = data.runs.find({**where, "status": status}, sort=[("created_at", 1)], limit=room)
            room -= len(page.items)
            yield from page.items


def _bar(record: Execution, label: str, depth: int) -> Bar:
    begin = record.started_at or record.created_at
    end = max(record.ended_at or begin, begin)
    bar = Bar(
        label=label,
        look=_LOOKS[record.status],
        begin=begin,
        end=end,
        detail=_detail(begin, end, len(record.attempts), record.error, f"{record.app_title} {record.task_tag}".strip()),
        depth=depth,
    )
    idle = record.step_kind in _IDLE
    return evolve(bar, stretches=_attempts(record.attempts) or (() if idle else _solid(bar, begin)))


def _attempts(attempts: Iterable[Attempt]) -> tuple[Stretch, ...]:
    return tuple(
        Stretch(
            begin=attempt.started_at,
            end=attempt.started_at + timedelta(milliseconds=attempt.duration_ms),
            look=_LOOKS[attempt.status],
        )
        for attempt in attempts
    )


def _solid(bar: Bar, begin: datetime | None) -> tuple[Stretch, ...]:
    return () if begin is None else (Stretch(begin=begin, end=max(bar.end, begin), look=bar.look),)


def _together(bars: Sequence[Bar], own: Bar, *, whole: bool) -> tuple[Stretch, ...]:
    """When anything at all was done; the last stretch looks as it ended. Not ``whole``: some are not known."""
    if not whole:
        return _solid(own, own.begin)
    merged: list[Stretch] = []
    for each in sorted((each for bar in bars for each in bar.stretches), key=lambda each: (each.begin, each.end)):
        if merged and each.begin <= merged[-1].end:
            merged[-1] = evolve(merged[-1], end=max(merged[-1].end, each.end))
        else:
            merged.append(evolve(each, look=Look.DONE))
    return (*merged[:-1], evolve(merged[-1], look=own.look)) if merged else ()


def _extent(bars: Sequence[Bar]) -> tuple[datetime, datetime]:
    return min(bar.begin for bar in bars), max(bar.end for bar in bars)


def _detail(begin: datetime, end: datetime, attempts: int, error: dict[str, object] | None, task: str = "") -> str:
    parts = [_took(begin, end)]
    if attempts > 1:
        parts.append(f"{attempts} attempts")
    if error is not None:
        parts.append(str(error.get("code", "")))
    return " · ".join(part for part in (*parts, task) if part)


def _took(begin: datetime, end: datetime) -> str:
    seconds = max((end - begin).total_seconds(), 0.0)
    for unit, name in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _name_of(run: Execution) -> str:
    if run.step:
        return f"{run.playbook_title}: {unit_key(run.step, run.item)}"
    return run.playbook_title or f"{run.app_title} {run.task_tag}"


def _notes(run: Execution) -> Iterator[str]:
    if run.skipped:
        more = len(run.skipped) - _MOST_NAMES
        rest = f" and {more:,} more" if more > 0 else ""
        yield f"Skipped: {', '.join(run.skipped[:_MOST_NAMES])}{rest}."
    if run.replay_of:
        yield f"Steps that it took over from the run {run.replay_of} are drawn there."
    if not run.status.ended:
        yield "The run is under way: what is being carried out right now is drawn once it has ended."
