"""What the fleet writes and what happens to it: as a list, or told while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar

from attrs import define
from msgspec import Meta

from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.doors import System
from zona_core.ports.engines import EngineEvent, LogLine
from zona_http._streams import EVENT_STREAM, Event
from zona_http.operation import Answer, Call, Operation, Problem

from ._fleet import AT, DeploymentView, ServiceName, WhichFleet
from .fleet import WhichDeployment

__all__ = ["OPERATIONS"]

T = TypeVar("T", LogLine, EngineEvent)

#: lines or events in one answer
_MOST: Final = 5_000
#: seconds between two looks
_PACE: Final = 0.5
#: seconds that clocks of hosts may disagree: what is this much older than the newest is still waited for
_OVERLAP: Final = timedelta(seconds=3)
#: ``Last-Event-ID`` of a client that has been told all there was to tell
_LAST: Final = "end"


@define(frozen=True, kw_only=True)
class WhichLines(WhichFleet):
    """Which lines."""

    service: Annotated[ServiceName, Meta(description="of this service only")] | None = None
    tail: Annotated[int, Meta(ge=0, le=1_000, description="the last ones of each replica")] = 100
    since: Annotated[datetime, Meta(tz=True, description="none before this time")] | None = None


@define(frozen=True, kw_only=True)
class WhichEvents(WhichFleet):
    """Which events."""

    since: Annotated[datetime, Meta(tz=True, description="by default those from now on")] | None = None


def read_logs(call: Call) -> Answer:
    lines = list(_first(_lines(call.system, call.params), _MOST + 1))
    return Answer(data=lines[:_MOST], meta={"more": len(lines) > _MOST})


def follow_logs(call: Call) -> Answer:
    asked: WhichLines = call.params
    _first(_lines(call.system, asked), 0)  # what is wrong with the request is told as its answer

    def look(system: System, since: datetime | None) -> Iterable[LogLine]:
        return _lines(system, asked, since)

    return call.streams.answer(call, _Followed("line", look, _line_key))


def follow_events(call: Call) -> Answer:
    asked: WhichEvents = call.params
    began = asked.since or datetime.now(UTC)

    def look(system: System, since: datetime | None) -> Iterable[EngineEvent]:
        return system.fleet.events(fleet=asked.fleet, since=since or began, follow=False)

    _first(look(call.system, None), 0)
    return call.streams.answer(call, _Followed("event", look, _event_key))


def follow_deployment(call: Call) -> Answer:
    asked: WhichDeployment = call.params
    found = call.system.fleet.show(asked.deployment, fleet=asked.fleet)
    last = call.request.get_header("Last-Event-ID") or ""
    if found.status is not DeploymentStatus.RUNNING and last == _LAST:
        return Answer(status=204)  # HTML standard §9.2.3: the client does not come back
    return call.streams.answer(call, _Deployment(found.id, last))


class _Followed(Generic[T]):
    """What an engine tells, asked for again and again from a little before the newest that was told.

    NOTE: clocks of hosts disagree, so that a line may come after one that is younger; what was told is not told again.
    """

    def __init__(
        self, name: str, look: Callable[[System, datetime | None], Iterable[T]], key: Callable[[T], Hashable]
    ) -> None:
        self._name = name
        self._look: Callable[[System, datetime | None], Iterable[T]] = look
        self._key: Callable[[T], Hashable] = key
        self._newest: datetime | None = None
        #: what was told of the last few seconds
        self._told: dict[Hashable, datetime] = {}
        self.ended = False

    def news(self, door: System, seconds: float) -> Iterator[Event]:
        """See ``Source.news``."""
        for found in _looked(lambda: self._new(door), seconds):
            yield Event(name=self._name, data=found)

    def _new(self, system: System) -> list[T]:
        since = None if self._newest is None else self._newest - _OVERLAP
        found = []
        for each in _first(self._look(system, since), _MOST):
            key = self._key(each)
            if key not in self._told:
                found.append(each)
                if each.time is not None:
                    self._told[key] = each.time
                    self._newest = max(self._newest or each.time, each.time)
        if self._newest is not None:
            oldest = self._newest - 2 * _OVERLAP
            self._told = {key: at for key, at in self._told.items() if at >= oldest}
        return found


class _Deployment:
    """A deployment each time that it changes, from what comes after the revision ``last`` on."""

    def __init__(self, deployment: str, last: str) -> None:
        self._id = deployment
        self._last = last
        self.ended = False

    def news(self, door: System, seconds: float) -> Iterator[Event]:
        """See ``Source.news``."""
        for found in _looked(lambda: self._changed(door), seconds):
            if str(found.revision) != self._last:
                self._last = str(found.revision)
                yield Event(name="deployment", data=found, id=self._last)
            if found.status is not DeploymentStatus.RUNNING:
                self.ended = True
                yield Event(name="end", data={"id": found.id, "status": found.status}, id=_LAST)

    def _changed(self, system: System) -> list[DeploymentView]:
        found = DeploymentView.of(system.fleet.show(self._id))
        changed = str(found.revision) != self._last or found.status is not DeploymentStatus.RUNNING
        return [found] if changed else []


def _looked(look: Callable[[], list[Any]], seconds: float) -> list[Any]:
    """What ``look`` finds; if it is nothing, after another look, until ``seconds`` are over."""
    until = time.monotonic() + seconds
    while True:
        found = look()
        left = until - time.monotonic()
        if found or left <= 0:
            return found
        time.sleep(min(_PACE, left))


def _lines(system: System, asked: WhichLines, since: datetime | None = None) -> Iterator[LogLine]:
    services = [asked.service] if asked.service else []
    tail = asked.tail if since is None else -1
    return system.fleet.logs(services, fleet=asked.fleet, tail=tail, since=since or asked.since)


def _first(items: Iterable[T], most: int) -> list[T]:
    """The first ``most``; whatever gives them is ended."""
    found: list[T] = []
    try:
        for each in items:
            if len(found) >= most:
                break
            found.append(each)
    finally:
        if close := getattr(items, "close", None):
            close()
    return found


def _line_key(line: LogLine) -> Hashable:
    return line.service, line.replica, line.time, line.error, line.text


def _event_key(event: EngineEvent) -> Hashable:
    return event.time, event.kind, event.action, event.name


_PROBLEMS: Final = (
    Problem(status=404, codes=("no_specification",)),
    Problem(status=503, codes=("engine_unavailable",)),
)
_COMMON: Final[dict[str, Any]] = {"tag": "platform fleet", "method": "GET", "problems": _PROBLEMS}

OPERATIONS = (
    Operation(
        **_COMMON, path=f"{AT}/logs", id="fleet_logs", summary="The last lines that services wrote",
        description=f"At most {_MOST:,}, the oldest first; `meta.more` says whether there are more.",
        use_case="fleet.logs", params=WhichLines, handler=read_logs, result=list[LogLine],
        answer_example=[{
            "service": "web", "replica": "3f2a9c", "node": "host-1", "time": "2030-01-01T00:00:00Z",
            "text": "listening on 8080", "error": False,
        }],
    ),
    Operation(
        **_COMMON, path=f"{AT}/logs/stream", id="follow_fleet_logs", summary="Follow what services write",
        description="Server-sent events: `line` for each, `problem` with a code if they may not be seen any more.",
        use_case="fleet.logs", params=WhichLines, handler=follow_logs, media_type=EVENT_STREAM,
    ),
    Operation(
        **_COMMON, path=f"{AT}/events", id="follow_fleet_events", summary="Follow what happens to the fleet",
        description="Server-sent events: `event` for each thing that the engine tells (a container starts or dies, a "
        "node goes), `problem` with a code if they may not be seen any more.",
        use_case="fleet.events", params=WhichEvents, handler=follow_events, media_type=EVENT_STREAM,
    ),
    Operation(
        tag="platform fleet", method="GET", path=f"{AT}/deployments/{{deployment}}/events",
        id="deployment_events", summary="Follow a deployment",
        description="Server-sent events: `deployment` each time it changes, `end` when it has ended, `problem` with a "
        "code if it may not be seen any more. `Last-Event-ID` goes on after an event that was received; after `end` "
        "the answer is empty (204), so that an EventSource stays away.",
        use_case="fleet.show", params=WhichDeployment, handler=follow_deployment, media_type=EVENT_STREAM, also=(204,),
        problems=(Problem(status=404, codes=("not_found", "no_specification")),),
    ),
)  # fmt: skip
