"""Correlation documents as domain models, by way of pySigma."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationType,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaCorrelationConditionError, SigmaCorrelationRuleError

from zona_core.domain.detection import Comparison, Correlation, CorrelationType, Logic

__all__ = ["correlation_of"]

_OPERATORS: Final = ("gt", "gte", "lt", "lte", "eq", "neq")
_MEDIAN: Final = 50.0


def correlation_of(document: dict[str, Any]) -> tuple[SigmaCorrelationRule, Correlation]:
    """The document as pySigma sees it and what it asks; raises ``SigmaError``."""
    section = dict(document["correlation"])
    conditions: list[SigmaCorrelationCondition] = []
    given = section.get("condition")
    if isinstance(given, dict) and len(operators := [name for name in _OPERATORS if name in given]) > 1:
        others = {name: value for name, value in given.items() if name not in _OPERATORS}
        each = [{**others, name: given[name]} for name in operators]
        conditions = [SigmaCorrelationCondition.from_dict(one) for one in each]
        section["condition"] = each[0]
    rule = SigmaCorrelationRule.from_dict({**document, "correlation": section}, collect_errors=True)
    for error in rule.errors:
        if isinstance(error, SigmaCorrelationRuleError) or not hasattr(rule.timespan, "seconds"):
            raise error
    if not isinstance(rule.type, SigmaCorrelationType):
        raise rule.errors[0]
    return rule, _correlation(rule, conditions)


def _correlation(rule: SigmaCorrelationRule, conditions: list[SigmaCorrelationCondition]) -> Correlation:
    expression: Logic = None
    fields: tuple[str, ...] = ()
    percentile: float | None = None
    rules = tuple(str(each.reference) for each in rule.rules or ())
    if isinstance(rule.condition, SigmaExtendedCorrelationCondition):
        expression = _expression(rule.condition.parsed)
        rules = rules or tuple(rule.condition.get_referenced_rules())
    else:
        conditions = conditions or [rule.condition]
        named = rule.condition.fieldref
        fields = tuple(named) if isinstance(named, list) else (named,) if named else ()
        percentile = rule.condition.percentile
    if not rules:
        raise SigmaCorrelationRuleError("Sigma correlation rule without rule references")
    kind = rule.type.name.lower()
    if kind == "value_median":  # pySigma's word for what the specification calls percentile 50
        kind, percentile = "value_percentile", _MEDIAN
    if percentile is not None and not 0 <= percentile <= 100:
        raise SigmaCorrelationConditionError(f"a percentile lies between 0 and 100, not at {percentile}")
    return Correlation(
        type=CorrelationType(kind),
        rules=rules,
        timespan=float(rule.timespan.seconds),
        group_by=tuple(rule.group_by or ()),
        aliases=_aliases(rule),
        conditions=tuple(Comparison(operator=each.op.name.lower(), number=each.count) for each in conditions),
        fields=fields,
        percentile=percentile,
        expression=expression,
        generate=rule.generate,
    )


def _aliases(rule: SigmaCorrelationRule) -> Mapping[str, Mapping[str, str]]:
    return {
        alias.alias: {str(reference.reference): field for reference, field in alias.mapping.items()}
        for alias in rule.aliases
    }


def _expression(node: Any) -> Logic:
    match node:
        case SigmaRuleReference():
            return node.reference
        case CorrelationConditionAND():
            return ["and", *map(_expression, node.args)]
        case CorrelationConditionOR():
            return ["or", *map(_expression, node.args)]
        case CorrelationConditionNOT():
            return ["not", _expression(node.args[0])]
    raise SigmaCorrelationConditionError(f"a condition cannot consist of {type(node).__name__}")
