"""Correlations over the events of many batches and workers: what they remember is in the tenant's store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from zona_core.domain.correlation_states import CorrelationState
from zona_core.domain.detection import DetectionRule, Firing
from zona_core.domain.events import Event
from zona_core.persistence.database import TenantData
from zona_core.ports.detection import Detector
from zona_core.ports.store import In

__all__ = ["StoredMemory", "correlated", "moments_of"]

#: seconds that a state is kept, at least: events may come long after they happened
_KEPT: Final = 7 * 86_400.0


class StoredMemory:
    """See ``zona_core.ports.detection.CorrelationMemory``. Within one transaction; ``save`` writes what has changed."""

    def __init__(self, data: TenantData) -> None:
        self._data = data
        self._known: dict[str, CorrelationState | None] = {}
        self._changed: dict[str, tuple[DetectionRule, Mapping[str, Any]]] = {}

    def recall(self, rule: DetectionRule, group: Sequence[str]) -> Mapping[str, Any] | None:
        """See the port."""
        key = _key(rule, group)
        if key in self._changed:
            return self._changed[key][1]
        if key not in self._known:
            self._known[key] = self._data.correlation_states.get(key)
        state = self._known[key]
        return None if state is None else state.state

    def remember(self, rule: DetectionRule, group: Sequence[str], state: Mapping[str, Any]) -> None:
        """See the port."""
        self._changed[_key(rule, group)] = rule, state

    def save(self) -> None:
        """Stores what was to be remembered."""
        now = self._data.now()
        for key, (rule, state) in self._changed.items():
            span = rule.correlation.timespan if rule.correlation else 0.0
            until = now + timedelta(seconds=max(_KEPT, 2 * span))
            known = self._known.get(key)
            kept = CorrelationState(
                id=key, rule=rule.key, state=dict(state), until=until, revision=known.revision if known else 0
            )
            if known is None:
                self._data.correlation_states.insert(kept)
            else:
                self._data.correlation_states.replace(kept)


def correlated(
    detector: Detector, memory: StoredMemory, events: Mapping[str, Event], hits: Mapping[str, Sequence[str]]
) -> list[Firing]:
    """What fires now that rules hold for these events."""
    correlator = detector.correlator(memory)
    firings: list[Firing] = []
    if not correlator.correlations:
        return firings
    for event_id, rules in hits.items():
        event = events[event_id]
        for rule in rules:
            if correlator.wants(rule):
                firings += correlator.take(rule, event.occurred_at.timestamp(), event.raw, event_id)
    firings += correlator.finish()
    memory.save()
    return firings


def moments_of(data: TenantData, firings: Iterable[Firing], events: Mapping[str, Event]) -> dict[str, datetime]:
    """When the events that correlations name happened: those of the batch, and stored ones."""
    named = {name for firing in firings for name in firing.events}
    found = {name: events[name].occurred_at for name in named if name in events}
    others = sorted(named - found.keys())
    for begin in range(0, len(others), 1_000):
        for event in data.events.find({"_id": In(others[begin : begin + 1_000])}, limit=1_000).items:
            found[event.id] = event.occurred_at
    return found


def _key(rule: DetectionRule, group: Sequence[str]) -> str:
    """Of a rule that says something else by now nothing is remembered."""
    parts = (rule.key, repr(rule.correlation), *group)
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
