"""Checking playbooks: every fault at once, each with its path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Final

from zona_core.errors import Fault

from .apps import AppStatus
from .definitions import field_faults, text_faults
from .graphs import find_cycle
from .playbooks import PlaybookDefinition, Step, StepKind, edges_of

__all__ = ["MOST_STEPS", "playbook_faults", "reference_faults"]

MOST_STEPS: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_KINDS: Final = ("task", "set", "wait", "approval", "playbook")
_LONGEST: Final = 366 * 86_400.0
#: what expressions see everywhere, and in steps that are done for each item of a list
_ROOTS: Final = frozenset({"inputs", "steps", "run"})
_ITEM: Final = frozenset({"item", "index"})


def playbook_faults(playbook: PlaybookDefinition) -> list[Fault]:
    """What is wrong with a playbook, apart from its expressions and from what it names in the store."""
    found = text_faults("title", playbook.title, 200)
    if playbook.status is AppStatus.DELETED:
        found.append(Fault("status", "a definition deletes nothing", "active, inactive or draft"))
    if not 1 <= len(playbook.steps) <= MOST_STEPS:
        return [*found, Fault("steps", f"there are {len(playbook.steps)}", f"1-{MOST_STEPS}")]
    found += _ranges((("timeout", playbook.timeout, 1, _LONGEST), ("concurrency", playbook.concurrency, 1, 256)))
    found += (fault.under("inputs") for fault in field_faults(playbook.inputs))
    names: dict[str, int] = {}
    for index, step in enumerate(playbook.steps):
        found += (fault.under(f"steps[{index}]") for fault in _step_faults(step))
        if step.name in names:
            found.append(
                Fault(
                    f"steps[{index}].name", f"{step.name!r} is taken by steps[{names[step.name]}]", "a name of its own"
                )
            )
        names.setdefault(step.name, index)
    return found or _graph_faults(playbook)


def reference_faults(playbook: PlaybookDefinition, references: Mapping[str, Iterable[tuple[str, ...]]]) -> list[Fault]:
    """What expressions look at and cannot see: only inputs that there are, and steps that have ended by then.

    ``references``: by step what its expressions look at; under the empty text, what the playbook's outputs do.
    """
    ancestors, places = _ancestors(playbook), _places(playbook)
    everything, inputs = set(places), {field.name for field in playbook.inputs}
    found = []
    for index, step in enumerate(playbook.steps):
        roots = _ROOTS | _ITEM if step.for_each is not None else _ROOTS
        looked_at = sorted(references.get(step.name, ()))
        before = {name for name, bit in places.items() if looked_at and bit & ancestors[step.name]}
        for path in looked_at:
            problem = _unseen(path, roots, inputs, before)
            if problem:
                found.append(Fault(f"steps[{index}]", problem, "docs/expressions.md tells what a step sees"))
    for path in sorted(references.get("", ())):
        problem = _unseen(path, _ROOTS, inputs, everything)
        if problem:
            found.append(Fault("outputs", problem, "docs/expressions.md tells what outputs see"))
    return found


def _unseen(path: tuple[str, ...], roots: frozenset[str], inputs: set[str], steps: set[str]) -> str:
    if not path:
        return ""
    root, name = path[0], path[1] if len(path) > 1 else ""
    if root not in roots:
        return f"{root!r} is not there to be looked at"
    if root == "inputs" and name and name not in inputs:
        return f"there is no input {name!r}"
    if root == "steps" and name and name not in steps:
        return f"the step {name!r} does not come before it"
    return ""


def _step_faults(step: Step) -> list[Fault]:
    found = []
    if not _NAME.match(step.name):
        found.append(Fault("name", f"{step.name!r} is no name", "a letter or _, then up to 63 letters, digits, _"))
    kinds = [kind for kind in _KINDS if getattr(step, kind) not in (None, "")]
    if len(kinds) > 1:
        found.append(Fault("", f"has {' and '.join(kinds)}", f"one of {', '.join(_KINDS)}"))
    if step.kind is StepKind.TASK and step.task is not None and not (step.task.app and step.task.task):
        found.append(Fault("task", "names no task", "app and task"))
    if step.for_each is not None and step.kind in (StepKind.APPROVAL, StepKind.WAIT):
        found.append(Fault("for_each", f"a step of kind {step.kind.value} is done once", "task, set or playbook"))
    if step.retry is not None:
        found += (fault.under("retry") for fault in step.retry.faults())
    expires = step.approval.expires if step.approval is not None else 1.0
    found += _ranges(
        (
            ("concurrency", step.concurrency, 1, 256),
            ("timeout", 1.0 if step.timeout is None else step.timeout, 0.001, 86_400),
            ("approval.expires", expires, 1, _LONGEST),
        )
    )
    return found


def _graph_faults(playbook: PlaybookDefinition) -> list[Fault]:
    found, names = [], {step.name for step in playbook.steps}
    for index, step in enumerate(playbook.steps):
        if len(step.after or ()) > MOST_STEPS:
            found.append(Fault(f"steps[{index}].after", f"there are {len(step.after or ())}", f"at most {MOST_STEPS}"))
            continue
        for at, text in enumerate(step.after or ()):
            name, _, on = text.partition(":")
            here = f"steps[{index}].after[{at}]"
            if name.strip() not in names:
                found.append(Fault(here, f"there is no step {name.strip()!r}", "the name of another step"))
            if on and on.strip() not in ("success", "failure", "skipped", "passed", "end"):
                found.append(Fault(here, f"{on.strip()!r} is no ending", "success, failure, skipped, passed or end"))
    if found:
        return found
    edges = [(edge.step, name) for name, into in edges_of(playbook.steps).items() for edge in into]
    cycle = find_cycle([step.name for step in playbook.steps], edges)
    if cycle:
        return [
            Fault("steps", f"they wait for one another: {' → '.join([*cycle, cycle[0]])}", "a graph without cycles")
        ]
    return []


def _places(playbook: PlaybookDefinition) -> dict[str, int]:
    """Each step as a bit of its own: sets of a thousand steps are numbers then, and quickly united."""
    return {step.name: 1 << index for index, step in enumerate(playbook.steps)}


def _ancestors(playbook: PlaybookDefinition) -> dict[str, int]:
    """By step, all that end before it begins, or never begin: their bits."""
    edges, places = edges_of(playbook.steps), _places(playbook)
    known: dict[str, int] = {}

    todo = [step.name for step in playbook.steps]
    while todo:
        name = todo[-1]
        if name in known:
            todo.pop()
            continue
        missing = [edge.step for edge in edges[name] if edge.step not in known]
        if missing:
            todo += missing
            continue
        todo.pop()
        known[name] = reduce(or_, (places[edge.step] | known[edge.step] for edge in edges[name]), 0)
    return known


def _ranges(rows: Iterable[tuple[str, float, float, float]]) -> list[Fault]:
    return [
        Fault(name, f"{value} is out of range", f"{least}-{most:g}")
        for name, value, least, most in rows
        if not least <= value <= most
    ]
