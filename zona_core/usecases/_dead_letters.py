"""Dead letters are tried again: those that are taken are gone from among them, the others stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define, evolve

from zona_core.domain.dead_letters import DeadLetter
from zona_core.domain.event_streams import ReadEvent
from zona_core.ports.store import Condition, In, Range
from zona_core.usecases._area import TenantContext
from zona_core.usecases._intake.batch import Batch
from zona_core.usecases._intake.intake import MOST_TOLD
from zona_core.usecases._intake.mapping import Mapped, Stream, StreamMapper

__all__ = ["Replay", "replay_letters"]

_BATCH: Final = 500


@define(frozen=True, kw_only=True)
class Replay:
    """What became of dead letters that were tried again."""

    tried: int = 0
    #: those that are events now, whether these were there already or not
    taken: int = 0
    #: those of which only the beginning of a text is left: there is nothing to try
    lost: int = 0
    alerts: tuple[int, ...] = ()
    cases: tuple[int, ...] = ()


def replay_letters(
    context: TenantContext,
    *,
    source: str,
    code: str,
    letters: tuple[str, ...],
    mapper: str,
    options: Mapping[str, Any],
) -> Replay:
    """See ``Events.replay``."""
    if mapper:
        context.parts.event_mapper(mapper, options)  # which is refused even if there is no letter
    where: dict[str, Condition] = {name: value for name, value in (("source", source), ("code", code)) if value}
    if letters:
        where["_id"] = In(letters)
    where["received_at"] = Range(lte=context.data.now())  # what becomes a dead letter meanwhile is none of these
    result, after = Replay(), None
    while True:
        page = context.data.dead_letters.find(where, sort=[("received_at", 1)], after=after, limit=_BATCH)
        for stream, group in _streams(page.items, mapper, options):
            result = _replayed(context, stream, group, result)
        after = page.next
        if after is None:
            return result


def _streams(
    letters: list[DeadLetter], mapper: str, options: Mapping[str, Any]
) -> list[tuple[Stream, list[DeadLetter]]]:
    """The letters by how they are to be read."""
    found: dict[tuple[object, ...], tuple[Stream, list[DeadLetter]]] = {}
    for letter in letters:
        name, told = (mapper, options) if mapper else (letter.mapper, letter.options)
        stream = Stream(source=letter.source, instance_id=letter.instance_id, mapper=name, options=told)
        key = (letter.source, letter.instance_id, name, repr(told))
        found.setdefault(key, (stream, []))[1].append(letter)
    return list(found.values())


def _replayed(context: TenantContext, stream: Stream, letters: list[DeadLetter], before: Replay) -> Replay:
    data = context.data
    context.admit()
    mapper = StreamMapper(context.parts, stream, data.now)
    batch = Mapped()
    for letter in letters:
        if letter.raw is None:
            continue
        mapped = mapper.mapped([ReadEvent(1, letter.raw)])
        if mapped.events:
            batch.events |= mapped.events
            batch.replayed.append(letter.id)
        else:
            data.dead_letters.modify({"_id": letter.id}, count="attempts")
    batch.received = len(batch.replayed)
    result = Batch(context, stream, mapper, batch, context.parts.detections.of(data)).store()
    return evolve(
        before,
        tried=before.tried + len(letters),
        taken=before.taken + result.received - result.dead,
        lost=before.lost + sum(1 for letter in letters if letter.raw is None),
        alerts=(*before.alerts, *result.alerts)[:MOST_TOLD],
        cases=(*before.cases, *result.cases)[:MOST_TOLD],
    )
