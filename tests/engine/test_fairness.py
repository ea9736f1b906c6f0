"""Tenants share the workers fairly."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from zona_core import AppDefinition, RunStatus, TaskCall, Zona


def test_one_tenants_many_runs_do_not_starve_anothers_one(
    plugin: Any, app_factory: Callable[..., AppDefinition]
) -> None:
    """A run of a tenant that has little to do begins long before the other's backlog is through."""
    order: list[str] = []
    busy, go = threading.Event(), threading.Event()

    def function(call: TaskCall) -> dict[str, Any]:
        order.append(call.connection.tenant_code)
        busy.set()
        assert go.wait(20)
        return {}

    plugin.handler.functions["echo"] = function
    with Zona(store="memory://", plugins={"function": plugin}, workers=2) as zona:
        for code in ("large", "small"):
            zona.system().tenants.add(code)
            zona.tenant(code).apps.upsert(app_factory())
            zona.tenant(code).instances.add("Demo", title="main", values={"api_key": "k"})
        large, small = zona.tenant("large"), zona.tenant("small")
        many = [large.runs.start("Demo", "echo", inputs={"text": "x"}) for _ in range(200)]
        assert busy.wait(20)
        one = small.runs.start("Demo", "echo", inputs={"text": "x"})
        go.set()
        assert small.runs.wait(one.id, seconds=20).status is RunStatus.SUCCESS
        assert {large.runs.wait(each.id, seconds=60).status for each in many} == {RunStatus.SUCCESS}
    assert order.index("small") < 20
