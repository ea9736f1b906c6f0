"""Rules tried on the events that were recorded for them: a collection in SigmaHQ's shape."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import Factory, define

from zona_core.domain.detection import DetectionRule, RegressionTest
from zona_core.domain.rule_files import FailedTest, FalseFires
from zona_core.errors import InvalidInput
from zona_core.ports.detection import Detector
from zona_core.usecases._event_files import events_in

__all__ = ["RuleTrials"]


class _NoEvents(Exception):
    """Why the events of a test cannot be used."""


@define
class _Strays:
    """Hits of a rule on events that are other rules'."""

    count: int = 0
    entries: dict[str, None] = Factory(dict)


class RuleTrials:
    """Regression tests, run one after another."""

    def __init__(self, detector: Detector, folder: str, loads: Callable[[bytes], Any]) -> None:
        self._detector = detector
        self._folder = folder
        self._loads = loads
        self._rules = {rule.key: rule for rule in detector.rules}
        self._known = {
            name: rule for rule in reversed(detector.rules) for name in (rule.key, rule.name, rule.id) if name
        }
        self._strays: dict[str, _Strays] = {}
        self.entries = self.passed = 0
        self.failures: list[FailedTest] = []

    def run(self, tests: Sequence[RegressionTest]) -> None:
        """Runs them; what does not come out as it says is in ``failures``."""
        for test in tests:
            failures = list(self._failures(test))
            self.entries += 1
            self.passed += not failures
            self.failures += failures

    def false_fires(self) -> tuple[FalseFires, ...]:
        """The rules that held for events of other rules' tests."""
        found = [
            FalseFires(rule=key, title=self._rules[key].title, count=strays.count, entries=tuple(strays.entries))
            for key, strays in self._strays.items()
        ]
        return tuple(sorted(found, key=lambda each: (-each.count, each.title, each.rule)))

    def _failures(self, test: RegressionTest) -> Iterator[FailedTest]:
        if test.unusable is not None:
            where = f"{test.unusable.path}: " if test.unusable.path else ""
            yield FailedTest(entry=test.origin, name=test.name, reason=where + test.unusable.message)
            return
        try:
            hits = self._hits(test)
        except _NoEvents as exc:
            yield from (self._failed(test, rule, 0, str(exc)) for rule in test.rules)
            return
        meant = [self._known.get(rule) for rule in test.rules]
        for name, rule in zip(test.rules, meant, strict=True):
            found = hits[rule.key] if rule else 0
            if rule is None:
                yield self._failed(test, name, 0, "no rule that can be asked has this id")
            elif test.count is None and not found:
                yield self._failed(test, name, 0, "the rule does not fire")
            elif test.count is not None and found != test.count:
                yield self._failed(test, name, found, f"the rule fires {found}×, not {test.count}×")
        self._note_strays(test, hits, {rule.key for rule in meant if rule})

    def _failed(self, test: RegressionTest, rule: str, found: int, reason: str) -> FailedTest:
        known: DetectionRule | None = self._known.get(rule)
        return FailedTest(
            entry=test.origin,
            name=test.name,
            rule=rule,
            title=known.title if known else "",
            expected=test.count,
            found=found,
            reason=reason,
        )

    def _note_strays(self, test: RegressionTest, hits: Mapping[str, int], meant: set[str]) -> None:
        for key, count in hits.items():
            if key not in meant:
                strays = self._strays.setdefault(key, _Strays())
                strays.count += count
                strays.entries[test.origin] = None

    def _hits(self, test: RegressionTest) -> Counter[str]:
        return Counter(hit.rule for hit in self._detector.match(self._events(self._file_of(test))))

    def _events(self, path: str) -> Iterator[Mapping[str, Any]]:
        try:
            for read in events_in(path, self._loads):
                if read.raw is None:
                    told = read.fault.message if read.fault else "it is no event"
                    raise _NoEvents(f"{os.path.relpath(path, self._folder)}, line {read.line}: {told}")
                yield read.raw
        except InvalidInput as exc:
            raise _NoEvents(str(exc)) from exc

    def _file_of(self, test: RegressionTest) -> str:
        """The file of events. Recordings in Windows' own format have their events as JSON beside them."""
        base, ending = os.path.splitext(os.path.normpath(test.path))
        path = base + (".json" if ending == ".evtx" else ending)
        if os.path.isabs(path) or path.split(os.sep)[0] == os.pardir:
            raise _NoEvents(f"{test.path} is outside of the folder")
        found = os.path.join(self._folder, path)
        if not os.path.isfile(found):
            raise _NoEvents(f"there is no file {path}")
        return found
