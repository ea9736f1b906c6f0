"""A fleet's plan for people: what is done in which order, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from zona_cli._text import counted, one_line

if TYPE_CHECKING:
    from rich.text import Text

    from zona_core.domain.fleet.plan import Difference, Plan, ResourceStep, Step

__all__ = ["plan_lines", "summary"]

#: by verb: sign, colour, and the word in a summary
_VERBS: Final = {
    "create": ("+", "green", "to create"),
    "update": ("~", "yellow", "to update"),
    "scale": ("~", "yellow", "to scale"),
    "repair": ("!", "cyan", "to repair"),
    "remove": ("-", "red", "to remove"),
}
#: characters of a value; ``--output json`` shows all
_LONGEST: Final = 120
#: differences of a step that are shown
_MOST: Final = 20


def summary(plan: Plan) -> str:
    """What a plan comes to, in a line: ``2 to create, 1 to update, 12 unchanged``."""
    count = Counter(step.verb.value for step in plan.steps)
    parts = [f"{count[verb]:,} {word}" for verb, (*_, word) in _VERBS.items() if count[verb]]
    if plan.resources:
        parts.insert(0, f"{counted(len(plan.resources), 'resource')} to prepare")
    parts = parts or ["nothing to do"]
    return ", ".join([*parts, *([f"{len(plan.unchanged):,} unchanged"] if plan.unchanged else [])])


def plan_lines(plan: Plan) -> list[Text]:
    """A plan line by line: its sum, resources, wave by wave, what does not run and why, what stands in the way."""
    return [
        _title(f"fleet {plan.fleet}: {summary(plan)}"),
        *_part("resources", map(_resource, plan.resources)),
        *(line for number, wave in enumerate(plan.waves, 1) for line in _part(f"wave {number}", _wave(wave))),
        *_part("not running", (_plain(f"{name}: {why}") for name, why in plan.left_out.items())),
        *_part("in the way", (_plain(each, "red") for each in plan.problems)),
    ]


def _part(title: str, lines: Iterable[Text]) -> Iterator[Text]:
    for index, line in enumerate(lines):
        if not index:
            yield _title(title)
        yield line


def _wave(steps: Iterable[Step]) -> Iterator[Text]:
    for step in steps:
        yield _step(step)
        if step.verb.value == "create":  # all of it is new
            continue
        yield from map(_difference, step.differences[:_MOST])
        more = len(step.differences) - _MOST
        if more > 0:
            yield _plain(f"    … {counted(more, 'more difference')}: --output json shows all")


def _step(step: Step) -> Text:
    from rich.text import Text

    sign, colour, _ = _VERBS[step.verb.value]
    tenant = f" (tenant {step.tenant_code})" if step.tenant_code else ""
    line = Text(f"  {sign} {one_line(step.service)}", style=colour)
    line.append(f"  {step.verb.value}{one_line(tenant) and tenant}: ", style="default")
    line.append(", ".join(reason.value for reason in step.reasons), style="default")
    return line


def _difference(difference: Difference) -> Text:
    before, after = _value(difference.before), _value(difference.after)
    path = one_line(difference.path)
    if not difference.before:
        return _plain(f"    + {path}: {after}", "green")
    if not difference.after:
        return _plain(f"    - {path}: {before}", "red")
    return _plain(f"    ~ {path}: {before} → {after}", "yellow")


def _resource(step: ResourceStep) -> Text:
    return _plain(f"+ {step.kind.value} {step.name}" + (f": {step.detail}" if step.detail else ""), "green")


def _title(text: str) -> Text:
    from rich.text import Text

    return Text(one_line(text), style="bold")


def _plain(text: str, style: str = "") -> Text:
    from rich.text import Text

    indent = len(text) - len(text.lstrip())
    return Text("  " + " " * indent + one_line(text), style=style)


def _value(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
