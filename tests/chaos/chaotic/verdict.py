"""What came of all the runs, by the store's records and by the log of the handler's calls."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from chaotic.shapes import HANGS, SHAPES
from zona_core import Execution, Workspace
from zona_core.usecases._engine.book import record_id
from zona_core.usecases._engine.work import unit_key

__all__ = ["Verdict", "roots", "verdict"]

Verdict = dict[str, Any]

#: seconds by which the store's clock, as workers reckon it, may differ from the machine's
_CLOCKS = 0.05


def roots(work: Workspace) -> list[Execution]:
    """The runs that nobody else's step began, without those that were begun to be cancelled."""
    found = work._context.data.runs.all({"parent_id": None})
    return [run for run in found if run.playbook_title not in HANGS]


def verdict(work: Workspace, log: Path) -> Verdict:
    """Counts; what must be nothing is under ``hanging``, ``wrong``, ``lost``, ``superfluous`` and ``run_again``."""
    everything = work._context.data.runs.all()
    runs = [run for run in everything if not run.step and run.playbook_title in SHAPES]
    steps: dict[str, list[Execution]] = {}
    for record in everything:
        if record.step:
            steps.setdefault(record.parent_id, []).append(record)
    ended = [run for run in runs if run.status.ended]
    lost, superfluous, wrong = [], [], []
    for run in ended:
        shape = SHAPES[run.playbook_title]
        recorded = {unit_key(step.step, step.item) for step in steps.get(run.id, [])}
        lost += [f"{run.playbook_title} {run.id} {key}" for key in shape.keys - recorded]
        superfluous += [f"{run.playbook_title} {run.id} {key}" for key in recorded - shape.keys]
        if run.status is not shape.status:
            wrong.append(f"{run.playbook_title} {run.id} {run.status.value} {run.error}")
    known = {step.id: step for found in steps.values() for step in found}
    return {
        "runs": len(runs),
        "ended": dict(Counter(run.status.value for run in ended)),
        "hanging": [f"{run.playbook_title} {run.id} {run.status.value}" for run in runs if not run.status.ended],
        "wrong": wrong,
        "steps_recorded": sum(len(found) for found in steps.values()),
        "double_records": sum(len(found) for found in steps.values()) - len(known),
        "lost": lost,
        "superfluous": superfluous,
        "jobs_left": work._context.data.jobs.count(),
        **_calls(log, known),
    }


def _calls(log: Path, known: dict[str, Execution]) -> Verdict:
    """What the handler's log tells: a call that began although the store had the step's record is one too many."""
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    again, late, unknown = [], 0, 0
    for text in log.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        step_id = record_id(line["run"], line["key"])
        if line["what"] == "begin":
            if line["attempt"] == 1:
                begun[step_id] += 1
            unknown += line["recorded"] is None
            if line["recorded"]:
                again.append(f"{line['run']} {line['key']} by {line['pid']}")
            record = known.get(step_id)
            # Its end is noted before it is stored: a call in between was made by somebody who could not see it yet.
            noted = None if record is None or record.ended_at is None else record.ended_at.timestamp()
            late += noted is not None and line["at"] > noted + _CLOCKS
        elif line["what"] == "end":
            ended[step_id] += 1
    return {
        "calls": begun.total(),
        "run_again": again,
        "begun_after_noted_end": late,
        "not_asked": unknown,
        "begun_more_than_once": sum(count > 1 for count in begun.values()),
        "ended_more_than_once": sum(count > 1 for count in ended.values()),
    }
