"""What the engine is measured with: a plugin with handlers that do nothing or sleep, its app, and playbooks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zona_core import (
    AppDefinition,
    ConnectionReport,
    Field,
    FieldKind,
    TaskCall,
    TaskDefinition,
    TaskOutcome,
    Zona,
    hookimpl,
)
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepTask

__all__ = ["Plugin", "chain", "entry_point", "for_each", "long", "prepared", "slow_server"]


class Handler:
    """Does nothing, or sleeps for ``seconds``."""

    def app_faults(self, app: Any) -> list[Any]:
        return []

    def task_faults(self, task: Any, app: Any) -> list[Any]:
        return []

    def run(self, call: TaskCall) -> TaskOutcome:
        if seconds := call.inputs.get("seconds"):
            time.sleep(seconds)
        return TaskOutcome(outputs={"n": call.inputs.get("n")})

    def test(self, connection: Any, timeout: float) -> ConnectionReport:
        return ConnectionReport(ok=True, detail="")


class Plugin:
    """Brings the handler ``bench``."""

    @hookimpl
    def zona_task_handlers(self, details: Any) -> dict[str, Any]:
        return {"bench": Handler}


PLUGIN = Plugin()


def app() -> AppDefinition:
    inputs = (
        Field(name="n", kind=FieldKind.NUMBER, default=0),
        Field(name="seconds", kind=FieldKind.NUMBER, default=0),
    )
    return AppDefinition(
        title="Bench", tasks=(TaskDefinition(name="Work", task_tag="work", task_handler="bench", inputs=inputs),)
    )


def _step(name: str, **more: Any) -> Step:
    return Step(name=name, task=StepTask(app="Bench", task="work"), **more)


def chain(length: int) -> PlaybookDefinition:
    """Steps that do nothing, each with what the one before gave."""
    first = _step("s0", inputs={"n": "{{ inputs.n }}"})
    more = (_step(f"s{n}", inputs={"n": f"{{{{ steps.s{n - 1}.outputs.n }}}}"}) for n in range(1, length))
    number = Field(name="n", kind=FieldKind.NUMBER, default=1)
    outputs = {"n": f"{{{{ steps.s{length - 1}.outputs.n }}}}"}
    return PlaybookDefinition(title=f"chain {length}", inputs=(number,), steps=(first, *more), outputs=outputs)


def long(count: int, seconds: float) -> PlaybookDefinition:
    """Steps that sleep, side by side."""
    steps = tuple(_step(f"s{n}", after=(), inputs={"seconds": seconds}) for n in range(count))
    return PlaybookDefinition(title="long", steps=steps)


def for_each(count: int, concurrency: int, task: StepTask, inputs: dict[str, Any]) -> PlaybookDefinition:
    """One step for each of so many items, so many at a time."""
    items = Step(name="each", task=task, inputs=inputs, for_each=list(range(count)), concurrency=concurrency)
    return PlaybookDefinition(title="each", steps=(items,), concurrency=concurrency)


def prepared(zona: Zona, *playbooks: PlaybookDefinition) -> None:
    """Puts app and playbooks into the store."""
    zona.tenant().apps.upsert(app())
    for each in playbooks:
        zona.tenant().playbooks.save(each)


def entry_point(folder: Path) -> None:
    """An installed distribution in ``folder``, for processes with that in their path, which brings the plugin."""
    info = folder / "zona_bench-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zona-bench\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[zona]\nbench = _engine_parts:PLUGIN\n")


@contextmanager
def slow_server(seconds: float) -> Iterator[str]:
    """The URL of a server, a process of its own, whose every answer takes so long."""
    script = Path(__file__).with_name("_engine_slow.py")
    with subprocess.Popen(
        [sys.executable, "-P", str(script), str(seconds)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()
