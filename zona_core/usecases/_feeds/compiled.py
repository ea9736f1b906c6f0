"""A feed's expressions, compiled, and the names that they see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import define

from zona_core.domain.events import read_time
from zona_core.domain.feeds import Feed, FeedDefinition, FeedKind, FeedState
from zona_core.domain.secrets import Secret
from zona_core.errors import ExpressionFailed, Fault, InvalidInput, UnmappableEvent
from zona_core.ports.expressions import Compiled, Expressions
from zona_core.usecases._intake.item_cases import CompiledItemCase, compiled_item_case
from zona_core.usecases._intake.mapping import Stream

__all__ = ["CompiledFeed", "Moments", "compiled_feed", "stream_of"]

#: what inputs may look at
_SCOPE: Final = frozenset({"cursor", "since", "until", "now", "epoch", "epoch_ms", "page", "offset"})
_OF_PAGES: Final = frozenset({("page",), ("offset",)})


@define(frozen=True, kw_only=True)
class Moments:
    """The times of a page."""

    since: datetime
    until: datetime
    now: datetime

    def scope(self) -> dict[str, Any]:
        """As texts and as numbers."""
        each = {"since": self.since, "until": self.until, "now": self.now}
        return {
            **{name: _text(at) for name, at in each.items()},
            "epoch": {name: int(at.timestamp()) for name, at in each.items()},
            "epoch_ms": {name: round(at.timestamp() * 1_000) for name, at in each.items()},
        }


@define(frozen=True, kw_only=True)
class CompiledFeed:
    """See the module. What it gives raises ``ExpressionFailed``."""

    inputs: Compiled
    secrets: Mapping[str, Secret]
    events: Compiled | None
    cursor: Compiled | None
    more: Compiled | None
    time: Compiled | None
    filter: Compiled | None
    case: CompiledItemCase | None

    @property
    def by_number(self) -> bool:
        """Whether the inputs say which page is wanted by its number or by how many events came before."""
        return bool(self.inputs.references & _OF_PAGES)

    def inputs_of(self, state: FeedState, moments: Moments) -> dict[str, Any]:
        """What the task is given."""
        return {**self.inputs.value(_scope(state, moments)), **self.secrets}

    def events_of(self, outputs: Mapping[str, Any], state: FeedState, moments: Moments) -> list[Any]:
        """The events among the task's outputs, as the filter has not seen them."""
        assert self.events is not None
        events: list[Any] = self.events.value({**_scope(state, moments), "outputs": outputs})
        return events

    def cursor_of(self, outputs: Mapping[str, Any], state: FeedState, moments: Moments) -> Any:
        """The cursor to go on with; None if there is none."""
        if self.cursor is None:
            return None
        cursor = self.cursor.value({**_scope(state, moments), "outputs": outputs})
        return None if cursor in ("", [], {}, False) else cursor

    def more_of(self, outputs: Mapping[str, Any], state: FeedState, moments: Moments) -> bool | None:
        """Whether there is another page, as far as the feed has an expression for that."""
        return None if self.more is None else bool(self.more.value({**_scope(state, moments), "outputs": outputs}))

    def takes(self, event: Any) -> bool:
        """Whether the filter lets an event pass."""
        return self.filter is None or bool(self.filter.value({"event": event}))

    def latest(self, events: Iterable[Any], until: datetime) -> datetime | None:
        """The latest time among events, of those that can be read and are not later than ``until``.

        A clock that goes wrong somewhere must not make polls skip what the others tell.
        """
        times = [] if self.time is None else [self._time_of(event, self.time) for event in events]
        return max((at for at in times if at is not None and at <= until), default=None)

    @staticmethod
    def _time_of(event: Any, time: Compiled) -> datetime | None:
        try:
            return read_time(time.value({"event": event}), "time")
        except (ExpressionFailed, UnmappableEvent):
            return None


def compiled_feed(expressions: Expressions, feed: FeedDefinition | Feed) -> CompiledFeed:
    """The feed's expressions; raises ``InvalidInput`` with every fault."""
    faults: list[Fault] = []
    secrets = {name: value for name, value in feed.inputs.items() if isinstance(value, Secret)}
    plain = {name: value for name, value in feed.inputs.items() if name not in secrets}

    def made(path: str, compile_: Callable[[Any], Compiled], source: Any, seen: frozenset[str]) -> Compiled | None:
        if source == "":
            return None
        try:
            compiled = compile_(source)
        except InvalidInput as exc:
            faults.extend(fault.under(path) for fault in exc.faults)
            return None
        strange = sorted({root[0] for root in compiled.references if root} - seen)
        expected = ", ".join(sorted(seen))
        faults.extend(Fault(path, f"{name} is nothing that it sees", expected) for name in strange)
        return compiled

    def one(source: Any) -> Compiled:
        return expressions.value(source if "{{" in source else f"{{{{ {source} }}}}")

    answer, event = _SCOPE | {"outputs"}, frozenset({"event"})
    inputs = made("inputs", expressions.value, plain, _SCOPE)
    of_poll = feed.kind is FeedKind.POLL
    found = CompiledFeed(
        inputs=inputs or expressions.value({}),
        secrets=secrets,
        events=made("events", expressions.items, feed.events, answer) if of_poll else None,
        cursor=made("cursor", one, feed.cursor, answer),
        more=made("more", expressions.condition, feed.more, answer),
        time=made("time", one, feed.time, event),
        filter=made("filter", expressions.condition, feed.filter, event),
        case=_case(expressions, feed, faults),
    )
    if faults:
        raise InvalidInput.of(faults, f"The feed {feed.title!r}")
    return found


def _case(expressions: Expressions, feed: FeedDefinition, faults: list[Fault]) -> CompiledItemCase | None:
    if feed.case is None:
        return None
    try:
        return compiled_item_case(expressions, feed.case)
    except InvalidInput as exc:
        faults.extend(fault.under("case") for fault in exc.faults)
        return None


def stream_of(feed: Feed, compiled: CompiledFeed) -> Stream:
    """By what the feed's events come, and what becomes of them."""
    return Stream(
        source=feed.source,
        instance_id=feed.instance_id,
        mapper=feed.mapper,
        options=feed.mapper_options,
        case=compiled.case,
        author=feed.user_id,
    )


def _scope(state: FeedState, moments: Moments) -> dict[str, Any]:
    cursor = None if state.cursor == "" else state.cursor
    return {**moments.scope(), "cursor": cursor, "page": state.page + 1, "offset": state.offset}


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
