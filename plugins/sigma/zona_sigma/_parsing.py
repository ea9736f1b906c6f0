"""Rule files as domain models, by way of pySigma.

pySigma knows the format: documents, modifiers, conditions. What it leaves to do here: it has no word for ``utf16le``
(the specification does), takes one comparison in a correlation's condition (the specification: several), and does not
say where in a rule a fault is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
import yaml
from sigma.exceptions import (
    SigmaConditionError,
    SigmaError,
    SigmaLogsourceError,
    SigmaNameError,
    SigmaPlaceholderError,
    SigmaRegularExpressionError,
    SigmaTitleError,
)
from sigma.filters import EmptySigmaGlobalFilter, SigmaFilter
from sigma.rule import SigmaDetection, SigmaRule, SigmaRuleBase
from sigma.rule.base import SigmaYAMLLoader, check_alias_expansion
from sigma.rule.detection import EmptySigmaDetections, SigmaDetections

from zona_core.domain.detection import DetectionRule, Logic, LogSource, RuleFault, RuleKind
from zona_sigma._correlations import correlation_of
from zona_sigma._logic import TooMuch, logic_of
from zona_sigma._nodes import joined, placeholders
from zona_sigma._sources import gates_of

__all__ = ["parsed"]

#: characters of one text; the largest file of SigmaHQ has some 30,000
LARGEST_TEXT: Final = 1_000_000
#: characters of a condition, and brackets in it one inside another: pySigma's parser calls itself for each
LONGEST_CONDITION: Final = 10_000
DEEPEST_BRACKETS: Final = 30
#: what pySigma lets through of documents that are not of the form it expects
_UNEXPECTED: Final = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
_FATAL: Final = (SigmaLogsourceError, SigmaNameError, SigmaTitleError)


class Unusable(Exception):
    """Why a document is no rule that can be used."""

    def __init__(self, code: str, message: str, path: str = "") -> None:
        super().__init__(message)
        self.fault = RuleFault(code=code, message=message, path=path)


def parsed(name: str, text: str) -> Iterator[DetectionRule]:
    """The rules of one text, in their order; never raises for what the text says."""
    try:
        documents = list(_documents(text))
    except Unusable as exc:
        yield _refused(name, {}, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), exc.fault)
        return
    for document in documents:
        if document is not None:
            yield _rule(name, _spelled(document) if "utf16le" in text else document)


def _documents(text: str) -> Iterator[Any]:
    if len(text) > LARGEST_TEXT:
        raise Unusable("too_large", f"the text has more than {LARGEST_TEXT} characters")
    try:
        for document in yaml.load_all(text, SigmaYAMLLoader):  # a safe loader that refuses keys given twice
            if "&" in text:  # there may be anchors: before anything walks through it
                check_alias_expansion(document)
            yield document
    except SigmaError as exc:
        raise Unusable("invalid_yaml", str(exc)) from exc
    except yaml.YAMLError as exc:
        raise Unusable("invalid_yaml", f"the text is not YAML: {' '.join(str(exc).split())}") from exc
    except (RecursionError, ValueError, TypeError) as exc:
        raise Unusable("invalid_yaml", f"the text is not YAML that can be read: {exc}") from exc


def _rule(origin: str, document: Any) -> DetectionRule:
    if not isinstance(document, dict):
        fault = RuleFault(code="invalid_rule", message="the document is no mapping")
        return _refused(origin, {}, _digest(document), fault)
    try:
        return _usable(origin, document)
    except Unusable as exc:
        fault = exc.fault
    except SigmaError as exc:
        fault = _fault(exc, "")
    except _UNEXPECTED as exc:
        fault = RuleFault(code="invalid_rule", message=f"the document is not of a rule's form: {exc}")
    return _refused(origin, document, _digest(document), fault)


def _usable(origin: str, document: dict[str, Any]) -> DetectionRule:
    if "action" in document:
        raise Unusable("unsupported_action", "the specification has no documents with an action any more", "action")
    if isinstance(document.get("correlation"), dict):
        rule, correlation = correlation_of(document)
        return _described(origin, document, rule, RuleKind.CORRELATION, correlation=correlation)
    if "filter" in document and "detection" not in document:
        return _filter(origin, document)
    return _detection(origin, document)


def _detection(origin: str, document: dict[str, Any]) -> DetectionRule:
    _require(document, "detection")
    rule = SigmaRule.from_dict(document, collect_errors=True)
    if isinstance(rule.detection, EmptySigmaDetections):
        raise _located(document, "detection", rule.errors)
    _refuse_fatal(rule)
    logic = _conditions(rule.detection, "detection")
    source = _source(rule)
    try:
        gates_of(source)
    except ValueError as exc:
        raise Unusable("unknown_logsource", str(exc), "logsource") from exc
    return _described(
        origin, document, rule, RuleKind.DETECTION, logsource=source, logic=logic, placeholders=placeholders(logic)
    )


def _filter(origin: str, document: dict[str, Any]) -> DetectionRule:
    _require(document, "filter")
    rule = SigmaFilter.from_dict(document, collect_errors=True)
    if isinstance(rule.filter, EmptySigmaGlobalFilter):
        raise _located(document, "filter", rule.errors)
    _refuse_fatal(rule)
    logic = _conditions(rule.filter, "filter")
    named = rule.filter.rules
    return _described(
        origin,
        document,
        rule,
        RuleKind.FILTER,
        logsource=_source(rule),
        logic=logic,
        placeholders=placeholders(logic),
        targets=() if isinstance(named, str) else tuple(str(each.reference) for each in named),
    )


def _require(document: Mapping[str, Any], section: str) -> None:
    if not isinstance(document.get(section), dict):
        raise Unusable("invalid_rule", f"a rule has a mapping {section!r}", section)


def _spelled(document: Any) -> Any:
    """The document with modifiers spelled as pySigma knows them."""
    if not isinstance(document, dict):
        return document
    return {key: _renamed(each) if key in ("detection", "filter") else each for key, each in document.items()}


def _renamed(value: Any) -> Any:
    if isinstance(value, dict):
        return {_wide(str(key)): _renamed(each) for key, each in value.items()}
    return [_renamed(each) for each in value] if isinstance(value, list) else value


def _wide(key: str) -> str:
    field, *modifiers = key.split("|")
    return "|".join([field, *("wide" if each == "utf16le" else each for each in modifiers)])


def _conditions(detections: SigmaDetections, section: str) -> Logic:
    """The logic of all conditions; several are alternatives (specification, "Condition")."""
    for condition in detections.parsed_condition:
        if "|" in str(condition.condition):
            message = "a condition with a pipe is of the format before Sigma 2: counts are correlation rules now"
            raise Unusable("invalid_condition", message, f"{section}.condition")
        if _is_unwieldy(condition.condition):
            limits = f"{LONGEST_CONDITION} characters, {DEEPEST_BRACKETS} brackets one inside another"
            raise Unusable("too_large", f"a condition is larger than is taken: {limits}", f"{section}.condition")
    try:
        return joined("or", [logic_of(condition.parsed) for condition in detections.parsed_condition])
    except SigmaError as exc:
        raise Unusable("invalid_condition", str(exc), f"{section}.condition") from exc
    except (TooMuch, RecursionError) as exc:
        raise Unusable("too_large", f"the rule is larger than is taken: {exc}", section) from exc
    except _UNEXPECTED as exc:
        raise Unusable("invalid_condition", str(exc), f"{section}.condition") from exc


def _is_unwieldy(condition: Any) -> bool:
    depth = deepest = 0
    for character in condition if isinstance(condition, str) else "":
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest > DEEPEST_BRACKETS or (isinstance(condition, str) and len(condition) > LONGEST_CONDITION)


def _located(document: Mapping[str, Any], section: str, errors: list[SigmaError]) -> Unusable:
    """The first fault of a section, with the place where it is."""
    for name, definition in document[section].items():
        if name in ("condition", "rules"):
            continue
        try:
            SigmaDetection.from_definition(definition)
        except SigmaError as exc:
            fault = _fault(exc, f"{section}.{name}")
            return Unusable(fault.code, fault.message, fault.path)
        except _UNEXPECTED as exc:
            return Unusable("invalid_detection", f"not of a detection's form: {exc}", f"{section}.{name}")
    message = str(errors[0]) if errors else f"the {section} cannot be read"
    where = f"{section}.condition" if "condition" in message else section
    return Unusable("invalid_detection", message, where)


def _refuse_fatal(rule: SigmaRuleBase) -> None:
    for error in rule.errors:
        if isinstance(error, _FATAL):
            fault = _fault(error, "")
            raise Unusable(fault.code, fault.message, fault.path)


def _fault(error: SigmaError, path: str) -> RuleFault:
    code = "invalid_rule"
    match error:
        case SigmaRegularExpressionError():
            code = "unsupported_regex"
        case SigmaConditionError():
            code, path = "invalid_condition", path or "detection.condition"
        case SigmaLogsourceError():
            code, path = "invalid_logsource", path or "logsource"
        case SigmaTitleError() | SigmaNameError():
            path = path or type(error).__name__.removeprefix("Sigma").removesuffix("Error").lower()
        case SigmaPlaceholderError():
            code = "invalid_placeholder"
        case _ if path:
            code = "invalid_detection"
    return RuleFault(code=code, message=str(error), path=path)


def _source(rule: Any) -> LogSource:
    source = rule.logsource
    return LogSource(category=source.category or "", product=source.product or "", service=source.service or "")


def _described(
    origin: str, document: Mapping[str, Any], rule: SigmaRuleBase, kind: RuleKind, **more: Any
) -> DetectionRule:
    identity = str(document.get("id") or "")
    return DetectionRule(
        key=identity or rule.name or _digest(document),
        kind=kind,
        title=rule.title,
        id=identity,
        name=rule.name or "",
        level=_lower(rule.level),
        status=_lower(rule.status),
        description=rule.description if isinstance(rule.description, str) else "",
        author=rule.author if isinstance(rule.author, str) else "",
        date=str(document.get("date") or ""),
        modified=str(document.get("modified") or ""),
        tags=tuple(str(tag) for tag in rule.tags),
        references=_texts(rule.references),
        false_positives=_texts(rule.falsepositives),
        fields=_texts(rule.fields),
        origin=origin,
        warnings=tuple(RuleFault(code="questionable", message=str(error)) for error in rule.errors),
        **more,
    )


def _refused(origin: str, document: Mapping[str, Any], digest: str, fault: RuleFault) -> DetectionRule:
    kind = RuleKind.DETECTION
    if isinstance(document.get("correlation"), dict):
        kind = RuleKind.CORRELATION
    elif "filter" in document and "detection" not in document:
        kind = RuleKind.FILTER
    identity, name, title = (str(document.get(each) or "") for each in ("id", "name", "title"))
    return DetectionRule(
        key=identity or name or digest, kind=kind, id=identity, name=name, title=title, origin=origin, unusable=fault
    )


def _digest(document: Any) -> str:
    """A name for a document that gives itself none; the same for what says the same."""
    data = orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()


def _lower(value: Any) -> str:
    return value.name.lower() if hasattr(value, "name") else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
