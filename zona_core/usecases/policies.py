"""Policies: what becomes of what rules find (SPEC §4.5)."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve, fields

from zona_core.domain.definitions import text_faults
from zona_core.domain.policies import Policy, PolicyDefinition
from zona_core.errors import DuplicateKey, NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.importers import PolicyReader
from zona_core.usecases._access import check_revision
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._intake.detection import DETECTION
from zona_core.usecases._lookup import is_id
from zona_core.usecases._policy_checks import check_policy
from zona_core.usecases._policy_explaining import Explanation, explained

__all__ = ["Policies"]

_DESCRIBED: Final = tuple(attribute.name for attribute in fields(PolicyDefinition))


class Policies(Area):
    """What becomes of what rules find.

    Of the policies that are for a rule and an event's source, the one with the lowest ``order`` counts, of equals the
    older one. Where none is, a default counts: see ``zona_core.domain.policies.DEFAULT_POLICY``.
    """

    area = "policies"
    _context: TenantContext

    @use_case("policies:write")
    def save(
        self, definition: PolicyDefinition, *, policy_id: int | None = None, revision: int | None = None
    ) -> Policy:
        """Makes a policy, or puts the definition in the place of the one with its title.

        With ``policy_id`` it is put in the place of that one, whatever its title was. ``revision`` is that of the one
        to be replaced, 0 for none. The actor needs ``playbooks:run`` on each playbook, which run in its name from then
        on. It counts for what is ingested after that; alerts that are there go on with its steps as they are then.
        Raises ``InvalidInput`` with every fault, ``NotFound``, ``PermissionDenied``, ``DuplicateKey``,
        ``RevisionConflict``.
        """
        data = self._context.data
        known = self._named(definition.title, policy_id)
        check_policy(self._context, definition)
        new_id = known.id if known is not None else data.take_id("policies")
        with data.transaction():
            before = self._named(definition.title, policy_id)
            if before is not None and revision == 0:
                raise _taken(definition.title)
            if before is None and known is not None:
                raise _missing(known.title)
            check_revision(before.revision if before is not None else 0, revision, f"policies/{new_id}")
            check_policy(self._context, definition)  # a channel may have gone meanwhile
            try:
                after = self._put(before, definition, new_id if before is None else before.id)
            except DuplicateKey as exc:
                raise _taken(definition.title) from exc
            data.changed(DETECTION)
            action = "policies.add" if before is None else "policies.update"
            data.record(self._context.actor, action, f"policies/{after.id}", before=before, after=after)
        return after

    @use_case("policies:read")
    def get(self, policy: int | str) -> Policy:
        """The policy with that title or id; raises ``NotFound``."""
        return self._found(policy)

    @use_case("policies:read")
    def list(self, *, after: str | None = None, limit: int = 100) -> Listing[Policy]:
        """Policies in the order in which they are looked at, those that are switched off among them."""
        return self._context.data.policies.find(sort=[("order", 1), ("id", 1)], after=after, limit=limit)

    @use_case("policies:read")
    def read_document(self, document: bytes, *, format: str = "zona") -> PolicyDefinition:  # noqa: A002  # the field's word
        """The policy that a document describes, for ``check`` and ``save``; ``format`` names an importer.

        Raises ``InvalidDocument`` with every fault of its shape, ``NotFound`` if no such format has policies.
        """
        importer = self._context.parts.importer(format)
        if not isinstance(importer, PolicyReader):
            raise NotFound(f"the format {format!r} has no policies", hint="zona")
        return importer.read_policy(document)

    @use_case("policies:read")
    def check(self, definition: PolicyDefinition) -> None:
        """Raises what ``save`` would raise for the definition, and writes nothing."""
        check_policy(self._context, definition)

    @use_case("policies:delete")
    def remove(self, policy: int | str, *, revision: int | None = None) -> Policy:
        """Deletes a policy; its alerts escalate no further. Raises ``NotFound``, ``RevisionConflict``."""
        data = self._context.data
        with data.transaction():
            before = self._found(policy)
            check_revision(before.revision, revision, f"policies/{before.id}")
            data.policies.delete(before.id)
            data.changed(DETECTION)
            data.record(self._context.actor, "policies.remove", f"policies/{before.id}", before=before)
        return before

    @use_case("policies:read")
    def explain(self, rule: str, *, source: str = "") -> Explanation:
        """Which policy counts for hits of a rule in events of a source, and what it makes of them.

        ``rule`` is the rule's id, or its name if it has none. Raises ``NotFound``.
        """
        return explained(self._context, rule, source)

    def _named(self, title: str, policy_id: int | None) -> Policy | None:
        """The policy that a definition is to replace; raises ``NotFound`` if it names one that is not there."""
        if policy_id is not None:
            return self._found(policy_id)
        return None if text_faults("title", title, 200) else self._context.data.policies.one({"title": title})

    def _found(self, ref: int | str) -> Policy:
        policies, found = self._context.data.policies, None
        if isinstance(ref, str) and not text_faults("title", ref, 200):
            found = policies.one({"title": ref})
        if found is None and (isinstance(ref, int) or is_id(ref)):
            found = policies.get(int(ref))
        if found is None:
            raise _missing(ref)
        return found

    def _put(self, before: Policy | None, definition: PolicyDefinition, policy_id: int) -> Policy:
        data, now = self._context.data, self._context.data.now()
        described: dict[str, Any] = {name: getattr(definition, name) for name in _DESCRIBED}
        described["user_id"] = self._context.actor.name
        if before is None:
            return data.policies.insert(Policy(**described, id=policy_id, created_ts=now, updated_ts=now))
        return data.policies.replace(evolve(before, **described, updated_ts=now))


def _missing(ref: int | str) -> NotFound:
    hint = "zona policies list shows those there are"
    return NotFound(f"there is no policy {str(ref)[:200]!r}", collection="policies", hint=hint)


def _taken(title: str) -> DuplicateKey:
    return DuplicateKey(f"there is a policy {title!r} already", collection="policies", fields=["title"])
