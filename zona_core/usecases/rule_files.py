"""Rules in files asked of events in files: neither a store nor a tenant takes part."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import define

from zona_core.domain.detection import LEVELS, LogSource, RuleFault, RuleKind
from zona_core.domain.rule_files import RuleCheck, RuleProblem, ScanReport, TestReport
from zona_core.errors import Fault, InvalidInput
from zona_core.ports.detection import DetectionRules, Detector
from zona_core.usecases._event_files import EventFile, check_event_files
from zona_core.usecases._rule_scans import RuleScan, gravity
from zona_core.usecases._rule_texts import Paths, RuleTexts, problem_of, rule_texts, walked
from zona_core.usecases._rule_trials import RuleTrials

__all__ = ["LoadedRules", "Placeholders", "RuleFiles", "gravity"]

Placeholders: TypeAlias = Mapping[str, Sequence[str]]

#: of a file of values for placeholders
_MOST_BYTES: Final = 10_000_000


@define(frozen=True, kw_only=True)
class LoadedRules:
    """Rules that are ready to be asked."""

    detector: Detector
    #: how many files they came from
    files: int
    unusable: tuple[RuleProblem, ...]


class RuleFiles:
    """Rules in files: checked, tried on what was recorded for them, and asked of files of events.

    Paths of rules are files, or folders with files ``*.yml`` and ``*.yaml`` in them, however deep. What begins with a
    dot, and SigmaHQ's ``regression_data``, is passed over.
    """

    def __init__(self, language: Callable[[], DetectionRules], loads: Callable[[bytes], Any]) -> None:
        self._language = language
        self._loads = loads

    def texts(self, paths: Paths) -> RuleTexts:
        """The files as they are, such as a tenant's ``rules.add`` takes them; raises as ``load`` does."""
        return _some_texts(paths)

    def check(self, paths: Paths) -> RuleCheck:
        """What is wrong with rules, each by itself and among the others; raises as ``load`` does."""
        language, texts = self._language(), _some_texts(paths)
        rules = language.parse(texts.texts)
        filters = [rule for rule in rules if rule.kind is RuleKind.FILTER]
        # Values are given when rules are asked: here any will do.
        values = {name: ("*",) for rule in rules for name in rule.placeholders}
        unusable = _problems(texts, language.compile(rules, filters, values))
        keys = Counter(rule.key for rule in rules)
        twice = RuleFault(
            code="duplicate_rule", message="several rules have this id, of which the first is asked", path="id"
        )
        warnings = [problem_of(rule, each) for rule in rules for each in rule.warnings]
        warnings += [problem_of(rule, twice) for rule in rules if keys[rule.key] > 1]
        count = len(rules) + len(texts.unreadable)
        return RuleCheck(
            files=texts.count,
            rules=count,
            usable=count - len(unusable),
            unusable=unusable,
            warnings=tuple(sorted(warnings, key=lambda each: each.file)),
        )

    def load(self, paths: Paths, *, placeholders: Placeholders | None = None, cache: Path | None = None) -> LoadedRules:
        """Rules that are ready to be asked.

        ``cache`` is a folder in which they are kept when they are compiled, for the next time that the same texts are
        asked. Raises ``NotFound`` for a path, ``InvalidInput`` (``no_rules``) if there is no file of rules.
        """
        language, texts = self._language(), _some_texts(paths)
        if cache is not None:
            detector = language.kept(cache, texts.texts, placeholders)
        else:
            rules = language.parse(texts.texts)
            filters = [rule for rule in rules if rule.kind is RuleKind.FILTER]
            detector = language.compile(rules, filters, placeholders)
        return LoadedRules(detector=detector, files=texts.count, unusable=_problems(texts, detector))

    def scan(
        self,
        files: Iterable[EventFile],
        rules: LoadedRules,
        *,
        level: str = "",
        source: LogSource | None = None,
        most_places: int = 100,
        progress: Callable[[int], None] = lambda _: None,
    ) -> ScanReport:
        """What rules find in files of events, which are read as streams.

        Files are paths or buffered binary files: NDJSON, JSON arrays, CloudTrail's ``Records``, JSON documents one
        after another; each with gzip, or several in a ZIP archive. ``level`` is the least that is told of; ``source``
        says where the events come from if they do not say it; of each rule and file the first ``most_places`` hits
        are told one by one. ``progress`` is called with the number of events every now and then.

        Raises ``NotFound`` for a path, ``InvalidInput`` for a file that cannot be read or an unknown level.
        """
        if level and level not in LEVELS:
            fault = Fault("level", f"there is no level {level!r}", ", ".join(LEVELS))
            raise InvalidInput.of([fault], "The scan")
        listed = list(files)
        check_event_files(listed)
        scan = RuleScan(rules.detector, listed, self._loads, level=level, most_places=most_places, progress=progress)
        scan.run(source)
        return scan.report(rules.unusable)

    def test(
        self,
        folder: str | os.PathLike[str],
        *,
        placeholders: Placeholders | None = None,
        cache: Path | None = None,
    ) -> TestReport:
        """How rules do on the events that were recorded for them.

        The folder has SigmaHQ's shape: rules in ``rules*/``, tests in ``regression_data/**/info.yml``, whose paths
        begin in the folder. Raises ``InvalidInput`` (``no_rules``, ``no_tests``) if it has not.
        """
        place = os.fspath(folder)
        texts = rule_texts(walked(os.path.join(place, "regression_data"), "info.yml"))
        if not texts.count:
            raise InvalidInput(
                f"{place} has no regression tests", code="no_tests", hint="tests are regression_data/**/info.yml"
            )
        rules = self.load(_rule_folders(place), placeholders=placeholders, cache=cache)
        trials = RuleTrials(rules.detector, place, self._loads)
        trials.run(self._language().read_tests((os.path.relpath(path, place), text) for path, text in texts.texts))
        usable = len(rules.detector.rules) + sum(1 for rule in rules.detector.others if rule.usable)
        return TestReport(
            rules=usable + len(rules.unusable),
            usable=usable,
            entries=trials.entries,
            passed=trials.passed,
            failures=tuple(trials.failures),
            unusable=rules.unusable,
            false_fires=trials.false_fires(),
        )

    def placeholders(self, path: str | os.PathLike[str]) -> Placeholders:
        """Values of placeholders from a YAML or JSON file; raises ``InvalidInput``."""
        try:
            with open(path, "rb") as file:
                text = file.read(_MOST_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            told = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise InvalidInput(f"{os.fspath(path)} cannot be read: {told}", code="unreadable_file") from exc
        return self._language().read_placeholders(text)


def _some_texts(paths: Paths) -> RuleTexts:
    texts = rule_texts(paths)
    if not texts.count:
        raise InvalidInput("there is no file of rules", code="no_rules", hint="rules are files *.yml or *.yaml")
    return texts


def _rule_folders(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(each.path for each in entries if each.name.startswith("rules") and each.is_dir())


def _problems(texts: RuleTexts, detector: Detector) -> tuple[RuleProblem, ...]:
    found = [problem_of(rule, rule.unusable) for rule in detector.others if rule.unusable]
    return tuple(sorted([*texts.unreadable, *found], key=lambda each: each.file))
