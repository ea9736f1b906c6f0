"""The port's adapter: parse, compile, load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from zona_core.domain.detection import DetectionRule, Logic, RegressionTest, RuleFault, RuleKind
from zona_sigma._detector import SigmaDetector
from zona_sigma._nodes import expanded, joined, missing_values
from zona_sigma._others import others_of
from zona_sigma._program import Program, program_of

__all__ = ["SigmaRules"]


class SigmaRules:
    """See ``zona_core.ports.detection.DetectionRules``."""

    def parse(self, texts: Iterable[tuple[str, str]]) -> list[DetectionRule]:
        from zona_sigma._parsing import parsed

        return [rule for name, text in texts for rule in parsed(name, text)]

    def compile(
        self,
        rules: Iterable[DetectionRule],
        filters: Iterable[DetectionRule] = (),
        placeholders: Mapping[str, Sequence[str]] | None = None,
    ) -> SigmaDetector:
        values, rules, filters = placeholders or {}, list(rules), list(filters)
        refused: dict[str, RuleFault] = {}
        narrowing = [(rule, logic) for rule in filters if (logic := _usable_logic(rule, values, refused)) is not None]
        asked: dict[str, tuple[DetectionRule, Logic]] = {}
        for rule in rules:
            if rule.kind is RuleKind.DETECTION and rule.key not in asked:
                logic = _usable_logic(rule, values, refused)
                if logic is not None:
                    asked[rule.key] = rule, joined("and", [logic, *_filters_of(rule, narrowing)])
        _tell_idle(narrowing, asked, refused)
        given = chain((rule for rule in rules if rule.kind is not RuleKind.FILTER), filters)
        others = others_of(given, [rule for rule, _ in asked.values()], refused)
        return SigmaDetector(program_of(list(asked.values()), refused, others))

    def loaded(self, data: bytes) -> SigmaDetector:
        return SigmaDetector(Program.loaded(data))

    def kept(
        self, folder: Path, texts: Sequence[tuple[str, str]], placeholders: Mapping[str, Sequence[str]] | None = None
    ) -> SigmaDetector:
        from zona_sigma._cache import cached_detector

        return cached_detector(folder, texts, placeholders)

    def read_tests(self, texts: Iterable[tuple[str, str]]) -> list[RegressionTest]:
        from zona_sigma._beside import tests_in

        return [test for name, text in texts for test in tests_in(name, text)]

    def read_placeholders(self, text: str) -> Mapping[str, Sequence[str]]:
        from zona_sigma._beside import placeholders_in

        return placeholders_in(text)


def _usable_logic(
    rule: DetectionRule, values: Mapping[str, Sequence[str]], refused: dict[str, RuleFault]
) -> Logic | None:
    """The rule's logic with its placeholders replaced; None, and why in ``refused``, if it cannot be used."""
    fault = rule.unusable
    missing = missing_values(rule.placeholders, values)
    if fault is None and missing:
        named = ", ".join(f"%{name}%" for name in missing)
        fault = RuleFault(code="missing_placeholder", message=f"no value is given for {named}", path="detection")
    if fault is None:
        try:
            return expanded(rule.logic, values)
        except ValueError as exc:
            fault = RuleFault(code="too_large", message=str(exc), path="detection")
    refused[rule.key] = fault
    return None


def _filters_of(rule: DetectionRule, filters: Sequence[tuple[DetectionRule, Logic]]) -> list[Logic]:
    return [logic for narrowing, logic in filters if _narrows(narrowing, rule)]


def _narrows(narrowing: DetectionRule, rule: DetectionRule) -> bool:
    named = not narrowing.targets or any(map(rule.known_as, narrowing.targets))
    return named and narrowing.logsource.covers(rule.logsource)


def _tell_idle(
    filters: Sequence[tuple[DetectionRule, Logic]],
    asked: Mapping[str, tuple[DetectionRule, Logic]],
    refused: dict[str, RuleFault],
) -> None:
    """A filter that narrows nothing is one whose author is mistaken."""
    for narrowing, _ in filters:
        if not any(_narrows(narrowing, rule) for rule, _ in asked.values()):
            refused[narrowing.key] = RuleFault(
                code="idle_filter",
                message="no rule that is asked is named by this filter and of its log source",
                path="filter.rules",
            )
