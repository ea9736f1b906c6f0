"""Dead letters: events that could not be taken, with the reason, and another try."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.dead_letters import DeadLetter
from zona_core.persistence.repository import Listing
from zona_core.usecases._dead_letters import Replay
from zona_http.operation import Call, Operation, Problem

from ._common import OptionalTenant, PageOfTenant

__all__ = ["OPERATIONS"]

Name = Annotated[str, Meta(max_length=100)]
LetterKey = Annotated[str, Meta(min_length=1, max_length=100, examples=["1b4f0e9851971998e732078544c96b36"])]


@define(frozen=True, kw_only=True)
class LetterPage(PageOfTenant):
    """Which dead letters."""

    source: Name = ""
    code: Annotated[str, Meta(max_length=100, description="why it could not be taken")] = ""


@define(frozen=True, kw_only=True)
class LetterId(OptionalTenant):
    """Which dead letter."""

    letter_id: LetterKey


@define(frozen=True, kw_only=True)
class ReplayBody:
    """What is tried again; nothing said means all."""

    source: Name = ""
    code: Name = ""
    #: ids
    letters: Annotated[tuple[LetterKey, ...], Meta(max_length=1_000)] = ()
    #: in the place of the one that they were sent for
    mapper: Name = ""
    #: of that mapper
    options: dict[str, Any] = Factory(dict)


def list_letters(call: Call) -> Listing[DeadLetter]:
    asked: LetterPage = call.params
    return call.workspace.events.dead_letters(
        source=asked.source, code=asked.code, after=asked.after, limit=asked.limit
    )


def replay_letters(call: Call) -> Replay:
    asked: ReplayBody = call.body
    return call.workspace.events.replay(
        source=asked.source, code=asked.code, letters=asked.letters, mapper=asked.mapper, options=asked.options
    )


def drop_letter(call: Call) -> None:
    call.workspace.events.drop(call.params.letter_id)


_LETTER: Final = {
    "id": "1b4f0e9851971998e732078544c96b36", "source": "cloudtrail", "instance_id": 0, "mapper": "", "options": {},
    "code": "event_time_invalid", "message": "is missing", "path": "eventTime", "expected": "RFC 3339",
    "received_at": "2030-01-31T12:05:00Z", "attempts": 1, "raw": {"eventName": "StopLogging"}, "text": "",
    "revision": 1,
}  # fmt: skip
_DEAD: Final[dict[str, Any]] = {"tag": "events"}

OPERATIONS = (
    Operation(
        **_DEAD, method="GET", path="/api/v1/dead-letters", id="list_dead_letters",
        summary="Events that could not be taken, the latest first", handler=list_letters,
        use_case="events.dead_letters", params=LetterPage, result=list[DeadLetter], answer_example=[_LETTER],
    ),
    Operation(
        **_DEAD, method="POST", path="/api/v1/dead-letters/replay", id="replay_dead_letters",
        summary="Try dead letters again",
        description="What is taken now is gone from among them, and leads to what it would have led to: alerts, cases, "
        "playbooks. Of those that are `lost` only the beginning of a text is left.",
        handler=replay_letters, use_case="events.replay", params=OptionalTenant, body=ReplayBody, result=Replay,
        example={"source": "cloudtrail", "mapper": "cloudtrail", "options": {"time": "received"}},
        answer_example={"tried": 3, "taken": 2, "lost": 1, "alerts": [7], "cases": []},
        problems=(Problem(status=404, codes=("not_found",)),),
    ),
    Operation(
        **_DEAD, method="DELETE", path="/api/v1/dead-letters/{letter_id}", id="drop_dead_letter",
        summary="Delete a dead letter", handler=drop_letter, use_case="events.drop", params=LetterId, status=204,
    ),
)  # fmt: skip
