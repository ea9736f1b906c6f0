"""What every test may use: the real data, and a Zona with handlers of the test's own."""

from __future__ import annotations

import base64
import gc
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from zona_core import (
    AppDefinition,
    Connection,
    ConnectionReport,
    Fault,
    Field,
    FieldKind,
    RetryPolicy,
    TaskCall,
    TaskDefinition,
    TaskOutcome,
    Zona,
    hookimpl,
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Two processes a processor: many a test waits for a server, another process or a failover."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * processors


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real input data: ZONA_TEST_DATA, else the shared folder beside the project, else the shipped part."""
    chosen = os.environ.get("ZONA_TEST_DATA")
    if chosen:
        return Path(chosen)
    beside = ROOT.parent / "shared" / "data"
    return beside if beside.is_dir() else ROOT / "tests" / "data"


@pytest.fixture(autouse=True)
def settled_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of the machine reaches a test; a master key is at hand."""
    for name in [name for name in os.environ if name.startswith("ZONA_")]:
        if name not in ("ZONA_TEST_DATA", "ZONA_TESTED"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ZONA_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("ZONA_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())


class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = datetime(2030, 1, 1, tzinfo=UTC)
        self.passed = 1_000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        """Lets time pass."""
        self.at += timedelta(seconds=seconds)
        self.passed += seconds


@pytest.fixture
def clock() -> HandClock:
    """A clock for what is to go by the test's time."""
    return HandClock()


class FunctionHandler:
    """A task handler that calls the function which the test registered under the task's tag."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[TaskCall], Mapping[str, Any]]] = {}

    def app_faults(self, app: Any) -> list[Fault]:
        return []

    def task_faults(self, task: Any, app: Any) -> list[Fault]:
        wrong = set(task.handler_config) - {"note"}
        return [Fault(f"handler_config.{name}", "is unknown", "note") for name in sorted(wrong)]

    def run(self, call: TaskCall) -> TaskOutcome:
        return TaskOutcome(outputs=self.functions[call.task.task_tag](call), records_processed=1)

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:
        secret = connection.values.get("api_key")
        return ConnectionReport(ok=True, detail=f"reached with {secret.reveal() if secret else 'no key'}")


class FunctionPlugin:
    """Brings the handler ``function`` and the integration ``demo``."""

    def __init__(self) -> None:
        self.handler = FunctionHandler()

    @hookimpl
    def zona_task_handlers(self, details: Any) -> dict[str, Callable[[], FunctionHandler]]:
        return {"function": lambda: self.handler}

    @hookimpl
    def zona_integrations(self, details: Any) -> dict[str, Callable[[], AppDefinition]]:
        return {"demo": demo_app}


def demo_app(title: str = "Demo", **changes: Any) -> AppDefinition:
    """A small app with a secret, whose task ``echo`` runs the function of that name."""
    parts: dict[str, Any] = {
        "fields": (
            Field(name="base_url", kind=FieldKind.URL, default="https://api.example.com"),
            Field(name="api_key", kind=FieldKind.SECRET, required=True),
        ),
        "tasks": (
            TaskDefinition(
                name="Echo",
                task_tag="echo",
                task_handler="function",
                inputs=(
                    Field(name="text", required=True),
                    Field(name="count", kind=FieldKind.NUMBER, default=1),
                    Field(name="token", kind=FieldKind.SECRET),
                ),
                error_handling=RetryPolicy(attempts=1, initial=0.01),
                timeout=20,
            ),
        ),
    }
    return AppDefinition(title=title, **{**parts, **changes})


@pytest.fixture
def plugin() -> FunctionPlugin:
    """The plugin through which a test says what tasks do: ``plugin.handler.functions[tag] = function``."""
    return FunctionPlugin()


@pytest.fixture
def zona(plugin: FunctionPlugin) -> Iterator[Zona]:
    """A Zona on a private in-memory store."""
    with Zona(store="memory://", plugins={"function": plugin}) as made:
        yield made


@pytest.fixture
def app_factory() -> Callable[..., AppDefinition]:
    """Makes small apps; see ``demo_app``."""
    return demo_app
