"""Which app, task and instance the steps of one run mean, looked up once for those that follow closely."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar, cast

from zona_core.domain.apps import Integration
from zona_core.domain.instances import Instance
from zona_core.domain.redaction import Redactor
from zona_core.ports.handlers import Connection
from zona_core.usecases._area import TenantContext
from zona_core.usecases._connect import connection_of
from zona_core.usecases._lookup import RunParts, run_parts

__all__ = ["Places"]

T = TypeVar("T")

#: seconds that what was found is believed within one run: a change reaches a run that is under way after that
_BELIEF: Final = 1.0


class Places:
    """See the module. For one run, whose secrets are known to ``redactor``. Safe for several threads."""

    def __init__(self, context: TenantContext, redactor: Redactor) -> None:
        self._context = context
        self._redactor = redactor
        self._known: dict[Hashable, tuple[float, Any]] = {}

    def parts(self, app: int | str, task: int | str, instance: int | str | None) -> RunParts:
        """See ``run_parts``."""
        return self._believed((app, task, instance), lambda: run_parts(self._context, app, task, instance))

    def connection(self, app: Integration, instance: Instance | None) -> Connection:
        """See ``connection_of``."""
        instance_id = instance.instance_id if instance is not None else 0
        key = (app.integration_id, instance_id)
        return self._believed(key, lambda: connection_of(self._context, app, instance, self._redactor))

    def _believed(self, key: Hashable, find: Callable[[], T]) -> T:
        now = self._context.parts.clock.monotonic()
        known = self._known.get(key)
        if known is None or now - known[0] > _BELIEF:
            known = self._known[key] = now, find()
        return cast("T", known[1])
