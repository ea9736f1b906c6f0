"""Credentials: named sets of secrets that instances share (SPEC §1)."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from zona_core.domain.definitions import text_faults
from zona_core.domain.fields import FIELD_NAME
from zona_core.domain.instances import Credential
from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import Conflict, DuplicateKey, Fault, InvalidInput
from zona_core.persistence.collections import CREDENTIALS, LIVE_INSTANCE
from zona_core.persistence.repository import Listing
from zona_core.usecases._access import check_revision, readable_page, require_new
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._lookup import credential_of

__all__ = ["Credentials"]


class Credentials(Area):
    """Keeping shared secrets."""

    area = "credentials"
    _context: TenantContext

    @use_case("credentials:write", by_object=True)
    def add(self, title: str, secrets: Mapping[str, str | Secret]) -> Credential:
        """A new credential; ``secrets`` by the name of the field that each stands for.

        Raises ``InvalidInput``, ``DuplicateKey``.
        """
        require_new(self._context.actor, "credentials:write")
        sealed = _checked(title, secrets)
        data = self._context.data
        new_id = data.take_id("credentials")
        with data.transaction():
            now = data.now()
            credential = Credential(
                id=new_id, title=title, secrets=sealed, rotated_ts=now, created_ts=now, updated_ts=now
            )
            try:
                credential = data.credentials.insert(credential)
            except DuplicateKey as exc:
                raise DuplicateKey(f"there is a credential {title!r} already", collection="credentials") from exc
            data.record(self._context.actor, "credentials.add", f"credentials/{new_id}", after=credential)
        return credential

    @use_case("credentials:write", by_object=True)
    def rotate(
        self, credential: int | str, secrets: Mapping[str, str | Secret], *, revision: int | None = None
    ) -> Credential:
        """New secrets in the place of all the old ones; instances use them from their next run on.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        with data.transaction():
            before = credential_of(self._context, credential, "credentials:write")
            check_revision(before.revision, revision, f"credentials/{before.id}")
            now = data.now()
            after = evolve(before, secrets=_checked(before.title, secrets), rotated_ts=now, updated_ts=now)
            after = data.credentials.replace(after)
            data.record(
                self._context.actor, "credentials.rotate", f"credentials/{after.id}", before=before, after=after
            )
        return after

    @use_case("credentials:read", by_object=True)
    def list(self, *, after: str | None = None, limit: int = 100) -> Listing[Credential]:
        """Credentials by id; their secrets stay sealed and masked."""
        context, sort, where = self._context, [("id", 1)], {"deleted": False}
        stored = context.data.credentials
        return readable_page(context.actor, stored, CREDENTIALS, where, sort=sort, after=after, limit=limit)

    @use_case("credentials:read", by_object=True)
    def get(self, credential: int | str) -> Credential:
        """The credential with that title or id, its secrets sealed; raises ``NotFound``."""
        return credential_of(self._context, credential, "credentials:read")

    @use_case("credentials:delete", by_object=True)
    def remove(self, credential: int | str, *, revision: int | None = None) -> Credential:
        """Deletes a credential and erases its secrets; refused with ``Conflict`` while an instance uses it.

        Raises ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        with data.transaction():
            before = credential_of(self._context, credential, "credentials:delete")
            check_revision(before.revision, revision, f"credentials/{before.id}")
            users = data.instances.find({"credentials_id": before.id, "status": LIVE_INSTANCE}, limit=10).items
            if users:
                raise Conflict(
                    f"the credential {before.title} is used by " + ", ".join(user.title for user in users),
                    code="in_use",
                    instances=[user.instance_id for user in users],
                )
            after = data.credentials.replace(evolve(before, secrets={}, deleted=True, updated_ts=data.now()))
            data.record(
                self._context.actor, "credentials.remove", f"credentials/{after.id}", before=before, after=after
            )
        return after


def _checked(title: str, secrets: Mapping[str, str | Secret]) -> dict[str, Secret]:
    faults = text_faults("title", title, 200)
    if not secrets:
        faults.append(Fault("secrets", "there is none", "at least one"))
    for name, value in secrets.items():
        if not FIELD_NAME.match(name):
            faults.append(Fault("secrets", f"{name!r} is no field name", "a letter or _, then letters, digits, _"))
        if not isinstance(value, str | Secret):
            faults.append(Fault(f"secrets.{name}", "is not a text", "a str or a Secret"))
        elif value == MASK or (isinstance(value, Secret) and value.token is None and value.reveal() == MASK):
            faults.append(Fault(f"secrets.{name}", "is the mask that stands for secrets", "the secret itself"))
    if faults:
        raise InvalidInput.of(faults, "The credential")
    return {name: value if isinstance(value, Secret) else Secret(value) for name, value in secrets.items()}
