"""Correlations evaluated hit by hit, as pure functions: state and hit in, state and verdict out.

State belongs to one correlation and one group (``group_of``). It is plain JSON data, so that it can be kept anywhere:
``{"entries": [[at, rule, values, event], …], "fired": [[at, mark], …], "truncated": bool}``, entries by time.

Times are those of events, in seconds. A window is as long as the time span, both ends included. A hit is looked at in
every window that ends with a hit and holds it, so that events may come in any order; those that come later than the
newest by more than the time span are not taken. What has fired is silent for one time span: a burst is told of once.
"""

from __future__ import annotations

import math
import operator
from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import Factory, define

from zona_core.domain.detection import Comparison, Correlation, CorrelationType, Logic
from zona_sigma._tests import number_of
from zona_sigma._texts import text_of

__all__ = ["Occurrence", "State", "Verdict", "empty_state", "group_of", "step"]

State: TypeAlias = dict[str, Any]
Entry: TypeAlias = list[Any]

#: entries that one group keeps, unless its condition needs more; beyond, the oldest go
MOST_ENTRIES: Final = 10_000

_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
_NUMERIC: Final = frozenset((CorrelationType.VALUE_SUM, CorrelationType.VALUE_AVG))


@define(frozen=True, kw_only=True)
class Occurrence:
    """A hit of a rule that a correlation refers to, or a correlation that fired."""

    #: as the correlation refers to it
    rule: str
    #: the event's time, in seconds
    at: float
    fields: Mapping[str, Any]
    #: by what the event is known
    event: str = ""


@define(frozen=True, kw_only=True)
class Verdict:
    """What became of an occurrence."""

    state: State
    fired: bool = False
    #: the window's events, by time, if it fired
    events: tuple[str, ...] = ()
    #: what was compared
    measure: float | None = None
    #: the values of the group's fields, for a correlation that refers to this one
    group: Mapping[str, str] = Factory(dict)
    #: it came too late to be taken
    late: bool = False


def empty_state() -> State:
    """The state of a group before its first hit."""
    return {"entries": [], "fired": [], "truncated": False}


def group_of(correlation: Correlation, occurrence: Occurrence) -> tuple[str, ...] | None:
    """The values by which the correlation groups, folded; None if the event lacks one: it belongs to no group."""
    values = [_folded(occurrence.fields.get(_field(correlation, occurrence, name))) for name in correlation.group_by]
    return None if None in values else tuple(value for value in values if value is not None)


def step(correlation: Correlation, state: State | None, occurrence: Occurrence) -> Verdict:
    """The state of the occurrence's group with it, and whether the correlation fires; ``state`` is left as it is."""
    before = state or empty_state()
    group = group_of(correlation, occurrence)
    values = _values(correlation, occurrence)
    newest = before["entries"][-1][0] if before["entries"] else occurrence.at
    late = occurrence.at < newest - correlation.timespan
    if group is None or values is None or late or occurrence.rule not in correlation.rules:
        return Verdict(state=before, late=late)
    entry = [occurrence.at, occurrence.rule, values, occurrence.event]
    entries = list(before["entries"])
    insort(entries, entry, key=lambda each: each[0])
    entries, truncated = _kept(correlation, entries)
    fired = [mark for mark in before["fired"] if mark[0] >= entries[-1][0] - 2 * correlation.timespan]
    after: State = {"entries": entries, "fired": fired, "truncated": before["truncated"] or truncated}
    return _judged(correlation, after, entry, dict(zip(correlation.group_by, group, strict=True)))


def _judged(correlation: Correlation, state: State, entry: Entry, group: Mapping[str, str]) -> Verdict:
    mark = _folded(entry[2][0]) if _is_share(correlation) and entry[2] else None
    for end, window in _windows(state["entries"], entry[0], correlation.timespan):
        measure = _measure(correlation, window, entry)
        if not _holds(correlation, window, measure):
            continue
        if any(abs(end - at) < correlation.timespan and mark == known for at, known in state["fired"]):
            continue
        after = {**state, "fired": [*state["fired"], [end, mark]]}
        events = tuple(each[3] for each in window)
        return Verdict(state=after, fired=True, events=events, measure=measure, group=group)
    return Verdict(state=state, group=group)


def _windows(entries: Sequence[Entry], at: float, timespan: float) -> Iterable[tuple[float, list[Entry]]]:
    for end in dict.fromkeys(each[0] for each in entries if at <= each[0] <= at + timespan):
        yield end, [each for each in entries if end - timespan <= each[0] <= end]


def _kept(correlation: Correlation, entries: list[Entry]) -> tuple[list[Entry], bool]:
    """The entries that a hit still to come can share a window with, and whether there were too many of them."""
    oldest = entries[-1][0] - 2 * correlation.timespan
    kept = [each for each in entries if each[0] >= oldest]
    needed = max((math.ceil(each.number) + 1 for each in correlation.conditions), default=0)
    most = max(MOST_ENTRIES, needed if correlation.type in _COUNTS else 0)
    return kept[-most:], len(kept) > most


def _field(correlation: Correlation, occurrence: Occurrence, name: str) -> str:
    return correlation.aliases.get(name, {}).get(occurrence.rule, name)


def _values(correlation: Correlation, occurrence: Occurrence) -> list[Any] | None:
    """What is counted or measured of an occurrence; None if it has nothing of the kind, and is passed over."""
    found = [occurrence.fields.get(_field(correlation, occurrence, name)) for name in correlation.fields]
    if correlation.type in _NUMERIC or correlation.percentile is not None:
        numbers = [number_of(value) for value in found]
        return None if None in numbers or not all(math.isfinite(each or 0) for each in numbers) else numbers
    texts = [_folded(value) for value in found]
    return None if None in texts else texts


def _folded(value: Any) -> str | None:
    text = text_of(value)
    return None if text is None else text.casefold()


def _is_share(correlation: Correlation) -> bool:
    return correlation.type is CorrelationType.VALUE_PERCENTILE and correlation.percentile is None


def _measure(correlation: Correlation, window: Sequence[Entry], entry: Entry) -> float:
    return _MEASURES[correlation.type](correlation, window, entry)


def _holds(correlation: Correlation, window: Sequence[Entry], measure: float) -> bool:
    if correlation.expression is None:
        return _compares(measure, correlation.conditions)
    rules = {each[1] for each in window}
    in_order = correlation.type is not CorrelationType.TEMPORAL_ORDERED or measure == len(rules)
    return in_order and _expression_holds(correlation.expression, rules)


def _compares(measure: float, conditions: Iterable[Comparison]) -> bool:
    return all(_OPERATORS[each.operator](measure, each.number) for each in conditions)


def _expression_holds(node: Logic, rules: set[str]) -> bool:
    if isinstance(node, str):
        return node in rules
    inner = [_expression_holds(each, rules) for each in node[1:]]
    return {"and": all(inner), "or": any(inner), "not": not inner[0]}[node[0]]


def _event_count(_: Correlation, window: Sequence[Entry], __: Entry) -> float:
    return len(window)


def _value_count(_: Correlation, window: Sequence[Entry], __: Entry) -> float:
    return len({tuple(each[2]) for each in window})


def _rule_count(_: Correlation, window: Sequence[Entry], __: Entry) -> float:
    return len({each[1] for each in window})


def _rules_in_order(correlation: Correlation, window: Sequence[Entry], _: Entry) -> float:
    """How many of the rules occur in the order given; of what occurs at the same time any order is taken."""
    places = {rule: place for place, rule in enumerate(correlation.rules)}
    longest = [0] * (len(places) + 1)
    for place in (places[each[1]] for each in sorted(window, key=lambda each: (each[0], places[each[1]]))):
        longest[place + 1] = max(longest[place + 1], 1 + max(longest[: place + 1]))
    return max(longest)


def _sum(_: Correlation, window: Sequence[Entry], __: Entry) -> float:
    return math.fsum(number for each in window for number in each[2])


def _average(_: Correlation, window: Sequence[Entry], __: Entry) -> float:
    numbers = [number for each in window for number in each[2]]
    return math.fsum(numbers) / len(numbers)


def _percentile(correlation: Correlation, window: Sequence[Entry], entry: Entry) -> float:
    """The percentile of the numbers by nearest rank; without one, the share of the entry's value in per cent."""
    if correlation.percentile is None:
        return 100.0 * sum(1 for each in window if each[2] == entry[2]) / len(window)
    numbers = sorted(number for each in window for number in each[2])
    rank = max(1, math.ceil(correlation.percentile / 100 * len(numbers)))
    result: float = numbers[rank - 1]
    return result


_COUNTS: Final = frozenset((CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT))
_MEASURES: Final[Mapping[CorrelationType, Callable[[Correlation, Sequence[Entry], Entry], float]]] = {
    CorrelationType.EVENT_COUNT: _event_count,
    CorrelationType.VALUE_COUNT: _value_count,
    CorrelationType.TEMPORAL: _rule_count,
    CorrelationType.TEMPORAL_ORDERED: _rules_in_order,
    CorrelationType.VALUE_SUM: _sum,
    CorrelationType.VALUE_AVG: _average,
    CorrelationType.VALUE_PERCENTILE: _percentile,
}
