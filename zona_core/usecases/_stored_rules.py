"""Rules in texts as a tenant keeps them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

from attrs import define, evolve

from zona_core.domain.detection import DetectionRule, RuleFault, RuleKind
from zona_core.domain.rules import Rule
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.display import as_data
from zona_core.ports.store import In
from zona_core.usecases._area import TenantContext
from zona_core.usecases._intake.detection import DETECTION

__all__ = ["AddedRules", "RuleProblem", "parsed_exception", "parsed_rules", "put_rules"]

_MOST_RULES: Final = 20_000
_MOST_BYTES: Final = 100 << 20
_LONGEST_KEY: Final = 200
_LONGEST_TITLE: Final = 500
#: what parts the documents of a YAML stream (YAML 1.2, chapter 9); no text within one begins a line so
_BETWEEN: Final = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
#: rules that are stored together
_TOGETHER: Final = 250


@define(frozen=True, kw_only=True)
class RuleProblem:
    """What is wrong with a rule."""

    rule: str
    title: str
    #: as the text was named that it is in
    origin: str
    #: stable, for programs
    code: str
    message: str
    #: where in the document
    path: str = ""
    #: whether the rule cannot be used
    fatal: bool = True

    @classmethod
    def of(cls, rule: DetectionRule, fault: RuleFault, fatal: bool = True) -> RuleProblem:  # its last word
        """One fault of a rule."""
        return cls(
            rule=rule.key, title=rule.title, origin=rule.origin, code=fault.code, message=fault.message,
            path=fault.path, fatal=fatal,
        )  # fmt: skip


@define(frozen=True, kw_only=True)
class AddedRules:
    """What became of rules that were taken in."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    #: those that cannot be used, as long as they are so
    unusable: tuple[RuleProblem, ...] = ()


def parsed_rules(context: TenantContext, texts: Iterable[tuple[str, str]], *, enabled: bool) -> list[Rule]:
    """The rules in texts, usable or not; of several with one id the first. Raises ``InvalidInput``."""
    now, author, language = context.data.now(), context.actor.name, context.parts.detection_rules()
    found: dict[str, Rule] = {}
    size = 0
    for name, text in texts:
        size += len(text)
        definitions = [_askable(each) for each in language.parse([(name, text)])]
        if size > _MOST_BYTES or len(found) + len(definitions) > _MOST_RULES:
            fault = Fault(
                "texts", "there is too much of it", f"{_MOST_RULES} rules and {_MOST_BYTES} characters at most"
            )
            raise InvalidInput.of([fault], "The rules")
        for definition, own in zip(definitions, _documents(text, len(definitions)), strict=True):
            if definition.key not in found:
                rule = Rule(
                    id=definition.key[:_LONGEST_KEY],
                    title=(definition.title or definition.key)[:_LONGEST_TITLE],
                    kind=definition.kind.value,
                    level=definition.level,
                    product=definition.logsource.product,
                    category=definition.logsource.category,
                    service=definition.logsource.service,
                    enabled=enabled,
                    usable=definition.usable,
                    digest=_digest(definition),
                    definition=definition,
                    text=own,
                    user_id=author,
                    created_ts=now,
                    updated_ts=now,
                )
                found[definition.key] = rule
    if not found:
        raise InvalidInput("there is no rule in it", code="no_rules", hint="a rule is a YAML document (Sigma)")
    return list(found.values())


def put_rules(context: TenantContext, rules: Sequence[Rule]) -> AddedRules:
    """Stores rules, each in the place of the one with its id; some hundreds together, so that nobody waits for long."""
    added = updated = 0
    for begin in range(0, len(rules), _TOGETHER):
        new, changed = _put(context, rules[begin : begin + _TOGETHER])
        added, updated = added + new, updated + changed
    unusable = [RuleProblem.of(rule.definition, rule.definition.unusable) for rule in rules if rule.definition.unusable]
    unchanged = len(rules) - added - updated
    return AddedRules(added=added, updated=updated, unchanged=unchanged, unusable=tuple(unusable))


def _put(context: TenantContext, rules: Sequence[Rule]) -> tuple[int, int]:
    """How many of these were new and how many said something else before."""
    data = context.data
    with data.transaction():
        there = data.rules.find({"_id": In([rule.id for rule in rules])}, limit=_TOGETHER).items
        known = {rule.id: rule for rule in there}
        new = [rule for rule in rules if rule.id not in known]
        changed = [
            evolve(rule, enabled=before.enabled, created_ts=before.created_ts, revision=before.revision)
            for rule in rules
            if (before := known.get(rule.id)) is not None and (before.digest, before.text) != (rule.digest, rule.text)
        ]
        for rule in changed:
            data.rules.replace(rule)
        if new:
            data.rules.insert_many(new)
        if new or changed:
            data.changed(DETECTION)
            ids = {"added": [rule.id for rule in new], "updated": [rule.id for rule in changed]}
            data.record(context.actor, "rules.add", "rules", after=ids)
    return len(new), len(changed)


def parsed_exception(context: TenantContext, text: str) -> DetectionRule:
    """The filter that a text is; raises ``InvalidInput``."""
    rules = [_askable(each) for each in context.parts.detection_rules().parse([("exception", text)])]
    problem = ""
    if len(rules) != 1 or rules[0].kind is not RuleKind.FILTER:
        problem = "it is not one filter"
    elif rules[0].unusable:
        problem = rules[0].unusable.message
    if problem:
        raise InvalidInput.of([Fault("text", problem, "a Sigma filter as YAML")], "The exception")
    return rules[0]


def _askable(definition: DetectionRule) -> DetectionRule:
    """A tenant has no values for placeholders: what needs some cannot be asked, and says so."""
    if definition.unusable or not definition.placeholders:
        return definition
    named = ", ".join(f"%{name}%" for name in definition.placeholders)
    fault = RuleFault(code="missing_placeholder", message=f"no value is given for {named}", path="detection")
    return evolve(definition, unusable=fault)


def _documents(text: str, count: int) -> list[str]:
    """The text of each of ``count`` documents, as far as they can be told apart."""
    if count == 1:
        return [text]
    parts = [part.strip("\n") + "\n" for part in _BETWEEN.split(text) if part.strip()]
    return parts if len(parts) == count else [text] * count


def _digest(definition: DetectionRule) -> str:
    """Of what the rule says, wherever it was read."""
    plain = as_data(evolve(definition, origin=""))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
