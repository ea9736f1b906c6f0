"""The detector: events are sorted by where they come from, prefiltered by literals, and asked by compiled rules.

Events of one channel and event id (of Windows), or of one log source, make a *bucket* with the few rules that can hold
for them. A bucket is made when its first event comes, and the code of a rule when it is first asked. In a bucket a
prefilter finds, in the fields that matter, the literals without which the rules cannot hold; only rules whose literals
are there are asked. Rules without such literals are asked of each event in the bucket.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from zona_core.domain.detection import DetectionRule, Hit, LogSource, RuleFault
from zona_core.ports.detection import CorrelationMemory
from zona_sigma._code import Rule, compiled
from zona_sigma._correlator import SigmaCorrelator
from zona_sigma._fields import Fields, fields_of
from zona_sigma._prefilter import Prefilter
from zona_sigma._program import Program, ProgramRule
from zona_sigma._sources import WINDOWS, gates_of, source_of
from zona_sigma._texts import ManyTexts, Texts

__all__ = ["SigmaDetector"]

#: buckets that are kept; events with ids of their own each would fill the memory otherwise
MOST_BUCKETS: Final = 4_096


class SigmaDetector:
    """See ``zona_core.ports.detection.Detector``."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._compiled = [_Compiled(rule) for rule in program.rules]
        self._buckets: dict[Any, _Bucket | None] = {}
        self._lock = threading.Lock()
        #: by channel and event id, None for any: the rules that may be asked
        self._windows: dict[tuple[str | None, str | None], list[int]] = {}
        self._by_source: dict[LogSource, list[int]] = {}
        self._providers: set[str] = set()
        for number, rule in enumerate(program.rules):
            self._enter(number, rule)

    @property
    def rules(self) -> Sequence[DetectionRule]:
        return self._program.described()

    @property
    def refused(self) -> Mapping[str, RuleFault]:
        return self._program.refused

    @property
    def others(self) -> Sequence[DetectionRule]:
        return self._program.others

    def correlator(self, memory: CorrelationMemory | None = None) -> SigmaCorrelator:
        correlations = [rule for rule in self.others if rule.correlation and rule.usable]
        return SigmaCorrelator(self.rules if correlations else (), correlations, memory=memory)

    def dumped(self) -> bytes:
        return self._program.dumped()

    def match(self, events: Iterable[Mapping[str, Any]], source: LogSource | None = None) -> Iterator[Hit]:
        keys = self._program.keys
        for index, event in enumerate(events):
            for number in self._hits(event, source):
                yield Hit(index, keys[number])

    def _enter(self, number: int, rule: ProgramRule) -> None:
        self._by_source.setdefault(rule.source, []).append(number)
        for channels, ids, providers in rule.gates or ():
            self._providers |= providers or frozenset()
            for channel in channels if channels is not None else (None,):
                for event_id in ids or rule.ids or (None,):
                    self._windows.setdefault((channel, event_id), []).append(number)

    def _hits(self, event: Mapping[str, Any], declared: LogSource | None) -> list[int]:
        fields = fields_of(event)
        told = source_of(fields)
        windows = told is WINDOWS and (declared is None or not WINDOWS.contradicts(declared))
        key = self._windows_key(fields) if windows else declared or told
        try:
            bucket = self._buckets[key]
        except KeyError:
            bucket = self._new_bucket(key)
        if bucket is None:
            return []
        try:
            return bucket.hits(fields)
        except UnicodeEncodeError:
            for name, value in fields.items():
                fields[name] = _encodable(value)
            return bucket.hits(fields)

    def _windows_key(self, fields: Mapping[str, Any]) -> tuple[str, str, str]:
        channel, provider = str(fields.get("Channel", "")).casefold(), str(fields.get("Provider_Name", "")).casefold()
        if not channel and provider == "microsoft-windows-sysmon":
            channel = "microsoft-windows-sysmon/operational"
        return channel, str(fields.get("EventID", "")).casefold(), provider if provider in self._providers else ""

    def _new_bucket(self, key: Any) -> _Bucket | None:
        numbers = self._windows_rules(*key) if isinstance(key, tuple) else self._rules_of(key or LogSource())
        bucket = _Bucket({number: self._compiled[number] for number in numbers}) if numbers else None
        with self._lock:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.clear()
            self._buckets[key] = bucket
        return bucket

    def _windows_rules(self, channel: str, event_id: str, provider: str) -> list[int]:
        kinds = ((channel, event_id), (channel, None), (None, event_id), (None, None))
        near = {number for kind in kinds for number in self._windows.get(kind, ())}
        return sorted(n for n in near if self._program.rules[n].admits(channel, event_id, provider))

    def _rules_of(self, told: LogSource) -> list[int]:
        return sorted(n for source, numbers in self._by_source.items() if _is_asked(source, told) for n in numbers)


class _Compiled:
    """A rule and its code, which is made when it is first needed."""

    __slots__ = ("_functions", "rule")

    def __init__(self, rule: ProgramRule) -> None:
        self.rule = rule
        self._functions: list[Rule | None] = [None, None]

    def function(self, *, many: bool) -> Rule:
        made = self._functions[many]
        if made is None:
            made = self._functions[many] = compiled(self.rule.logic, many=many)
        return made


class _Bucket:
    """The rules that can hold for events of one kind."""

    def __init__(self, rules: Mapping[int, _Compiled]) -> None:
        self._rules = rules
        self._asked = frozenset(field for each in rules.values() for field in each.rule.fields)
        self._always = [number for number, each in rules.items() if each.rule.literals is None]
        self._prefilter = Prefilter(
            (field, literal, number) for number, each in rules.items() for field, literal in each.rule.literals or ()
        )

    def hits(self, fields: Fields) -> list[int]:
        """The numbers of the rules that hold, in ascending order."""
        many = not self._asked.isdisjoint(fields.lists)
        kind = ManyTexts if many else Texts
        folded = kind(fields, folded=True)
        numbers = self._prefilter.found(folded)
        numbers.update(self._always)
        if not numbers:
            return []
        texts = kind(fields, folded=False)
        return sorted(n for n in numbers if self._rules[n].function(many=many)(fields, folded, texts))


def _is_asked(source: LogSource, told: LogSource) -> bool:
    """Whether rules of a log source are asked of events that do not tell of a channel; ``told`` is what is known."""
    if gates_of(source) is not None:  # Windows' rules are about one kind of events each: it has to be said which
        return bool(told.product or told.category) and source.covers(told)
    return not source.contradicts(told)


def _encodable(value: Any) -> Any:
    """The value with lone surrogates, which no encoding has, replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_encodable(each) for each in value]
    return value
