"""Making an instance: its values checked against its app's fields (SPEC §4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Factory, define

from zona_core.domain.apps import Integration
from zona_core.domain.definitions import text_faults
from zona_core.domain.fields import FieldKind
from zona_core.domain.instances import Credential, Instance
from zona_core.domain.secrets import MASK
from zona_core.domain.values import checked
from zona_core.errors import DuplicateKey, Fault, InvalidInput
from zona_core.usecases._area import TenantContext
from zona_core.usecases._connect import values_of
from zona_core.usecases._lookup import credential_of

__all__ = [
    "NewInstance",
    "checked_instance",
    "checked_values",
    "instance_taken",
    "require_service",
    "wanted_credential",
]


@define(frozen=True, kw_only=True)
class NewInstance:
    """What an instance shall be."""

    title: str
    #: by field name; those of secret fields are ``str`` or ``Secret``
    values: Mapping[str, Any] = Factory(dict)
    #: asks to reach private addresses; the tenant's network policy decides
    allow_private: bool = False
    #: title or id of the shared credential that fills in what is left empty
    credential: int | str | None = None
    #: asks for the service that the app defines
    deploy: bool = False


def checked_instance(context: TenantContext, app: Integration, wanted: NewInstance, instance_id: int) -> Instance:
    """The instance to store; raises ``InvalidInput`` with every fault, ``NotFound`` for the credential."""
    shared = None if wanted.credential is None else wanted_credential(context, wanted.credential)
    clean = checked_values(app, wanted.title, wanted.values, shared.secrets if shared else {})
    if wanted.deploy:
        require_service(app)
    now = context.data.now()
    return Instance(
        instance_id=instance_id,
        integration_id=app.integration_id,
        title=wanted.title,
        values=clean,
        base_url=str(clean.get("base_url") or ""),
        credentials_id=shared.id if shared else 0,
        allow_private=wanted.allow_private,
        deploy=wanted.deploy,
        user_id=context.actor.name,
        created_ts=now,
        updated_ts=now,
    )


def checked_values(
    app: Integration, title: str, values: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    """The values to store: those given, and defaults; raises ``InvalidInput`` with every fault."""
    own = {name for name, value in values.items() if value is not None}
    clean, faults = checked(app.fields, values_of(app, values, shared))
    faults += [
        Fault(field.name, "is the mask that stands for secrets", "the secret itself")
        for field in app.fields
        if field.kind is FieldKind.SECRET and values.get(field.name) == MASK
    ]
    faults += text_faults("title", title, 200)
    if faults:
        raise InvalidInput.of(faults, f"The instance of {app.title!r}")
    defaults = {field.name for field in app.fields if field.default is not None}
    return {name: value for name, value in clean.items() if name in own or name in defaults}


def wanted_credential(context: TenantContext, wanted: int | str) -> Credential | None:
    """The credential of that title or id, which the actor must be able to read; none for 0 and an empty text."""
    return credential_of(context, wanted, "credentials:read") if wanted else None


def require_service(app: Integration) -> None:
    """Raises ``InvalidInput`` if the app defines no service that an instance could ask for."""
    if app.service is None:
        faults = [Fault("deploy", "the app defines no service", "a service in the app's description, or no deploy")]
        raise InvalidInput.of(faults, f"The instance of {app.title!r}")


def instance_taken(app: Integration, title: str) -> DuplicateKey:
    """The error for a title that another instance of the app has."""
    message = f"{app.title} has an instance titled {title!r} already"
    return DuplicateKey(message, collection="instances", fields=["title"])
