"""What a program holds beside the rules it asks: correlations and what cannot be used, as plain JSON data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import asdict, evolve

from zona_core.domain.detection import Comparison, Correlation, CorrelationType, DetectionRule, RuleFault, RuleKind
from zona_sigma._correlator import linked

__all__ = ["other_of", "others_of", "row_of"]

_TEXTS: Final = ("key", "title", "id", "name", "level", "status", "origin")


def others_of(
    given: Iterable[DetectionRule], asked: Sequence[DetectionRule], refused: Mapping[str, RuleFault]
) -> list[DetectionRule]:
    """Correlations that were given, and what is left out of ``asked``, with why it is."""
    given = list(given)
    left_out = [
        rule if rule.unusable else evolve(rule, unusable=refused[rule.key])
        for rule in given
        if rule.kind is not RuleKind.CORRELATION and (rule.unusable or rule.key in refused)
    ]
    return [*left_out, *linked((rule for rule in given if rule.kind is RuleKind.CORRELATION), asked)]


def row_of(rule: DetectionRule) -> dict[str, Any]:
    """The rule as JSON data."""
    return {
        "about": {name: getattr(rule, name) for name in _TEXTS if getattr(rule, name)},
        "kind": rule.kind.value,
        "unusable": asdict(rule.unusable) if rule.unusable else None,
        "correlation": asdict(rule.correlation) if rule.correlation else None,
    }


def other_of(row: Mapping[str, Any]) -> DetectionRule:
    """The rule of a row; raises ``KeyError``, ``TypeError``, ``ValueError`` for what is none."""
    about, fault, correlation = row["about"], row["unusable"], row["correlation"]
    return DetectionRule(
        kind=RuleKind(row["kind"]),
        unusable=RuleFault(**fault) if fault else None,
        correlation=_correlation(correlation) if correlation else None,
        **{name: about[name] for name in _TEXTS if name in about},
    )


def _correlation(row: Mapping[str, Any]) -> Correlation:
    values = {**row, "type": CorrelationType(row["type"])}
    for name in ("rules", "group_by", "fields"):
        values[name] = tuple(row[name])
    values["conditions"] = tuple(Comparison(**each) for each in row["conditions"])
    return Correlation(**values)
