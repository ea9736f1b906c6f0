"""From an instance to the connection that a handler works with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.domain.apps import Integration
from zona_core.domain.instances import Instance
from zona_core.domain.redaction import Redactor
from zona_core.ports.handlers import Connection
from zona_core.usecases._area import TenantContext

__all__ = ["connection_of", "values_of"]


def connection_of(
    context: TenantContext, app: Integration, instance: Instance | None, redactor: Redactor
) -> Connection:
    """The connection; every secret in it is known to ``redactor`` from here on."""
    shared: Mapping[str, Any] = {}
    if instance is not None and instance.credentials_id:
        shared = context.data.credentials.need(instance.credentials_id).secrets
    defaults = {field.name: field.default for field in app.fields if field.default is not None}
    values = {**defaults, **values_of(app, instance.values if instance else {}, shared)}
    redactor.conceal_all(values.values())
    return Connection(
        tenant_code=context.tenant.tenant_code,
        integration=app,
        instance=instance,
        values=values,
        network=context.current().network,
        conceal=redactor.conceal,
    )


def values_of(app: Integration, own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """An instance's own values, and where it has none the shared credential's, as far as the app has fields for it."""
    known = {field.name for field in app.fields}
    fitting = {name: secret for name, secret in shared.items() if name in known}
    return {**fitting, **{name: value for name, value in own.items() if value is not None}}
