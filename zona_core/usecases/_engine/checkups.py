"""Trying at intervals whether instances work: those whose ``health_check_config`` asks for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import evolve

from zona_core.domain.actors import Actor
from zona_core.domain.instances import Instance, InstanceStatus
from zona_core.domain.tenants import TenantStatus
from zona_core.errors import NotFound, StoreUnavailable, TenantUnavailable, ZonaError
from zona_core.ports.store import In, Range, Where
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.duties import Hold
from zona_core.usecases._health import health_of
from zona_core.usecases._lookup import instance_of

__all__ = ["Checkups"]

_ACTOR: Final = Actor.trusted("duties")
_CHECKED: Final = In([InstanceStatus.ACTIVE.value, InstanceStatus.ERROR.value])
#: seconds that one check may take
_TIMEOUT: Final = 30.0
#: after which a check is noted though it found what the one before it found: each note is a change of the instance,
#: which whoever is editing it must be told of
_NOTED_AGAIN: Final = timedelta(minutes=15)


class Checkups:
    """See the module. What was found is in ``Instance.monitoring["health"]``; it changes nothing of what may be run."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        #: when this process checked each, by its own clock
        self._checked: dict[tuple[str, int], float] = {}

    def work(self, hold: Hold) -> str:
        """All that are due; raises ``LeaseLost``."""
        checked = failed = 0
        for tenant in self._parts.database.tenants.all({"status": TenantStatus.ACTIVE.value}):
            code = tenant.tenant_code
            try:
                context = TenantContext(_ACTOR, self._parts, lambda code=code: self._parts.active(code))  # type: ignore[misc]
                for instance in self._due(context):
                    hold.check()
                    failed += not self._check(context, hold, instance)
                    checked += 1
            except (StoreUnavailable, TenantUnavailable):
                continue  # at the next time
        return f"{checked:,} instances were checked, {failed:,} do not work"

    def _due(self, context: TenantContext) -> Iterator[Instance]:
        data, cursor = context.data, None
        where: Where = {"status": _CHECKED, "health_check_config.interval": Range(gt=0)}
        while True:
            page = data.instances.find(where, sort=[("instance_id", 1)], after=cursor, limit=200)
            for instance in page.items:
                if self._is_due(context, instance):
                    yield instance
            cursor = page.next
            if cursor is None:
                return

    def _is_due(self, context: TenantContext, instance: Instance) -> bool:
        interval = float(instance.health_check_config["interval"])
        known = self._checked.get((context.data.tenant_code, instance.instance_id))
        if known is not None:
            return time.monotonic() - known >= interval
        last = instance.last_health_check
        return last is None or context.data.now() - last >= timedelta(seconds=interval)

    def _check(self, context: TenantContext, hold: Hold, instance: Instance) -> bool:
        """Whether the instance works; notes that, unless it went meanwhile."""
        data, timeout = context.data, float(instance.health_check_config.get("timeout") or _TIMEOUT)
        try:
            app, instance = instance_of(context, instance.integration_id, instance.instance_id, "instances:test")
            report = health_of(context, app, instance, timeout)
            health: dict[str, Any] = {"ok": report.ok, "detail": report.detail, "duration_ms": report.duration_ms}
        except (StoreUnavailable, TenantUnavailable):
            raise
        except NotFound:
            return True
        except ZonaError as exc:
            health = {"ok": False, "detail": f"{exc.code}: {exc.message}", "duration_ms": 0.0}
        self._checked[data.tenant_code, instance.instance_id] = time.monotonic()
        with data.transaction():
            hold.fence()
            current = data.instances.get(instance.instance_id)
            if (
                current is not None
                and current.status is not InstanceStatus.DELETED
                and _is_news(current, health, data.now())
            ):
                monitoring = {**current.monitoring, "health": health}
                data.instances.replace(evolve(current, monitoring=monitoring, last_health_check=data.now()))
        return bool(health["ok"])


def _is_news(instance: Instance, health: dict[str, Any], now: datetime) -> bool:
    before = instance.monitoring.get("health") or {}
    last = instance.last_health_check
    return before.get("ok") is not health["ok"] or last is None or now - last >= _NOTED_AGAIN
