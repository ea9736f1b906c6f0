"""Policies: what may be kept, which one counts, and what is told of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core import (
    Actor,
    Conflict,
    DuplicateKey,
    Field,
    FieldKind,
    InvalidDocument,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RevisionConflict,
    Zona,
)
from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.policies import CaseOption, EscalationStep, PlaybookCall, PolicyDefinition
from zona_core.domain.silences import SilenceDefinition

ISOLATE = PlaybookDefinition(
    title="Isolate",
    inputs=(Field(name="host", required=True), Field(name="alert", kind=FieldKind.JSON)),
    steps=(Step(name="note", set={"host": "{{ inputs.host }}"}),),
)


def test_policies_are_kept_in_order_changed_and_removed(zona: Zona, policy: Callable[..., Any]) -> None:
    """By title or id, with their revisions; each change is audited."""
    work = zona.tenant().policies
    first = work.save(policy(title="Second", order=20))
    work.save(policy(title="First", order=10))
    work.save(policy(title="Third", order=20))
    assert [each.title for each in work.list().items] == ["First", "Second", "Third"]
    page = work.list(limit=2)
    assert [each.title for each in work.list(after=page.next).items] == ["Third"]
    changed = work.save(policy(title="Second", order=30, description="x"), revision=first.revision)
    assert (work.get("Second"), work.get(first.id), changed.id) == (changed, changed, first.id)
    renamed = work.save(policy(title="Last", order=30), policy_id=first.id)
    with pytest.raises(RevisionConflict):
        work.save(policy(title="Last"), revision=1)
    for taken in (
        lambda: work.save(policy(title="First"), policy_id=first.id),
        lambda: work.save(policy(title="First"), revision=0),
    ):
        with pytest.raises(DuplicateKey):
            taken()
    work.remove("Last", revision=renamed.revision)
    for gone in (lambda: work.get("Last"), lambda: work.save(policy(), policy_id=first.id), lambda: work.get("x")):
        with pytest.raises(NotFound):
            gone()
    actions = [each.action for each in zona.tenant().audit.search(target=f"policies/{first.id}").items]
    assert actions == ["policies.remove", "policies.update", "policies.update", "policies.add"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"title": ""}, "title"),
        ({"levels": ("worst",)}, "levels[0]"),
        ({"group_by": ("hostname",)}, "group_by[0]"),
        ({"window": 0}, "window"),
        ({"escalation": (EscalationStep(channels=("A", "none")),)}, "escalation[0].channels[1]"),
        ({"escalation": (EscalationStep(),)}, "escalation[0]"),
        ({"escalation": (EscalationStep(after=9, severity="low"), EscalationStep(after=3, severity="low"))},
         "escalation[1].after"),
        ({"playbooks": (PlaybookCall(playbook="none"),)}, "playbooks[0].playbook"),
        ({"playbooks": (PlaybookCall(playbook="Draft"),)}, "playbooks[0].playbook"),
        ({"playbooks": (PlaybookCall(playbook="Isolate"),)}, "playbooks[0].inputs.host"),
        ({"playbooks": (PlaybookCall(playbook="Isolate", inputs={"host": "x", "ip": "y"}),)}, "playbooks[0].inputs.ip"),
        ({"playbooks": (PlaybookCall(playbook="Isolate", inputs={"host": "{{ event. }}"}),)},
         "playbooks[0].inputs.host"),
        ({"playbooks": (PlaybookCall(playbook="Isolate", inputs={"host": "{{ case.title }}"}),)},
         "playbooks[0].inputs"),
        ({"playbooks": (PlaybookCall(playbook="Isolate", inputs={"host": "x"}, when="alert.count >"),)},
         "playbooks[0].when"),
        ({"case": CaseOption(playbooks=(PlaybookCall(playbook="none"),))}, "case.playbooks[0].playbook"),
        ({"case": CaseOption(on_change=(PlaybookCall(playbook="Isolate", inputs={"host": "{{ alert.id }}"}),))},
         "case.on_change[0].inputs"),
        ({"case": CaseOption(title="{{ alert.title")}, "case.title"),
        ({"case": CaseOption(title="{{ host }}")}, "case.title"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(zona: Zona, policy: Any, given: dict[str, Any], path: str) -> None:
    """Before anything is kept, with the place of the fault; ``check`` tells the same."""
    work = zona.tenant()
    work.playbooks.save(ISOLATE)
    work.playbooks.save(PlaybookDefinition(title="Draft", steps=(Step(name="a"),), status=AppStatus.DRAFT))
    for attempt in (work.policies.save, work.policies.check):
        with pytest.raises(InvalidInput) as caught:
            attempt(policy(**given))
        assert path in [fault.path for fault in caught.value.faults]
    assert work.policies.list().items == []


def test_whoever_keeps_a_policy_may_run_its_playbooks(zona: Zona, policy: Any, hit: Any) -> None:
    """And is named as who runs them; what they are given is made of what was found."""
    work = zona.tenant()
    work.playbooks.save(ISOLATE)
    call = PlaybookCall(playbook="Isolate", inputs={"host": "{{ event.host }}"}, when="alert.severity == 'high'")
    definition = policy(playbooks=(call,), case=CaseOption(title="{{ rule.title }} by {{ alert.entity }}"))
    rights = frozenset({"policies:write", "playbooks:read"})
    with pytest.raises(PermissionDenied):
        zona.tenant(actor=Actor(name="eve", permissions=rights)).policies.save(definition)
    ann = Actor(name="ann", permissions=rights | {"playbooks:run"})
    assert zona.tenant(actor=ann).policies.save(definition).user_id == "ann"
    [alert] = hit(work)
    [run_id] = alert.runs
    run = work.runs.get(run_id)
    assert (run.actor, run.trigger, run.inputs["host"]) == ("ann", "alerts/1", "ws-1")


def test_explain_tells_which_policy_counts_and_why(zona: Zona, policy: Any) -> None:
    """With each policy why it does or does not, and what would be made of a hit."""
    work = zona.tenant()
    work.policies.save(policy(title="Off", order=1, enabled=False))
    work.policies.save(policy(title="Low", order=2, levels=("low",)))
    work.policies.save(policy(title="Cloud", order=3, sources=("cloudtrail",)))
    work.policies.save(policy(title="Tagged", order=4, tags=("attack.t1059",)))
    steps = (EscalationStep(channels=("A",)), EscalationStep(after=60, channels=("B",)))
    work.policies.save(policy(title="Mine", order=5, rules=("failed-logon",), severity="critical", escalation=steps))
    work.policies.save(policy(title="Rest", order=6))
    work.silences.save(SilenceDefinition(title="Quiet", rules=("failed-logon",)))
    work.silences.save(SilenceDefinition(title="Other", rules=("log-cleared",)))
    told = work.policies.explain("failed-logon", source="win")
    assert (told.policy.title, told.severity, told.alerts, told.makes_case) == ("Mine", "critical", True, False)
    assert (told.told_at_once, told.later_steps, told.silences, told.problem) == (("A",), 1, ("Quiet",), "")
    assert {each.title: (each.counts, each.reason) for each in told.policies} == {
        "Off": (False, "it is switched off"),
        "Low": (False, "it is for other levels than high"),
        "Cloud": (False, "it is for other sources than win"),
        "Tagged": (False, "it is for other tags"),
        "Mine": (True, "it counts"),
        "Rest": (False, "Mine comes before it"),
    }
    assert work.policies.explain("log-cleared", source="cloudtrail").policy.title == "Cloud"
    with pytest.raises(NotFound):
        work.policies.explain("none")


def test_explain_tells_what_keeps_a_rule_from_anything(zona: Zona) -> None:
    """A rule that is switched off; without a policy the default counts."""
    work = zona.tenant()
    work.rules.disable("failed-logon")
    told = work.policies.explain("failed-logon")
    assert (told.problem, told.policy.id, told.policies) == ("the rule is switched off", 0, ())
    assert (told.makes_case, told.told_at_once) == (True, ())


def test_a_policy_is_read_from_a_document(zona: Zona) -> None:
    """YAML or JSON, strictly."""
    work = zona.tenant().policies
    read = work.read_document(b"title: Grave\nescalation:\n- {channels: [A], after: 60}\ncase: {tasks: [Ask]}\n")
    assert read == PolicyDefinition(
        title="Grave", escalation=(EscalationStep(channels=("A",), after=60),), case=CaseOption(tasks=("Ask",))
    )
    with pytest.raises(InvalidDocument) as caught:
        work.read_document(b'{"title": "Grave", "case": {"severty": "low"}, "order": "high"}')
    assert {fault.path for fault in caught.value.faults} == {"case.severty", "order"}
    with pytest.raises(NotFound):
        work.read_document(b"{}", format="openapi")


def test_changes_count_for_what_comes_after(zona: Zona, policy: Any, hit: Any) -> None:
    """Without a restart: policies, silences and their removal."""
    work = zona.tenant()
    assert hit(work, 1)[-1].severity == "high"
    work.policies.save(policy(severity="low"))
    assert hit(work, 2)[-1].severity == "low"
    work.policies.remove("Mine")
    assert hit(work, 3, host="ws-2")[-1].severity == "high"


def test_a_named_channel_stays(zona: Zona, policy: Any) -> None:
    """It is neither removed nor renamed while a policy names it."""
    work = zona.tenant()
    work.policies.save(policy(escalation=(EscalationStep(channels=("A",)),)))
    for attempt in (
        lambda: work.channels.remove("A"),
        lambda: work.channels.save("C", notifier="post", options={"box": "A"}, channel_id=1),
    ):
        with pytest.raises(Conflict) as caught:
            attempt()
        assert (caught.value.code, caught.value.details["policies"]) == ("channel_in_use", ["Mine"])
    work.policies.remove("Mine")
    assert work.channels.save("C", notifier="post", options={"box": "A"}, channel_id=1).title == "C"
    work.channels.remove("C")
