"""Playbooks: keeping them and running them (SPEC §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.apps import AppStatus
from zona_core.domain.jobs import Job
from zona_core.domain.playbooks import Playbook, PlaybookDefinition
from zona_core.domain.runs import Execution
from zona_core.errors import DuplicateKey, NotFound
from zona_core.persistence.collections import LIVE_APP, PLAYBOOKS
from zona_core.persistence.repository import Listing
from zona_core.ports.importers import PlaybookReader
from zona_core.ports.store import Condition
from zona_core.usecases._access import (
    check_revision,
    objects_around,
    objects_of,
    readable_page,
    require,
    require_new,
)
from zona_core.usecases._app_playbooks import described, playbook_taken
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._engine.beginning import Beginning
from zona_core.usecases._engine.compiled import CompiledPlaybook
from zona_core.usecases._engine.origins import Origin, inputs_for, playbook_run
from zona_core.usecases._engine.rehearsal import Rehearsal, rehearsed
from zona_core.usecases._history import describes_same, keep
from zona_core.usecases._lookup import app_of
from zona_core.usecases._lookup_playbooks import no_playbook, playbook_of
from zona_core.usecases._playbook_checks import check, home_of

__all__ = ["Playbooks"]


class Playbooks(Area):
    """Keeping and running playbooks."""

    area = "playbooks"
    _context: TenantContext

    @use_case("playbooks:write", by_object=True)
    def save(
        self, definition: PlaybookDefinition, *, playbook_id: int | None = None, revision: int | None = None
    ) -> Playbook:
        """Makes a playbook, or puts the definition in the place of the one with its title.

        With ``playbook_id`` it is put in the place of that one, whatever its title was. ``revision`` is that of the one
        to be replaced, 0 for none. The actor needs ``runs:run`` for each task that a step runs, and ``playbooks:run``
        for each playbook: whoever runs the playbook later needs none of these. A playbook with an ``app`` goes where
        that one goes: into packages, and away when it is deleted. Raises ``InvalidInput`` with every fault,
        ``PermissionDenied``, ``NotFound``, ``RevisionConflict``, ``DuplicateKey`` for a title that is taken.
        """
        check(self._context, definition)
        data, actor = self._context.data, self._context.actor
        known = data.playbooks.one({"title": definition.title, "status": LIVE_APP})
        new_id = playbook_id or (known.id if known is not None else data.take_id("playbooks"))
        with data.transaction():
            before = self._before(definition, playbook_id)
            if before is not None and revision == 0:
                raise playbook_taken(definition.title)
            check_revision(before.revision if before is not None else 0, revision, f"playbooks/{new_id}")
            parts = described(definition, home_of(self._context, definition))
            if before is None:
                return self._added(parts, new_id)
            after = evolve(before, **parts, updated_ts=data.now())
            require_new(actor, "playbooks:write", objects_of(after))
            if describes_same(before, after):
                return before
            try:
                after = data.playbooks.replace(after)
            except DuplicateKey as exc:
                raise playbook_taken(definition.title) from exc
            keep(self._context, [(before, after)])
            data.record(actor, "playbooks.update", f"playbooks/{after.id}", before=before, after=after)
        return after

    @use_case("playbooks:read", by_object=True)
    def list(
        self,
        *,
        status: AppStatus | None = None,
        app: int | str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Listing[Playbook]:
        """Playbooks by title; with ``app`` those that belong to it. Raises ``NotFound`` if there is no such app."""
        context = self._context
        where: dict[str, Condition] = {"status": LIVE_APP if status is None else status.value}
        if app is not None:
            where["integration_id"] = app_of(context, app, "apps:read").integration_id
        return readable_page(
            context.actor, context.data.playbooks, PLAYBOOKS, where, sort=[("title", 1)], after=after, limit=limit
        )

    @use_case("playbooks:read", by_object=True)
    def get(self, playbook: int | str) -> Playbook:
        """The playbook with that title or id; raises ``NotFound``."""
        return self._found(playbook, "playbooks:read")

    @use_case("playbooks:read", by_object=True)
    def read_document(self, document: bytes, *, format: str = "zona") -> PlaybookDefinition:  # noqa: A002  # the field's word
        """The playbook that a document describes, for ``check`` and ``save``; ``format`` names an importer.

        Raises ``InvalidDocument`` with every fault of its shape, ``NotFound`` if no such format has playbooks.
        """
        importer = self._context.parts.importer(format)
        if not isinstance(importer, PlaybookReader):
            raise NotFound(f"the format {format!r} has no playbooks", hint="zona")
        return importer.read_playbook(document)

    @use_case("playbooks:read", by_object=True)
    def check(self, definition: PlaybookDefinition) -> None:
        """Raises what ``save`` would raise for the definition, and writes nothing."""
        check(self._context, definition)

    @use_case("playbooks:delete", by_object=True)
    def remove(self, playbook: int | str, *, revision: int | None = None) -> Playbook:
        """Deletes a playbook; runs of it that are under way go on. Raises ``NotFound``, ``RevisionConflict``."""
        data = self._context.data
        with data.transaction():
            before = self._found(playbook, "playbooks:delete")
            check_revision(before.revision, revision, f"playbooks/{before.id}")
            after = data.playbooks.replace(evolve(before, status=AppStatus.DELETED, updated_ts=data.now()))
            data.record(self._context.actor, "playbooks.remove", f"playbooks/{after.id}", before=before, after=after)
        return after

    @use_case("playbooks:run", by_object=True)
    def run(
        self, playbook: int | str, *, inputs: Mapping[str, Any] | None = None, idempotency_key: str = ""
    ) -> Execution:
        """Runs a playbook to its end and gives the record; one that failed is a record with ``error``.

        Raises ``InvalidInput``, ``NotFound`` before anything is written.
        """
        return Beginning(self._context).carried_out(*self._begun(playbook, inputs or {}, idempotency_key))

    @use_case("playbooks:run", by_object=True)
    def start(
        self,
        playbook: int | str,
        *,
        inputs: Mapping[str, Any] | None = None,
        idempotency_key: str = "",
        patience: float = 0.0,
    ) -> Execution:
        """Begins what ``run`` does and gives the record at once or, with ``patience``, as ``runs.start`` does."""
        run, job = self._begun(playbook, inputs or {}, idempotency_key)
        return Beginning(self._context).begun(run, job, patience=patience)

    @use_case("playbooks:run", by_object=True)
    def rehearse(
        self,
        playbook: int | str,
        *,
        inputs: Mapping[str, Any] | None = None,
        samples: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Rehearsal:
        """A dry run: which steps would run with what, and how it would end; nothing is called and nothing written.

        Tasks give ``samples`` (outputs by step), or what is made up by the types of their outputs; waits end at once,
        approvals are given. Raises ``InvalidInput``, ``NotFound``.
        """
        found = self._found(playbook, "playbooks:run")
        compiled = CompiledPlaybook(found, self._context.parts.expressions())
        trusted = TenantContext(Actor.trusted(self._context.actor.name), self._context.parts, self._context.current)
        return rehearsed(trusted, found, compiled, inputs or {}, samples or {})

    def _begun(self, ref: int | str, inputs: Mapping[str, Any], idempotency_key: str) -> tuple[Execution, Job]:
        playbook = self._found(ref, "playbooks:run")
        origin = Origin(actor=self._context.actor.name, key=idempotency_key)
        return playbook_run(self._context, playbook, inputs_for(playbook, inputs), origin)

    def _before(self, definition: PlaybookDefinition, playbook_id: int | None) -> Playbook | None:
        """The playbook that is to be replaced, if there is one."""
        if playbook_id is not None:
            return self._found(playbook_id, "playbooks:write")
        playbook = self._context.data.playbooks.one({"title": definition.title, "status": LIVE_APP})
        if playbook is not None:
            require(self._context.actor, "playbooks:write", objects_of(playbook), no_playbook(definition.title))
        return playbook

    def _added(self, parts: dict[str, Any], new_id: int) -> Playbook:
        data, actor = self._context.data, self._context.actor
        now = data.now()
        playbook = Playbook(**parts, id=new_id, user_id=actor.name, created_ts=now, updated_ts=now)
        require_new(actor, "playbooks:write", objects_around(playbook))
        try:
            playbook = data.playbooks.insert(playbook)
        except DuplicateKey as exc:
            raise playbook_taken(playbook.title) from exc
        data.record(actor, "playbooks.add", f"playbooks/{new_id}", after=playbook)
        return playbook

    def _found(self, ref: int | str, permission: str) -> Playbook:
        return playbook_of(self._context, ref, permission)
