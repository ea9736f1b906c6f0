"""Correlations evaluated while events are read: hits are put in order and handed to ``_correlating``."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import evolve

from zona_core.domain.detection import DetectionRule, Firing, RuleFault
from zona_core.ports.detection import CorrelationMemory
from zona_sigma._correlating import Occurrence, State, group_of, step
from zona_sigma._fields import fields_of

__all__ = ["SigmaCorrelator", "linked"]

#: hits that wait for earlier ones to come
MOST_WAITING: Final = 50_000
#: groups whose states are kept; beyond, those whose windows are over go
MOST_GROUPS: Final = 10_000

#: when, the how-many-eth to come, the rule, the fields that are asked for, the event's name
Waiting: TypeAlias = tuple[float, int, str, Mapping[str, Any], str]


class SigmaCorrelator:
    """See ``zona_core.ports.detection.Correlator``.

    ``rules`` are those whose hits come, ``correlations`` usable ones as ``linked`` gives them.
    """

    def __init__(
        self,
        rules: Sequence[DetectionRule],
        correlations: Sequence[DetectionRule],
        most_waiting: int = MOST_WAITING,
        memory: CorrelationMemory | None = None,
    ) -> None:
        self.correlations = correlations
        self.late = 0
        #: by key: the correlations that want hits of the rule, each with how it refers to the rule
        self._listeners: dict[str, list[tuple[DetectionRule, str]]] = {}
        known = _by_reference([*rules, *correlations]) if correlations else {}
        for rule in correlations:
            for reference in _references(rule):
                self._listeners.setdefault(known[reference], []).append((rule, reference))
        self._fields = {key: _fields_wanted(listening) for key, listening in self._listeners.items()}
        self._memory = Memory() if memory is None else memory
        self._waiting: list[Waiting] = []
        self._most_waiting = most_waiting
        self._came = 0

    def wants(self, rule: str) -> bool:
        return rule in self._listeners

    def take(self, rule: str, at: float, event: Mapping[str, Any], name: str) -> Sequence[Firing]:
        if rule not in self._listeners:
            return ()
        fields = fields_of(event)
        wanted = {field: fields[field] for field in self._fields[rule] if field in fields}
        self._came += 1
        heapq.heappush(self._waiting, (at, self._came, rule, wanted, name))
        return list(self._next()) if len(self._waiting) > self._most_waiting else ()

    def finish(self) -> Iterator[Firing]:
        while self._waiting:
            yield from self._next()

    def _next(self) -> Iterator[Firing]:
        at, _, rule, fields, name = heapq.heappop(self._waiting)
        yield from self._happened(rule, at, fields, name)

    def _happened(self, rule: str, at: float, fields: Mapping[str, Any], name: str) -> Iterator[Firing]:
        for listener, reference in self._listeners.get(rule, ()):
            correlation = listener.correlation
            occurrence = Occurrence(rule=reference, at=at, fields=fields, event=name)
            if correlation is None or (group := group_of(correlation, occurrence)) is None:
                continue
            verdict = step(correlation, _state(self._memory.recall(listener, group)), occurrence)
            self._memory.remember(listener, group, verdict.state)
            self.late += verdict.late
            if verdict.fired:
                yield Firing(rule=listener.key, at=at, event=name, events=verdict.events, group=verdict.group)
                yield from self._happened(listener.key, at, verdict.group, name)


class Memory:
    """See ``zona_core.ports.detection.CorrelationMemory``: it lasts as long as the process."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, tuple[str, ...]], tuple[float, Mapping[str, Any]]] = {}
        self._groups_at_purge = 0

    def __len__(self) -> int:
        return len(self._states)

    def recall(self, rule: DetectionRule, group: Sequence[str]) -> Mapping[str, Any] | None:
        known = self._states.get((rule.key, tuple(group)))
        return None if known is None else known[1]

    def remember(self, rule: DetectionRule, group: Sequence[str], state: Mapping[str, Any]) -> None:
        newest = state["entries"][-1][0] if state["entries"] else -math.inf
        span = rule.correlation.timespan if rule.correlation else 0.0
        self._states[rule.key, tuple(group)] = newest + 2 * span, state
        if len(self._states) > max(MOST_GROUPS, 2 * self._groups_at_purge):
            self._purge(newest)

    def _purge(self, now: float) -> None:
        """Forgets groups of which nothing that is still to come can share a window."""
        self._states = {place: kept for place, kept in self._states.items() if kept[0] >= now}
        self._groups_at_purge = len(self._states)


def _state(known: Mapping[str, Any] | None) -> State | None:
    return None if known is None else dict(known)


def linked(correlations: Iterable[DetectionRule], rules: Sequence[DetectionRule]) -> list[DetectionRule]:
    """The correlations, those that refer to what is not there, or to themselves, with why they are unusable.

    Of two with the same key the first counts.
    """
    found: dict[str, DetectionRule] = {}
    for rule in correlations:
        found.setdefault(rule.key, rule)
    good = {key: rule for key, rule in found.items() if rule.usable}
    while True:
        known = _by_reference([*rules, *good.values()])
        lacking = {key: _missing(rule, known) for key, rule in good.items()}
        bad = {key: names for key, names in lacking.items() if names}
        for key, names in bad.items():
            told = f"no rule that can be used is named {', '.join(map(repr, names))}"
            found[key] = evolve(good.pop(key), unusable=_fault("unknown_rule", told))
        if not bad:
            break
    for key in _circular(good, _by_reference([*rules, *good.values()])):
        found[key] = evolve(good[key], unusable=_fault("circular_rules", "the correlation refers to itself"))
    return list(found.values())


def _fault(code: str, message: str) -> RuleFault:
    return RuleFault(code=code, message=message, path="correlation.rules")


def _missing(rule: DetectionRule, known: Mapping[str, str]) -> list[str]:
    return [each for each in _references(rule) if each not in known]


def _circular(good: Mapping[str, DetectionRule], known: Mapping[str, str]) -> set[str]:
    """What is left when all are taken away that refer to nothing that is left."""
    left = {key: {known[each] for each in _references(rule)} & good.keys() for key, rule in good.items()}
    while True:
        free = [key for key, inner in left.items() if not inner & left.keys()]
        if not free:
            return set(left)
        for key in free:
            del left[key]


def _references(rule: DetectionRule) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.correlation.rules)) if rule.correlation else ()


def _by_reference(rules: Iterable[DetectionRule]) -> dict[str, str]:
    """Keys by all that rules are known as; of two with one name the first counts."""
    known: dict[str, str] = {}
    for rule in rules:
        for reference in (rule.id, rule.name, rule.key):
            if reference:
                known.setdefault(reference, rule.key)
    return known


def _fields_wanted(listening: Iterable[tuple[DetectionRule, str]]) -> frozenset[str]:
    return frozenset(
        rule.correlation.aliases.get(name, {}).get(reference, name)
        for rule, reference in listening
        if rule.correlation
        for name in (*rule.correlation.group_by, *rule.correlation.fields)
    )
