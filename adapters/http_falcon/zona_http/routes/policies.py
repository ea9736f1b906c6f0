"""Policies: what becomes of what rules find."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.policies import Policy, PolicyDefinition
from zona_core.persistence.repository import Listing
from zona_core.usecases._policy_explaining import Explanation
from zona_http.operation import Answer, Call, Operation, Problem

from ._alerts import POLICY, POLICY_DEFINITION, PolicyBody
from ._common import Id, OptionalTenant, PageOfTenant
from ._definitions import defined
from ._doors import made

__all__ = ["OPERATIONS"]


@define(frozen=True, kw_only=True)
class PolicyId(OptionalTenant):
    """Which policy."""

    policy_id: Id


@define(frozen=True, kw_only=True)
class RuleAndSource(OptionalTenant):
    """Of which rule, in events of which source."""

    rule_id: Annotated[str, Meta(min_length=1, max_length=200, description="its id, or its name if it has none")]
    source: Annotated[str, Meta(max_length=100, description="the stream that events come by")] = ""


def list_policies(call: Call) -> Listing[Policy]:
    return call.workspace.policies.list(after=call.params.after, limit=call.params.limit)


def get_policy(call: Call) -> Policy:
    return call.workspace.policies.get(call.params.policy_id)


def create_policy(call: Call) -> Answer:
    policy = call.workspace.policies.save(defined(call.body, PolicyDefinition), revision=0)
    return made(call, policy, str(policy.id))


def replace_policy(call: Call) -> Policy:
    definition, policy_id = defined(call.body, PolicyDefinition), call.params.policy_id
    return call.workspace.policies.save(definition, policy_id=policy_id, revision=call.revision)


def check_policy(call: Call) -> None:
    call.workspace.policies.check(defined(call.body, PolicyDefinition))


def remove_policy(call: Call) -> None:
    call.workspace.policies.remove(call.params.policy_id, revision=call.revision)


def explain_rule(call: Call) -> Explanation:
    asked: RuleAndSource = call.params
    return call.workspace.policies.explain(asked.rule_id, source=asked.source)


_EXPLANATION: Final = {
    "rule": "ca2092a1-c273-4878-9b4b-0d60115bf5ea", "title": "Encoded PowerShell", "level": "high",
    "source": "windows", "problem": "", "policy": POLICY,
    "policies": [{"id": 2, "title": "Grave ones", "order": 10, "counts": True, "reason": "it counts"}],
    "alerts": True, "severity": "high", "told_at_once": ["SOC"], "later_steps": 1, "makes_case": True,
    "playbooks": ["Isolate a host"], "case_playbooks": [], "silences": [],
}  # fmt: skip
_ONE: Final = "/api/v1/policies/{policy_id}"
_POLICIES: Final[dict[str, Any]] = {"tag": "policies"}
_RIGHTS: Final = (
    "Whoever keeps one needs `playbooks:run` on each playbook that it names; these run in their name from then on."
)
_TAKEN: Final = (Problem(status=409, codes=("duplicate",)), Problem(status=422, codes=("invalid_input",)))

OPERATIONS = (
    Operation(
        **_POLICIES, method="GET", path="/api/v1/policies", id="list_policies",
        summary="Policies in the order in which they are looked at", handler=list_policies, use_case="policies.list",
        params=PageOfTenant, result=list[Policy], answer_example=[POLICY],
    ),
    Operation(
        **_POLICIES, method="POST", path="/api/v1/policies", id="create_policy", summary="Make a policy",
        description=_RIGHTS, handler=create_policy, use_case="policies.save", params=OptionalTenant, body=PolicyBody,
        result=Policy, status=201, example=POLICY_DEFINITION, answer_example=POLICY, problems=_TAKEN,
    ),
    Operation(
        **_POLICIES, method="GET", path="/api/v1/policies/explanation", id="explain_rule",
        summary="Which policy counts for a rule, and what it makes of its hits",
        description="For hits in events of a source; with each policy why it does or does not count.",
        handler=explain_rule, use_case="policies.explain", params=RuleAndSource, result=Explanation,
        answer_example=_EXPLANATION, problems=(Problem(status=404, codes=("not_found",)),),
    ),
    Operation(
        **_POLICIES, method="POST", path="/api/v1/policies/check", id="check_policy",
        summary="Check a policy without keeping it",
        description="204 if it could be kept; otherwise every fault, as keeping it would tell.", handler=check_policy,
        use_case="policies.check", params=OptionalTenant, body=PolicyBody, status=204, example=POLICY_DEFINITION,
        problems=(Problem(status=422, codes=("invalid_input",)),),
    ),
    Operation(
        **_POLICIES, method="GET", path=_ONE, id="get_policy", summary="One policy", handler=get_policy,
        use_case="policies.get", params=PolicyId, result=Policy, answer_example=POLICY,
    ),
    Operation(
        **_POLICIES, method="PUT", path=_ONE, id="replace_policy", summary="Replace a policy",
        description=f"Alerts that are there go on with its steps as they are then. {_RIGHTS}", handler=replace_policy,
        use_case="policies.save", params=PolicyId, body=PolicyBody, result=Policy, locks=True,
        example=POLICY_DEFINITION, answer_example={**POLICY, "revision": 2}, problems=_TAKEN,
    ),
    Operation(
        **_POLICIES, method="DELETE", path=_ONE, id="remove_policy", summary="Delete a policy",
        description="Its alerts escalate no further.", handler=remove_policy, use_case="policies.remove",
        params=PolicyId, status=204, conditional=True,
    ),
)  # fmt: skip
