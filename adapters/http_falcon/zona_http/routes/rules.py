"""Detection rules in the Sigma format, and exceptions from them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.detection import RuleKind
from zona_core.domain.rules import Rule, RuleException
from zona_core.errors import Fault, InvalidInput
from zona_core.persistence.repository import Listing
from zona_core.usecases._stored_rules import AddedRules, RuleProblem
from zona_http.operation import Call, Operation, Problem, Upload

from ._common import Id, OptionalTenant, PageOfTenant, PageSize

__all__ = ["OPERATIONS"]

Level = Literal["informational", "low", "medium", "high", "critical"]
_ID: Final = "937cda8b-f5b6-4eae-a8ef-7c4b5f3b2f3a"


@define(frozen=True, kw_only=True)
class RuleText:
    """Rules as YAML: one document, or several."""

    #: as of a file: what is told of the rules names it
    name: Annotated[str, Meta(max_length=500)]
    text: Annotated[str, Meta(max_length=1_000_000)]


@define(frozen=True, kw_only=True)
class CheckedTexts:
    """Texts with rules."""

    texts: Annotated[tuple[RuleText, ...], Meta(min_length=1, max_length=20_000)]

    def pairs(self) -> list[tuple[str, str]]:
        """Names with texts."""
        return [(each.name, each.text) for each in self.texts]


@define(frozen=True, kw_only=True)
class AddedTexts(CheckedTexts):
    """Texts with rules, and whether new ones are asked."""

    enabled: bool = True


@define(frozen=True, kw_only=True)
class RuleUpload(OptionalTenant):
    """A file of rules."""

    file: Upload
    enabled: bool = True


@define(frozen=True, kw_only=True)
class RulePage(PageOfTenant):
    """Which rules."""

    kind: RuleKind | None = None
    level: Level | None = None
    product: Annotated[str, Meta(max_length=100, description="of the log source")] = ""
    enabled: bool | None = None
    usable: bool | None = None


@define(frozen=True, kw_only=True)
class RuleSearch(OptionalTenant):
    """By which words."""

    q: Annotated[str, Meta(min_length=1, max_length=1_000, description="words, all of which", examples=["cloudtrail"])]
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class RuleId(OptionalTenant):
    """Which rule."""

    rule_id: Annotated[str, Meta(min_length=1, max_length=200, description="its id, or name", examples=[_ID])]


@define(frozen=True, kw_only=True)
class ExceptionBody:
    """Events that some rules are not to find."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Annotated[str, Meta(max_length=1_000_000, description="a Sigma filter as YAML")]
    reason: Annotated[str, Meta(max_length=10_000)] = ""
    until: Annotated[datetime, Meta(tz=True, description="the first moment at which it holds no more")] | None = None


@define(frozen=True, kw_only=True)
class ExceptionId(OptionalTenant):
    """Which exception."""

    exception_id: Id


def add_rules(call: Call) -> AddedRules:
    asked: AddedTexts = call.body
    return call.workspace.rules.add(asked.pairs(), enabled=asked.enabled)


def upload_rules(call: Call) -> AddedRules:
    asked: RuleUpload = call.body
    try:
        text = asked.file.data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput.of([Fault("file", f"is not UTF-8 (byte {exc.start})", "YAML")], "The body") from exc
    return call.workspace.rules.add([(asked.file.filename, text)], enabled=asked.enabled)


def check_rules(call: Call) -> list[RuleProblem]:
    return list(call.workspace.rules.check(call.body.pairs()))


def list_rules(call: Call) -> Listing[Rule]:
    asked: RulePage = call.params
    return call.workspace.rules.list(
        kind=asked.kind, level=asked.level or "", product=asked.product, enabled=asked.enabled, usable=asked.usable,
        after=asked.after, limit=asked.limit,
    )  # fmt: skip


def search_rules(call: Call) -> list[Rule]:
    return list(call.workspace.rules.search(call.params.q, limit=call.params.limit))


def get_rule(call: Call) -> Rule:
    return call.workspace.rules.get(call.params.rule_id)


def enable_rule(call: Call) -> Rule:
    return call.workspace.rules.enable(call.params.rule_id, revision=call.revision)


def disable_rule(call: Call) -> Rule:
    return call.workspace.rules.disable(call.params.rule_id, revision=call.revision)


def remove_rule(call: Call) -> None:
    call.workspace.rules.remove(call.params.rule_id, revision=call.revision)


def list_exceptions(call: Call) -> Listing[RuleException]:
    return call.workspace.rules.exceptions(after=call.params.after, limit=call.params.limit)


def add_exception(call: Call) -> RuleException:
    asked: ExceptionBody = call.body
    return call.workspace.rules.add_exception(asked.text, title=asked.title, reason=asked.reason, until=asked.until)


def remove_exception(call: Call) -> None:
    call.workspace.rules.remove_exception(call.params.exception_id)


_TEXT: Final = f"""\
title: CloudTrail stopped
id: {_ID}
logsource: {{product: aws, service: cloudtrail}}
detection: {{selection: {{eventName: StopLogging}}, condition: selection}}
level: high
"""
_FILTER: Final = f"""\
title: Terraform may
logsource: {{product: aws, service: cloudtrail}}
filter: {{rules: [{_ID}], selection: {{userAgent|contains: Terraform}}, condition: not selection}}
"""
_DEFINITION: Final[dict[str, Any]] = {
    "key": _ID, "kind": "rule", "title": "CloudTrail stopped", "id": _ID, "name": "", "level": "high", "status": "",
    "description": "", "author": "", "date": "", "modified": "", "tags": [], "references": [], "false_positives": [],
    "fields": [], "logsource": {"category": "", "product": "aws", "service": "cloudtrail"}, "origin": "stopped.yml",
    "placeholders": [], "targets": [], "correlation": None, "logic": None, "unusable": None, "warnings": [],
}  # fmt: skip
_RULE: Final[dict[str, Any]] = {
    "id": _ID, "title": "CloudTrail stopped", "kind": "rule", "level": "high", "product": "aws", "category": "",
    "service": "cloudtrail", "enabled": True, "usable": True, "digest": "2c26b46b68ffc68ff99b453c1d304134",
    "definition": _DEFINITION, "text": _TEXT, "user_id": "admin", "created_ts": "2030-01-31T08:00:00Z",
    "updated_ts": "2030-01-31T08:00:00Z", "revision": 1,
}  # fmt: skip
_EXCEPTION: Final = {
    "id": 4, "title": "Terraform", "reason": "the roll-out of April", "rules": [_ID], "text": _FILTER,
    "definition": {**_DEFINITION, "kind": "filter", "title": "Terraform may", "targets": [_ID]},
    "until": "2030-05-01T00:00:00Z", "user_id": "admin", "created_ts": "2030-01-31T08:00:00Z", "revision": 1,
}  # fmt: skip
_PROBLEM: Final = {
    "rule": _ID, "title": "CloudTrail stopped", "origin": "stopped.yml", "code": "invalid_condition",
    "message": "the condition names 'selektion', which is not there", "path": "detection.condition", "fatal": True,
}  # fmt: skip
_ADDED: Final = {"added": 1, "updated": 0, "unchanged": 0, "unusable": [{**_PROBLEM, "title": "Another"}]}
_BODY: Final = {"texts": [{"name": "stopped.yml", "text": _TEXT}]}

_RULES: Final[dict[str, Any]] = {"tag": "rules"}
_ONE: Final = "/api/v1/rules/{rule_id}"
_REPLACED: Final = (
    "One with the id of a rule that is there takes its place, and is asked or not as that was. Rules that cannot be "
    "used are kept all the same, and told in `unusable`. All or nothing: the answer is 200 with what was done."
)
_NONE: Final = (Problem(status=422, codes=("invalid_input", "no_rules")),)
_UNFIT: Final = (Problem(status=422, codes=("invalid_input",)),)
_SEARCHED: Final = (Problem(status=422, codes=("invalid_input", "invalid_query")),)

OPERATIONS = (
    Operation(
        **_RULES, method="POST", path="/api/v1/rules", id="add_rules", summary="Take rules in", description=_REPLACED,
        handler=add_rules, use_case="rules.add", params=OptionalTenant, body=AddedTexts, result=AddedRules,
        example={**_BODY, "enabled": True}, answer_example=_ADDED, problems=_NONE,
    ),
    Operation(
        **_RULES, method="POST", path="/api/v1/rules/upload", id="upload_rules", summary="Take a file of rules in",
        description=f"YAML, one document or several; the whole body has `max_upload` bytes at most. {_REPLACED}",
        handler=upload_rules, use_case="rules.add", body=RuleUpload, multipart=True, result=AddedRules,
        example={"file": _TEXT, "enabled": True}, answer_example=_ADDED, problems=_NONE,
    ),
    Operation(
        **_RULES, method="POST", path="/api/v1/rules/check", id="check_rules", summary="What is wrong with rules",
        description="Why they could not be used (`fatal`), and what else is not as it should be. Nothing is stored.",
        handler=check_rules, use_case="rules.check", params=OptionalTenant, body=CheckedTexts,
        result=list[RuleProblem], example=_BODY, answer_example=[_PROBLEM], problems=_NONE,
    ),
    Operation(
        **_RULES, method="GET", path="/api/v1/rules", id="list_rules", summary="Rules by title", handler=list_rules,
        use_case="rules.list", params=RulePage, result=list[Rule], answer_example=[_RULE],
    ),
    Operation(
        **_RULES, method="GET", path="/api/v1/rules/search", id="search_rules",
        summary="Rules by words, the most relevant first",
        description="Those that have every word of `q` in title, tags or description.", handler=search_rules,
        use_case="rules.search", params=RuleSearch, result=list[Rule], answer_example=[_RULE], problems=_SEARCHED,
    ),
    Operation(
        **_RULES, method="GET", path=_ONE, id="get_rule", summary="One rule", handler=get_rule, use_case="rules.get",
        params=RuleId, result=Rule, answer_example=_RULE,
    ),
    Operation(
        **_RULES, method="POST", path=f"{_ONE}/enable", id="enable_rule", summary="Have a rule asked",
        handler=enable_rule, use_case="rules.enable", params=RuleId, result=Rule, conditional=True,
        answer_example=_RULE,
    ),
    Operation(
        **_RULES, method="POST", path=f"{_ONE}/disable", id="disable_rule", summary="Have a rule asked no more",
        handler=disable_rule, use_case="rules.disable", params=RuleId, result=Rule, conditional=True,
        answer_example={**_RULE, "enabled": False, "revision": 2},
    ),
    Operation(
        **_RULES, method="DELETE", path=_ONE, id="remove_rule", summary="Delete a rule",
        description="What it has found stays.", handler=remove_rule, use_case="rules.remove", params=RuleId,
        status=204, conditional=True,
    ),
    Operation(
        **_RULES, method="GET", path="/api/v1/rule-exceptions", id="list_rule_exceptions",
        summary="Exceptions in the order in which they were made", description="Those that are over among them.",
        handler=list_exceptions, use_case="rules.exceptions", params=PageOfTenant, result=list[RuleException],
        answer_example=[_EXCEPTION],
    ),
    Operation(
        **_RULES, method="POST", path="/api/v1/rule-exceptions", id="add_rule_exception",
        summary="Have rules not find some events",
        description="`text` is a Sigma filter; its condition is joined to that of the rules by *and*. It holds at "
        "once, until `until` or until it is deleted.",
        handler=add_exception, use_case="rules.add_exception", params=OptionalTenant, body=ExceptionBody,
        result=RuleException, status=201, answer_example=_EXCEPTION, problems=_UNFIT,
        example={
            "title": "Terraform", "text": _FILTER, "reason": "the roll-out of April", "until": "2999-05-01T00:00:00Z",
        },
    ),
    Operation(
        **_RULES, method="DELETE", path="/api/v1/rule-exceptions/{exception_id}", id="remove_rule_exception",
        summary="End an exception", handler=remove_exception, use_case="rules.remove_exception", params=ExceptionId,
        status=204,
    ),
)  # fmt: skip
