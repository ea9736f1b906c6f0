"""Beginning runs: how long a request waits for one, how it is answered, and what the remote side sees of its key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from zona_core.domain.runs import Execution
from zona_http.operation import Answer, Call

from ._doors import place

__all__ = ["RUN", "Inputs", "Wait", "begun", "key_for_others"]

Inputs: TypeAlias = Annotated[dict[str, Any], Meta(description="by field name; secrets are texts")]
Wait: TypeAlias = Annotated[
    bool, Meta(description="answer when it has ended (201), or goes on too long to wait for it; else at once (202)")
]


def begun(call: Call, start: Callable[[float], Execution], *, wait: bool) -> Answer:
    """Begins a run with ``start``, which is given for how many seconds the request waits for its end."""
    with call.streams.patience() if wait else nullcontext(0.0) as patience:
        run = start(patience)
    status = 201 if run.status.ended else 202
    return Answer(data=run, status=status, headers={"Location": place(call, f"/api/v1/runs/{run.id}")})


def key_for_others(call: Call) -> str:
    """What stands for the ``Idempotency-Key`` at the remote side, where all tenants and users may be one client."""
    key = call.request.get_header("Idempotency-Key")
    if key is None:
        return ""
    known, tenant = call.known, call.workspace.tenant.tenant_code
    name = f"{tenant}/{known.realm}/{known.actor.user_id}/{known.key_id}/{key.strip()}"
    return hashlib.sha256(name.encode()).hexdigest()


#: an example of a run's record
RUN: Final[dict[str, Any]] = {
    "id": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "integration_id": 1, "task_id": 4, "app_title": "VirusTotal",
    "task_tag": "look_up", "playbook_id": 0, "playbook_title": "", "playbook_revision": 0, "step": "", "step_kind": "",
    "item": None, "skipped": [], "replay_of": "", "instance_id": 7, "instance_title": "main", "actor": "admin",
    "status": "success", "inputs": {"address": "192.0.2.7"}, "results": {"malicious": 0}, "error": None,
    "attempts": [{"started_at": "2030-01-01T00:00:00Z", "duration_ms": 81.4, "status": "success", "error": None}],
    "records_processed": 1, "performance": {"http_status": 200}, "parent_id": "", "depth": 0, "trigger": "",
    "idempotency_key": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "created_at": "2030-01-01T00:00:00Z",
    "started_at": "2030-01-01T00:00:00Z", "ended_at": "2030-01-01T00:00:01Z", "revision": 2,
}  # fmt: skip
