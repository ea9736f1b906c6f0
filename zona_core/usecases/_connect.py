"""From an instance to the connection that a handler works with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.domain.apps import Integration
from zona_core.domain.instances import Instance
from zona_core.errors import TaskFailed, ZonaError
from zona_core.ports.handlers import Connection
from zona_core.usecases._area import TenantContext
from zona_core.usecases._redaction import Redactor

__all__ = ["connection_of", "redacted_failure", "values_of"]


def connection_of(
    context: TenantContext, app: Integration, instance: Instance | None, redactor: Redactor
) -> Connection:
    """The connection; every secret in it is known to ``redactor`` from here on."""
    shared: Mapping[str, Any] = {}
    if instance is not None and instance.credentials_id:
        shared = context.data.credentials.need(instance.credentials_id).secrets
    defaults = {field.name: field.default for field in app.fields if field.default is not None}
    values = {**defaults, **values_of(instance.values if instance else {}, shared)}
    redactor.conceal_all(values.values())
    return Connection(
        integration=app,
        instance=instance,
        values=values,
        network=context.tenant.network,
        conceal=redactor.conceal,
    )


def values_of(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """An instance's own values, and the shared credential's where it has none."""
    return {**shared, **{name: value for name, value in own.items() if value is not None}}


def redacted_failure(exc: Exception, redactor: Redactor) -> TaskFailed:
    """``exc`` as a ``TaskFailed`` that shows no secret; what a handler did not foresee becomes ``handler_error``.

    The original is not chained: its traceback and arguments may hold secrets.
    """
    if isinstance(exc, TaskFailed):
        kind = type(exc)
        return kind(
            redactor.text(exc.message),
            code=exc.code,
            retryable=exc.retryable,
            retry_after=exc.retry_after,
            hint=redactor.text(exc.hint),
            faults=exc.faults,
            **redactor.data(exc.details),
        )
    if isinstance(exc, ZonaError):
        return TaskFailed(redactor.text(exc.message), code=exc.code, hint=redactor.text(exc.hint))
    return TaskFailed(redactor.text(f"{type(exc).__name__}: {exc}"), code="handler_error")
