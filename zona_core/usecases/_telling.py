"""Which rules are told of for themselves, and which only by the correlations that refer to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zona_core.domain.detection import DetectionRule

__all__ = ["silent_names"]


def silent_names(correlations: Sequence[DetectionRule]) -> frozenset[str]:
    """Ids, names and keys by which correlations refer to rules that are not told of for themselves.

    Those are the rules that only correlations without ``generate`` refer to (specification, "Correlation Rules").
    """
    return frozenset(_referred_to(correlations, generate=False) - _referred_to(correlations, generate=True))


def _referred_to(correlations: Iterable[DetectionRule], *, generate: bool) -> set[str]:
    asked = [rule.correlation for rule in correlations if rule.correlation]
    return {each for correlation in asked if correlation.generate is generate for each in correlation.rules}
