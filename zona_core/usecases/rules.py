"""Detection rules of a tenant: what its events are asked (SPEC §1, §4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve

from zona_core.domain.definitions import text_faults
from zona_core.domain.detection import RuleKind
from zona_core.domain.rules import Rule, RuleException
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Condition
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._intake.detection import DETECTION
from zona_core.usecases._stored_rules import AddedRules, RuleProblem, parsed_exception, parsed_rules, put_rules

__all__ = ["DetectionRules"]

_LONGEST: Final = 200


class DetectionRules(Area):
    """Keeping detection rules, correlations and filters, in the Sigma format. They are asked of what is ingested."""

    area = "rules"
    _context: TenantContext

    @use_case("rules:write")
    def add(self, texts: Iterable[tuple[str, str]], *, enabled: bool = True) -> AddedRules:
        """Takes the rules in texts (YAML, one document or several), each given with its name, as of a file.

        One with the id of a rule that is there takes its place, and stays switched on or off as that was; new ones are
        as ``enabled`` says. What cannot be used is kept all the same, and told with its reason. Some hundreds are
        stored together: after a failure all can be sent again. Raises ``InvalidInput`` if there is no rule in them, or
        more than 20,000.
        """
        rules = parsed_rules(self._context, texts, enabled=enabled)
        return put_rules(self._context, rules)

    @use_case("rules:read")
    def check(self, texts: Iterable[tuple[str, str]]) -> Sequence[RuleProblem]:
        """Why rules in texts could not be used, and what else is not as it should be; nothing is stored."""
        rules = parsed_rules(self._context, texts, enabled=True)
        found = [(rule, rule.definition.unusable, True) for rule in rules if rule.definition.unusable]
        warnings = [(rule, each, False) for rule in rules for each in rule.definition.warnings]
        return [RuleProblem.of(rule.definition, fault, fatal) for rule, fault, fatal in (*found, *warnings) if fault]

    @use_case("rules:read")
    def get(self, rule_id: str) -> Rule:
        """The rule with that id (or name, if it has no id); raises ``NotFound``."""
        rule = self._context.data.rules.get(rule_id) if rule_id else None
        if rule is None:
            raise no_rule(rule_id)
        return rule

    @use_case("rules:read")
    def list(
        self,
        *,
        kind: RuleKind | None = None,
        level: str = "",
        product: str = "",
        enabled: bool | None = None,
        usable: bool | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[Rule]:
        """Rules by title."""
        where: dict[str, Condition] = {} if kind is None else {"kind": kind.value}
        where |= {name: text for name, text in (("level", level), ("product", product)) if text}
        where |= {name: flag for name, flag in (("enabled", enabled), ("usable", usable)) if flag is not None}
        return self._context.data.rules.find(where, sort=[("title", 1)], after=after, limit=limit)

    @use_case("rules:read")
    def search(self, words: str, *, limit: int = 100) -> Sequence[Rule]:
        """Rules with every word in title, tags or description, the most relevant first; raises ``InvalidInput``."""
        return self._context.data.rules.search(words, limit=limit)

    @use_case("rules:write")
    def enable(self, rule_id: str, *, revision: int | None = None) -> Rule:
        """Has a rule asked from now on; raises ``NotFound``, ``RevisionConflict``."""
        return self._switch(rule_id, revision, enabled=True)

    @use_case("rules:write")
    def disable(self, rule_id: str, *, revision: int | None = None) -> Rule:
        """Has a rule asked no more; raises ``NotFound``, ``RevisionConflict``."""
        return self._switch(rule_id, revision, enabled=False)

    @use_case("rules:delete")
    def remove(self, rule_id: str, *, revision: int | None = None) -> None:
        """Deletes a rule; its alerts stay. Raises ``NotFound``, ``RevisionConflict``."""
        data = self._context.data
        with data.transaction():
            before = self._found(rule_id)
            check_revision(before.revision, revision, f"rules/{before.id}")
            data.rules.delete(before.id)
            data.changed(DETECTION)
            data.record(self._context.actor, "rules.remove", f"rules/{before.id}", before=_in_short(before))

    @use_case("rules:write")
    def add_exception(self, text: str, *, title: str, reason: str = "", until: datetime | None = None) -> RuleException:
        """Has some rules not find some events, until a moment or for good: ``text`` is a Sigma filter as YAML.

        Raises ``InvalidInput`` for a text that is no filter that can be used, and for a moment that is over.
        """
        data = self._context.data
        faults = text_faults("title", title, _LONGEST)
        if until is not None and (until.utcoffset() is None or until <= data.now()):
            faults.append(Fault("until", "is over, or has no time zone", "a moment to come, with its zone"))
        if faults:
            raise InvalidInput.of(faults, "The exception")
        definition = parsed_exception(self._context, text)
        new_id = data.take_id("rule_exceptions")
        exception = RuleException(
            id=new_id,
            title=title,
            reason=reason,
            rules=definition.targets,
            text=text,
            definition=definition,
            until=until,
            user_id=self._context.actor.name,
            created_ts=data.now(),
        )
        with data.transaction():
            exception = data.rule_exceptions.insert(exception)
            data.changed(DETECTION)
            data.record(self._context.actor, "rules.add_exception", f"rule_exceptions/{new_id}", after=exception)
        return exception

    @use_case("rules:read")
    def exceptions(self, *, after: str | None = None, limit: int = 100) -> Listing[RuleException]:
        """Exceptions in the order in which they were made, those that are over among them."""
        return self._context.data.rule_exceptions.find(sort=[("id", 1)], after=after, limit=limit)

    @use_case("rules:write")
    def remove_exception(self, exception_id: int) -> None:
        """Ends an exception; raises ``NotFound``."""
        data = self._context.data
        with data.transaction():
            before = data.rule_exceptions.get(exception_id)
            if before is None:
                raise NotFound(f"there is no exception {exception_id}")
            data.rule_exceptions.delete(exception_id)
            data.changed(DETECTION)
            data.record(self._context.actor, "rules.remove_exception", f"rule_exceptions/{before.id}", before=before)

    def _found(self, rule_id: str) -> Rule:
        rule = self._context.data.rules.get(rule_id) if rule_id else None
        if rule is None:
            raise no_rule(rule_id)
        return rule

    def _switch(self, rule_id: str, revision: int | None, *, enabled: bool) -> Rule:
        data = self._context.data
        with data.transaction():
            before = self._found(rule_id)
            check_revision(before.revision, revision, f"rules/{before.id}")
            if before.enabled is enabled:
                return before
            after = data.rules.replace(evolve(before, enabled=enabled, updated_ts=data.now()))
            data.changed(DETECTION)
            action = "rules.enable" if enabled else "rules.disable"
            data.record(
                self._context.actor, action, f"rules/{after.id}", before=_in_short(before), after=_in_short(after)
            )
        return after


def no_rule(rule_id: str) -> NotFound:
    """The error for a rule that is not there."""
    return NotFound(f"there is no rule {rule_id[:_LONGEST]!r}", hint="zona rules list shows those there are")


def _in_short(rule: Rule) -> dict[str, object]:
    return {"title": rule.title, "digest": rule.digest, "enabled": rule.enabled}
