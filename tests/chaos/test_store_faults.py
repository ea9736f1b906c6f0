"""A store that breaks, or a process that dies, at any call of a run: it ends well, with each step recorded once."""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from waiting import until

from zona_core import AppDefinition, RunStatus, StoreUnavailable, TaskCall, TaskFailed, Zona, hookimpl
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepRetry, StepTask
from zona_core.testing.memory_store import MemoryStore
from zona_core.usecases._engine.book import record_id
from zona_core.usecases._engine.work import unit_key

#: in the long form there is a fault at each call, else at some
LONG = "ZONA_CHAOS" in os.environ
#: seconds after which something that has to happen counts as not happening
PATIENCE = 30.0


class Death(Exception):
    """What a process gets from its store from the moment of its death on: it can do nothing any more."""


class Faults:
    """Counts the calls of one process's store; the chosen one fails, before or after it was done, or is its last."""

    def __init__(
        self, clock: Callable[[], datetime], breaks_at: int = 0, *, after: bool = False, deadly: bool = False
    ) -> None:
        self.calls = 0
        self._clock = clock
        self.dead = False
        self._breaks_at = breaks_at
        self._after = after
        self._deadly = deadly
        self._lock = threading.Lock()

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            if self.dead:
                raise Death
            self.calls += 1
            chosen = self.calls == self._breaks_at
            self.dead = chosen and self._deadly and not self._after
        if chosen and not self._after:
            raise self._error()
        result = method(*args, **kwargs)
        if chosen:
            self.dead = self._deadly
            raise self._error()
        return result

    def _error(self) -> Exception:
        return Death() if self._deadly else StoreUnavailable("the store broke")

    @hookimpl
    def zona_store_adapters(self, details: Any) -> dict[str, Callable[[str], Any]]:
        return {
            "breaking": lambda url: Breaking(MemoryStore(url.replace("breaking", "memory"), clock=self._clock), self)
        }


class Breaking:
    """A store, or one of its collections, whose calls go through ``Faults``: so do a transaction's begin and end."""

    def __init__(self, inner: Any, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "collection":
            return lambda spec: Breaking(found(spec), self._faults)
        if name in ("close", "version") or not callable(found):
            return found
        return lambda *args, **kwargs: self._faults.call(found, *args, **kwargs)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._faults.call(lambda: None)
        with self._inner.transaction():
            yield
            self._faults.call(lambda: None)  # the answer to what comes now may be lost, with it kept or not
        self._faults.call(lambda: None)


def step(name: str, **more: Any) -> Step:
    key = f"{name}[{{{{ index }}}}]" if "for_each" in more else name
    text = f"{{{{ run.id }}}} {key}"
    return Step(name=name, task=StepTask(app="Demo", task="echo"), inputs={"text": text}, **more)


PLAYBOOKS = (
    PlaybookDefinition(title="Inner", steps=(step("x"),)),
    PlaybookDefinition(
        title="Outer",
        steps=(
            step("a"),
            step("b", after=("a",), retry=StepRetry(attempts=3, initial=0.01)),
            Step(name="list", set={"items": [1, 2]}, after=("a",)),
            step("each", after=("list",), for_each="steps.list.outputs.items", concurrency=1),
            Step(name="rest", wait=0.02, after=("b", "each")),
            Step(name="sub", playbook="Inner"),
            step("z"),
        ),
    ),
)
KEYS = {"a", "b", "list", "each[0]", "each[1]", "each", "rest", "sub", "z"}


class World:
    """One database with a clock of its own, a Zona on it that is sound, and what handlers were called for."""

    def __init__(self, app: AppDefinition, plugin: Any) -> None:
        self.url = f"breaking://{uuid.uuid4().hex}"
        self.plugin = plugin
        self.again: list[str] = []
        self.calls = 0
        self._ahead = timedelta()
        plugin.handler.functions["echo"] = self._echo
        self.sound = self.opened(Faults(self.now))
        self.work = self.sound.tenant()
        self.data = self.work._context.data
        self.work.apps.upsert(app)
        self.work.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        for playbook in PLAYBOOKS:
            self.work.playbooks.save(playbook)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def pass_by(self, seconds: float) -> None:
        """Lets time pass for the store, so that leases run out."""
        self._ahead += timedelta(seconds=seconds)

    def opened(self, faults: Faults) -> Zona:
        """A process, as it were."""
        plugins = {"function": self.plugin, "breaking": faults}
        return Zona(store=self.url, plugins=plugins, workers=2, lease_seconds=2)

    def _echo(self, call: TaskCall) -> dict[str, Any]:
        run_id, key = call.inputs["text"].split()
        self.calls += 1
        if self.data.runs.get(record_id(run_id, key)) is not None:
            self.again.append(f"{run_id} {key}")
        if key == "b" and call.attempt == 1:
            raise TaskFailed("not this time", retryable=True)
        return {}

    def carried_out(self, zona: Zona) -> None:
        """Returns once nothing is left to do; ``zona`` looks for what is due sooner than it would by itself."""
        ends_at = time.monotonic() + PATIENCE
        engine = zona._parts.engine
        engine.open()
        while self.data.jobs.count():
            assert time.monotonic() < ends_at, [run for run in self.data.runs.all() if not run.status.ended]
            engine.reap()
            engine.pick()
            time.sleep(0.005)

    def judge(self) -> None:
        """Each run has ended well, with all its steps."""
        runs = [run for run in self.data.runs.all() if not run.step]
        assert [run.error for run in runs] == [None] * len(runs)
        assert {run.status for run in runs} == {RunStatus.SUCCESS}
        [outer] = [run for run in runs if run.playbook_title == "Outer"]
        records = self.data.runs.all({"parent_id": outer.id})
        assert sorted(unit_key(each.step, each.item) for each in records if each.step) == sorted(KEYS)
        assert len(runs) == 2
        assert self.again == []


def places(app: AppDefinition, plugin: Any) -> range:
    """Numbers of the store's calls at which something is to happen: all of a run's in the long form, else some."""
    world = World(app, plugin)
    faults = Faults(world.now)
    with world.sound, world.opened(faults) as zona:
        zona.tenant().playbooks.start("Outer")
        world.carried_out(zona)
        world.judge()
    assert faults.calls > 60
    return range(1, faults.calls + 1) if LONG else range(random.randrange(1, 8), faults.calls, 7)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_store_that_breaks_at_any_call_fails_no_run(
    app_factory: Callable[..., AppDefinition], plugin: Any, after: bool
) -> None:
    """The call fails before it is done, or its answer is lost: the same process goes on with the run, to its end."""
    for place in places(app_factory(), plugin):
        world = World(app_factory(), plugin)
        with world.sound, world.opened(Faults(world.now, place, after=after)) as zona, explained(place):
            with suppress(StoreUnavailable):
                zona.tenant().playbooks.start("Outer")
            if not world.data.runs.count():  # whoever began it was told that it was not begun
                zona.tenant().playbooks.start("Outer")
            patiently(lambda world=world, zona=zona: world.carried_out(zona))
            world.judge()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_that_dies_at_any_call_leaves_its_run_to_another(
    app_factory: Callable[..., AppDefinition], plugin: Any, after: bool
) -> None:
    """Once the lease has run out another process goes on, and runs no step again that was recorded."""
    for place in places(app_factory(), plugin):
        world = World(app_factory(), plugin)
        faults = Faults(world.now, place, after=after, deadly=True)
        with world.sound, explained(place):
            dying = world.opened(faults)
            with suppress(Death):
                dying.tenant().playbooks.start("Outer")
            while not faults.dead and world.data.jobs.count():
                time.sleep(0.002)
            until(lambda dying=dying: dying._parts.engine.crew.room == 2)
            world.pass_by(10)
            if not world.data.runs.count():
                world.work.playbooks.start("Outer")
            world.carried_out(world.sound)
            world.judge()
            with suppress(Death):
                dying.close()


@contextmanager
def explained(place: int) -> Iterator[None]:
    """Says at which call it happened."""
    try:
        yield
    except BaseException as exc:
        exc.add_note(f"the fault was at call {place}")
        raise


def patiently(action: Callable[[], None]) -> None:
    """Does it, once more if it was this that met the fault."""
    try:
        action()
    except StoreUnavailable:
        action()
