"""What came of runs over HTTP: their results whole, and pictures of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import falcon.testing
import pytest

from zona_core import Zona

Call = Callable[..., falcon.testing.Result]


@pytest.fixture
def served(tmp_path: Path, plugin: Any, app_factory: Any) -> Iterator[Zona]:
    """The app Demo, whose task gives as many characters as it is told; 1 KiB of results is in a record."""
    plugin.handler.functions["echo"] = lambda call: {"text": "x" * int(call.inputs["text"])}
    with Zona.embedded(tmp_path, plugins={"function": plugin}, max_result_bytes=1_024) as zona:
        workspace = zona.tenant()
        workspace.apps.upsert(app_factory())
        workspace.instances.add("Demo", title="Main", values={"api_key": "canary-key"})
        yield zona


@pytest.mark.parametrize("size", [3, 5_000])
def test_results_are_given_whole(served: Zona, call: Call, size: int) -> None:
    """Whether the record has them or only says where they are."""
    run = served.tenant().runs.run("Demo", "echo", inputs={"text": str(size)})
    record = call("GET", f"/api/v1/runs/{run.id}").json["data"]
    assert (record["results"] is None, record["results_blob"] is None) == (size > 1_024, size < 1_024)
    told = call("GET", f"/api/v1/runs/{run.id}/results").json["data"]
    assert told == {"run_id": run.id, "results": {"text": "x" * size}}
    assert call("GET", "/api/v1/runs/nobody/results").status_code == 404


def test_a_run_is_drawn(served: Zona, call: Call, problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SVG and as PNG, each with its media type; 501 where PNG takes what is not there."""
    run = served.tenant().runs.run("Demo", "echo", inputs={"text": "1"})
    svg, png = (call("GET", f"/api/v1/runs/{run.id}/waterfall.{form}") for form in ("svg", "png"))
    assert (svg.headers["content-type"], png.headers["content-type"]) == ("image/svg+xml", "image/png")
    assert (svg.content[:1], png.content[:4]) == (b"<", b"\x89PNG")
    assert call("GET", "/api/v1/runs/nobody/waterfall.svg").status_code == 404
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    problem(call("GET", f"/api/v1/runs/{run.id}/waterfall.png"), 501, "not_installed")


def test_duties_are_listed(served: Zona, call: Call) -> None:
    """None before a worker has looked after the store; then each with what came of it."""
    assert call("GET", "/api/v1/platform/store/duties").json["data"] == []
    served.work()
    while len(told := call("GET", "/api/v1/platform/store/duties").json["data"]) < 8:
        pass
    names = [
        "case_clocks",
        "escalation",
        "event_retention",
        "expiry",
        "health_checks",
        "licence",
        "retention",
        "signing_keys",
    ]
    assert [(duty["id"], duty["token"]) for duty in told] == [(name, 0) for name in names]
