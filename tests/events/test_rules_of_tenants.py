"""Rules of a tenant: what events are asked follows every change at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from zona_core import InvalidInput, NotFound, Workspace, Zona
from zona_core.domain.detection import RuleKind

Rule = Callable[..., str]


@pytest.fixture
def hits(send: Any, line: Any) -> Callable[..., int]:
    """How many hits one more event has."""
    numbers = iter(range(1_000))
    return lambda **rest: send(line(next(numbers), **{"word": "bad", **rest})).hits


def test_a_rule_is_asked_as_soon_as_it_is_there(here: Workspace, rule: Rule, hits: Any) -> None:
    """And no more when it is disabled or removed."""
    assert hits() == 0
    here.rules.add([("bad.yml", rule())])
    assert hits() == 1
    assert here.rules.disable("bad").enabled is False
    assert hits() == 0
    assert here.rules.enable("bad").enabled is True
    assert hits() == 1
    here.rules.remove("bad")
    assert hits() == 0
    with pytest.raises(NotFound):
        here.rules.get("bad")


def test_a_rule_takes_the_place_of_the_one_with_its_id(here: Workspace, rule: Rule, hits: Any) -> None:
    """It stays switched off if that was; what says the same changes nothing."""
    first = here.rules.add([("bad.yml", rule()), ("other.yml", rule("other", "other"))])
    assert (first.added, first.updated, first.unchanged) == (2, 0, 0)
    again = here.rules.add([("bad.yml", rule(word="worse")), ("other.yml", rule("other", "other"))])
    assert (again.added, again.updated, again.unchanged) == (0, 1, 1)
    assert (hits(), hits(word="worse")) == (0, 1)
    here.rules.disable("bad")
    here.rules.add([("bad.yml", rule())])
    assert here.rules.get("bad").enabled is False
    assert hits() == 0


def test_new_rules_may_wait(here: Workspace, rule: Rule, hits: Any) -> None:
    """Those that are added disabled are asked once they are enabled."""
    here.rules.add([("bad.yml", rule())], enabled=False)
    assert hits() == 0
    here.rules.enable("bad")
    assert hits() == 1


def test_several_documents_may_be_in_one_text(here: Workspace, rule: Rule) -> None:
    """Each is kept with its own text."""
    here.rules.add([("both.yml", f"{rule('one')}\n---\n{rule('two')}\n")])
    assert [each.id for each in here.rules.list().items] == ["one", "two"]
    assert '"two"' not in here.rules.get("one").text


def test_a_rule_that_cannot_be_used_says_why(here: Workspace, rule: Rule, hits: Any) -> None:
    """It is kept and not asked; it is found among those; others are asked all the same. ``check`` stores nothing."""
    broken = rule("broken").replace('"condition": "s"', '"condition": "t"')
    texts = [("broken.yml", broken), ("bad.yml", rule())]
    (problem,) = [each for each in here.rules.check(texts) if each.fatal]
    assert (problem.rule, problem.origin, problem.code) == ("broken", "broken.yml", "invalid_condition")
    assert here.rules.list().items == []
    added = here.rules.add(texts)
    assert (added.added, added.unusable) == (2, (problem,))
    assert [each.id for each in here.rules.list(usable=False).items] == ["broken"]
    unusable = here.rules.get("broken").definition.unusable
    assert unusable is not None
    assert unusable.message == problem.message
    assert hits() == 1
    for nothing in ([], [("empty.yml", "")]):
        with pytest.raises(InvalidInput) as caught:
            here.rules.add(nothing)
        assert caught.value.code == "no_rules"


def test_a_rule_with_a_placeholder_cannot_be_used(here: Workspace, rule: Rule) -> None:
    """A tenant has no values for it: the rule says so instead of never finding anything."""
    asking = rule().replace('"word": "bad"', '"word|expand": "%words%"')
    (problem,) = here.rules.add([("bad.yml", asking)]).unusable
    assert (problem.code, problem.message) == ("missing_placeholder", "no value is given for %words%")


def test_rules_are_found(here: Workspace, rule: Rule) -> None:
    """By what they are, and by words of their titles."""
    correlation = '{"type": "event_count", "rules": ["bad"], "timespan": "1h", "condition": {"gte": 2}}'
    often = f'{{"title": "Often bad", "id": "often", "correlation": {correlation}, "level": "high"}}'
    here.rules.add([("bad.yml", rule()), ("often.yml", often)])

    def found(**wanted: Any) -> list[str]:
        return [each.id for each in here.rules.list(**wanted).items]

    assert found() == ["bad", "often"]
    assert found(kind=RuleKind.CORRELATION) == ["often"]
    assert found(level="medium") == ["bad"]
    assert found(product="testing") == ["bad"]
    here.rules.disable("bad")
    assert found(enabled=False) == ["bad"]
    assert [each.id for each in here.rules.search("often")] == ["often"]
    first = here.rules.list(limit=1)
    assert [each.id for each in here.rules.list(after=first.next).items] == ["often"]


def test_an_exception_ends_by_the_clock(
    here: Workspace, rule: Rule, narrower: Callable[..., str], hits: Any, clock: Any
) -> None:
    """It holds at once and to its last moment; after that the rule finds what it kept from it."""
    here.rules.add([("bad.yml", rule())])
    assert hits() == 1
    kept = here.rules.add_exception(narrower(), title="Known", until=clock.now() + timedelta(hours=1))
    assert kept.rules == ("bad",)
    assert (hits(), hits(host="db1")) == (0, 1)
    clock.move(3_599)
    assert hits() == 0
    clock.move(1)
    assert hits() == 1
    assert [each.id for each in here.rules.exceptions().items] == [kept.id]


def test_an_exception_ends_when_it_is_removed(
    here: Workspace, rule: Rule, narrower: Callable[..., str], hits: Any
) -> None:
    """One that has no end holds until then."""
    here.rules.add([("bad.yml", rule())])
    kept = here.rules.add_exception(narrower(), title="Known", reason="it is a test")
    assert hits() == 0
    here.rules.remove_exception(kept.id)
    assert hits() == 1
    with pytest.raises(NotFound):
        here.rules.remove_exception(kept.id)


def test_an_exception_has_to_be_a_filter_with_a_future(
    here: Workspace, rule: Rule, narrower: Callable[..., str], clock: Any
) -> None:
    """A rule is none, nor are two filters; its end is to come, and says its zone."""
    for text in (rule(), "", f"{narrower()}\n---\n{narrower()}"):
        with pytest.raises(InvalidInput, match="text"):
            here.rules.add_exception(text, title="Known")
    for until in (clock.now(), datetime(2040, 1, 1)):  # noqa: DTZ001  # that is what is refused
        with pytest.raises(InvalidInput, match="until"):
            here.rules.add_exception(narrower(), title="Known", until=until)
    with pytest.raises(InvalidInput, match="title"):
        here.rules.add_exception(narrower(), title="")
    assert here.rules.exceptions().items == []


def test_tenants_have_rules_of_their_own(zona: Zona, here: Workspace, rule: Rule, send: Any, line: Any) -> None:
    """What one is asked the other is not."""
    zona.system().tenants.add("acme")
    acme = zona.tenant("acme")
    acme.rules.add([("bad.yml", rule())])
    assert send(line(1, word="bad")).hits == 0
    assert here.rules.list().items == []
    options = {"time": "at", "key": ["id"]}
    assert acme.events.ingest([line(1, word="bad")], source="log", mapper="generic", options=options).hits == 1


def test_changes_stand_in_the_trail(here: Workspace, rule: Rule, narrower: Callable[..., str]) -> None:
    """Each with what it was about."""
    here.rules.add([("bad.yml", rule())])
    here.rules.disable("bad")
    here.rules.enable("bad")
    kept = here.rules.add_exception(narrower(), title="Known")
    here.rules.remove_exception(kept.id)
    here.rules.remove("bad")
    trail = [(record.action, record.target) for record in here.audit.search().items]
    assert trail[::-1] == [
        ("rules.add", "rules"),
        ("rules.disable", "rules/bad"),
        ("rules.enable", "rules/bad"),
        ("rules.add_exception", f"rule_exceptions/{kept.id}"),
        ("rules.remove_exception", f"rule_exceptions/{kept.id}"),
        ("rules.remove", "rules/bad"),
    ]
