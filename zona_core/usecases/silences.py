"""Silences: alerts of which nobody is told for a while, or while a maintenance window is open."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from attrs import evolve, fields

from zona_core.domain.silences import Silence, SilenceDefinition, silence_faults
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._intake.detection import DETECTION

__all__ = ["Silences"]

_DESCRIBED: Final = tuple(attribute.name for attribute in fields(SilenceDefinition))
_MOMENTS: Final = ("starts_at", "ends_at")


class Silences(Area):
    """Alerts of which nobody is told. They are made all the same, in the state ``suppressed``."""

    area = "silences"
    _context: TenantContext

    @use_case("silences:write")
    def save(
        self, definition: SilenceDefinition, *, silence_id: int | None = None, revision: int | None = None
    ) -> Silence:
        """Makes a silence, or with ``silence_id`` puts the definition in the place of that one.

        It counts for alerts that are made after that. Raises ``InvalidInput`` with every fault, also for one that is
        over already; ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        described = self._described(definition)
        new_id = data.take_id("silences") if silence_id is None else silence_id
        with data.transaction():
            now = data.now()
            before = None if silence_id is None else self._found(silence_id)
            check_revision(before.revision if before is not None else 0, revision, f"silences/{new_id}")
            described["user_id"] = self._context.actor.name
            if before is None:
                after = data.silences.insert(Silence(**described, id=new_id, created_ts=now, updated_ts=now))
            else:
                after = data.silences.replace(evolve(before, **described, updated_ts=now))
            self._changed("silences.add" if before is None else "silences.update", before, after)
        return after

    @use_case("silences:read")
    def get(self, silence_id: int) -> Silence:
        """The silence with that id; raises ``NotFound``."""
        return self._found(silence_id)

    @use_case("silences:read")
    def list(self, *, active: bool = False, after: str | None = None, limit: int = 100) -> Listing[Silence]:
        """Silences in the order in which they were made, those that are over among them.

        With ``active`` those in force now: a page may have fewer than ``limit`` then, though more follow.
        """
        page = self._context.data.silences.find(sort=[("id", 1)], after=after, limit=limit)
        if not active:
            return page
        now, calendar = self._context.data.now(), self._context.parts.calendar()
        return evolve(page, items=[each for each in page.items if each.holds(now, calendar)])

    @use_case("silences:write")
    def end(self, silence_id: int, *, revision: int | None = None) -> Silence:
        """Ends a silence now, for good; it can be seen further on.

        Raises ``NotFound``, ``RevisionConflict``, ``Conflict`` with code ``silence_over`` if it is over already.
        """
        data = self._context.data
        with data.transaction():
            before, now = self._found(silence_id), data.now()
            check_revision(before.revision, revision, f"silences/{before.id}")
            if before.ends_at is not None and before.ends_at <= now:
                raise Conflict(f"the silence {before.title} is over already", code="silence_over")
            starts_at = None if before.starts_at is not None and before.starts_at >= now else before.starts_at
            after = data.silences.replace(evolve(before, starts_at=starts_at, ends_at=now, updated_ts=now))
            self._changed("silences.end", before, after)
        return after

    @use_case("silences:delete")
    def remove(self, silence_id: int, *, revision: int | None = None) -> Silence:
        """Deletes a silence; alerts that it suppressed stay so. Raises ``NotFound``, ``RevisionConflict``."""
        data = self._context.data
        with data.transaction():
            before = self._found(silence_id)
            check_revision(before.revision, revision, f"silences/{before.id}")
            data.silences.delete(before.id)
            data.changed(DETECTION)
            data.record(self._context.actor, "silences.remove", f"silences/{before.id}", before=before)
        return before

    def _found(self, silence_id: int) -> Silence:
        found = self._context.data.silences.get(silence_id)
        if found is None:
            hint = "zona silences list shows those there are"
            raise NotFound(f"there is no silence {silence_id}", collection="silences", hint=hint)
        return found

    def _described(self, definition: SilenceDefinition) -> dict[str, Any]:
        """The attributes as they are stored; raises ``InvalidInput``."""
        parts: dict[str, Any] = {name: getattr(definition, name) for name in _DESCRIBED}
        given = {name: parts[name] for name in _MOMENTS if parts[name] is not None}
        faults = [
            Fault(name, "has no time zone", "a time with its zone")
            for name, moment in given.items()
            if moment.utcoffset() is None
        ]
        if not faults:
            faults = silence_faults(definition, self._context.parts.calendar())
            if definition.ends_at is not None and definition.ends_at <= self._context.data.now():
                faults.append(Fault("ends_at", "is over already", "a moment to come"))
        if faults:
            raise InvalidInput.of(faults, f"The silence {definition.title!r}")
        return {**parts, **{name: moment.astimezone(UTC) for name, moment in given.items()}}

    def _changed(self, action: str, before: Silence | None, after: Silence) -> None:
        self._context.data.changed(DETECTION)
        self._context.data.record(self._context.actor, action, f"silences/{after.id}", before=before, after=after)
