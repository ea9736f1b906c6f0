"""One pass of rules over files of events: hits are counted where they are found, correlations evaluated beside."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from attrs import define, field

from zona_core.domain.detection import LEVELS, DetectionRule, Firing, LogSource
from zona_core.domain.event_moments import moment_of
from zona_core.domain.event_streams import ReadEvent
from zona_core.domain.rule_files import EventPlace, RuleHits, RuleProblem, ScanReport, UnreadEvent
from zona_core.ports.detection import Detector
from zona_core.usecases._event_files import EventFile, events_in, name_of
from zona_core.usecases._telling import silent_names

__all__ = ["RuleScan", "gravity"]

#: faults that are told one by one
_MOST_FAULTS: Final = 20
#: events from one word about progress to the next
_STRIDE: Final = 1_000


def gravity(level: str) -> int:
    """A number for a rule's level; what has none weighs least."""
    return LEVELS.index(level) + 1 if level in LEVELS else 0


@define
class _Tally:
    """The hits of one rule in one file."""

    rule: DetectionRule
    file: str
    member: str
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    places: list[EventPlace] = field(factory=list)

    def add(self, place: EventPlace, most: int) -> None:
        self.count += 1
        if place.time is not None:
            self.first = min(self.first or place.time, place.time)
            self.last = max(self.last or place.time, place.time)
        if len(self.places) < max(1, most):
            self.places.append(place)

    def hits(self, most: int) -> RuleHits:
        return RuleHits(
            rule=self.rule.key,
            title=self.rule.title,
            level=self.rule.level,
            kind=self.rule.kind,
            file=self.file,
            member=self.member,
            count=self.count,
            line=self.places[0].line,
            index=self.places[0].index,
            first=self.first,
            last=self.last,
            places=tuple(self.places[:most]),
        )


class RuleScan:
    """Rules on their way through files. It is run once."""

    def __init__(
        self,
        detector: Detector,
        files: Sequence[EventFile],
        loads: Callable[[bytes], Any],
        *,
        level: str,
        most_places: int,
        progress: Callable[[int], None],
    ) -> None:
        self._detector = detector
        self._files = files
        self._loads = loads
        self._most_places = most_places
        self._progress = progress
        self._correlator = detector.correlator()
        self._told = _Told(detector, self._correlator.correlations, gravity(level))
        self._tallies: dict[tuple[str, int, str], _Tally] = {}
        self._events = self._faults = self._untimed = 0
        self._first_faults: list[UnreadEvent] = []
        #: the event that rules are being asked about: its file's number, its number in the file, itself
        self._file = 0
        self._index = -1
        self._read = ReadEvent(0)

    def run(self, source: LogSource | None) -> None:
        """Asks about all events."""
        for hit in self._detector.match(self._asked(), source):
            read = self._read
            raw: Mapping[str, Any] = read.raw or {}
            wanted, told = self._correlator.wants(hit.rule), self._told.get(hit.rule)
            if told is None and not wanted:
                continue
            at = moment_of(raw)
            if told is not None:
                self._count(told, self._file, read.member, EventPlace(line=read.line, index=self._index, time=at))
            if not wanted:
                continue
            if at is None:
                self._untimed += 1
                continue
            name = f"{self._file}:{read.line}:{self._index}:{read.member}"
            self._fired(self._correlator.take(hit.rule, at.timestamp(), raw, name))
        self._fired(list(self._correlator.finish()))

    def report(self, unusable: Sequence[RuleProblem]) -> ScanReport:
        """What was found."""
        hits = [tally.hits(self._most_places) for tally in self._tallies.values()]
        return ScanReport(
            events=self._events,
            faults=self._faults,
            first_faults=tuple(self._first_faults),
            rules=len(self._detector.rules),
            unusable=tuple(unusable),
            correlations=len(self._correlator.correlations),
            untimed=self._untimed,
            late=self._correlator.late,
            hits=tuple(sorted(hits, key=lambda each: (-gravity(each.level), -each.count, each.title, each.file))),
        )

    def _asked(self) -> Iterator[Mapping[str, Any]]:
        """The events one by one, which the detector reads as it needs them: the last one is that of its hits."""
        for number, file in enumerate(self._files):
            self._file, self._index = number, -1
            for read in events_in(file, self._loads):
                if read.raw is None:
                    self._fault(name_of(file), read)
                    continue
                self._read = read
                self._index += 1
                self._events += 1
                if not self._events % _STRIDE:
                    self._progress(self._events)
                yield read.raw

    def _fault(self, name: str, read: ReadEvent) -> None:
        self._faults += 1
        fault = read.fault
        if fault is not None and len(self._first_faults) < _MOST_FAULTS:
            self._first_faults.append(
                UnreadEvent(
                    file=name, member=read.member, line=read.line, message=fault.message, expected=fault.expected
                )
            )

    def _fired(self, firings: Sequence[Firing]) -> None:
        for firing in firings:
            rule = self._told.get(firing.rule)
            if rule is not None:
                file, line, index, member = firing.event.split(":", 3)
                at = datetime.fromtimestamp(firing.at, UTC)
                self._count(rule, int(file), member, EventPlace(line=int(line), index=int(index), time=at))

    def _count(self, rule: DetectionRule, file: int, member: str, place: EventPlace) -> None:
        tally = self._tallies.get((rule.key, file, member))
        if tally is None:
            tally = self._tallies[rule.key, file, member] = _Tally(rule, name_of(self._files[file]), member)
        tally.add(place, self._most_places)


class _Told:
    """The rules whose hits are told, by key. Few of those that are asked ever hit: they are looked up when they do."""

    def __init__(self, detector: Detector, correlations: Sequence[DetectionRule], least: int) -> None:
        self._rules = detector.rules
        self._least = least
        self._silent = silent_names(correlations)
        self._known = {rule.key: self._if_told(rule) for rule in correlations}

    def get(self, key: str) -> DetectionRule | None:
        """The rule; None if it is not told of."""
        if key not in self._known:
            self._known[key] = self._if_told(self._rules[bisect_left(self._rules, key, key=attrgetter("key"))])
        return self._known[key]

    def _if_told(self, rule: DetectionRule) -> DetectionRule | None:
        silent = not self._silent.isdisjoint((rule.id, rule.name, rule.key))
        return None if silent or gravity(rule.level) < self._least else rule
