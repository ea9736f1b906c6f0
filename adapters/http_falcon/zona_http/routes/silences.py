"""Silences: alerts of which nobody is told, for good or while a maintenance window is open."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.silences import Silence, SilenceDefinition
from zona_core.persistence.repository import Listing
from zona_http.operation import Answer, Call, Operation, Problem

from ._alerts import Severity
from ._common import Id, OptionalTenant, PageOfTenant, Title
from ._definitions import defined
from ._doors import made

__all__ = ["OPERATIONS"]

Moment = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(max_length=256)]


@define(frozen=True, kw_only=True)
class SilenceBody(SilenceDefinition):
    """Which alerts nobody is told of, and when."""

    title: Title
    reason: Annotated[str, Meta(max_length=10_000)] = ""
    rules: Annotated[
        tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=1_000, description="ids; none: all rules")
    ] = ()
    group: Annotated[
        dict[Text, Text],
        Meta(max_length=10, description="values of the alerts' groups", examples=[{"entity": "host:ws-7"}]),
    ] = Factory(dict)
    most_severity: Annotated[Severity, Meta(description="only alerts up to this severity; empty: all")] = ""
    starts_at: Annotated[Moment, Meta(description="the first moment at which it holds")] | None = None
    ends_at: Annotated[Moment, Meta(description="the first moment at which it holds no more")] | None = None
    cron: Annotated[str, Meta(max_length=200, description="when a window opens", examples=["0 22 * * SUN"])] = ""
    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])] = "UTC"
    duration: Annotated[float, Meta(ge=1, le=366 * 86_400, description="seconds that a window is open")] = 3_600.0


@define(frozen=True, kw_only=True)
class SilencePage(PageOfTenant):
    """Which silences."""

    active: Annotated[bool, Meta(description="only those in force now: a page may have fewer than `limit`")] = False


@define(frozen=True, kw_only=True)
class SilenceId(OptionalTenant):
    """Which silence."""

    silence_id: Id


def list_silences(call: Call) -> Listing[Silence]:
    asked: SilencePage = call.params
    return call.workspace.silences.list(active=asked.active, after=asked.after, limit=asked.limit)


def get_silence(call: Call) -> Silence:
    return call.workspace.silences.get(call.params.silence_id)


def create_silence(call: Call) -> Answer:
    silence = call.workspace.silences.save(defined(call.body, SilenceDefinition), revision=0)
    return made(call, silence, str(silence.id))


def replace_silence(call: Call) -> Silence:
    definition, silence_id = defined(call.body, SilenceDefinition), call.params.silence_id
    return call.workspace.silences.save(definition, silence_id=silence_id, revision=call.revision)


def end_silence(call: Call) -> Silence:
    return call.workspace.silences.end(call.params.silence_id, revision=call.revision)


def remove_silence(call: Call) -> None:
    call.workspace.silences.remove(call.params.silence_id, revision=call.revision)


_DEFINITION: Final[dict[str, Any]] = {
    "title": "Sunday updates", "reason": "Servers restart.", "rules": [], "group": {"entity": "host:ws-7"},
    "most_severity": "high", "starts_at": None, "ends_at": "2031-01-01T00:00:00Z", "cron": "0 22 * * SUN",
    "time_zone": "Europe/Berlin", "duration": 7_200.0,
}  # fmt: skip
_SILENCE: Final = {
    **_DEFINITION, "id": 4, "user_id": "admin", "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
_ONE: Final = "/api/v1/silences/{silence_id}"
_SILENCES: Final[dict[str, Any]] = {"tag": "silences"}
_UNFIT: Final = (Problem(status=422, codes=("invalid_input",)),)

OPERATIONS = (
    Operation(
        **_SILENCES, method="GET", path="/api/v1/silences", id="list_silences",
        summary="Silences in the order in which they were made", handler=list_silences, use_case="silences.list",
        params=SilencePage, result=list[Silence], answer_example=[_SILENCE],
    ),
    Operation(
        **_SILENCES, method="POST", path="/api/v1/silences", id="create_silence", summary="Make a silence",
        description="It counts for alerts that are made after that: they are `suppressed`, and nobody is told of them. "
        "With `cron` it is a maintenance window, open for `duration` seconds from each firing.",
        handler=create_silence, use_case="silences.save", params=OptionalTenant, body=SilenceBody, result=Silence,
        status=201, example=_DEFINITION, answer_example=_SILENCE, problems=_UNFIT,
    ),
    Operation(
        **_SILENCES, method="GET", path=_ONE, id="get_silence", summary="One silence", handler=get_silence,
        use_case="silences.get", params=SilenceId, result=Silence, answer_example=_SILENCE,
    ),
    Operation(
        **_SILENCES, method="PUT", path=_ONE, id="replace_silence", summary="Replace a silence",
        handler=replace_silence, use_case="silences.save", params=SilenceId, body=SilenceBody, result=Silence,
        locks=True, example=_DEFINITION, answer_example={**_SILENCE, "revision": 2}, problems=_UNFIT,
    ),
    Operation(
        **_SILENCES, method="POST", path=f"{_ONE}/end", id="end_silence", summary="End a silence now",
        description="For good; it can be seen further on.", handler=end_silence, use_case="silences.end",
        params=SilenceId, result=Silence, conditional=True,
        answer_example={**_SILENCE, "ends_at": "2030-06-01T00:00:00Z", "revision": 2},
        problems=(Problem(status=409, codes=("silence_over",)),),
    ),
    Operation(
        **_SILENCES, method="DELETE", path=_ONE, id="remove_silence", summary="Delete a silence",
        description="Alerts that it suppressed stay so.", handler=remove_silence, use_case="silences.remove",
        params=SilenceId, status=204, conditional=True,
    ),
)  # fmt: skip
