"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, Zona, hookimpl
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepTask
from zona_core.testing.memory_store import MemoryStore


class ClockedStores:
    """Brings stores in memory, ``clocked:``, that go by a test's clock."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    @hookimpl
    def zona_store_adapters(self, details: Any) -> dict[str, Callable[[str], Any]]:
        return {"clocked": lambda url: MemoryStore("memory://", clock=self._clock.now)}


@pytest.fixture
def clocked(plugin: Any, clock: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """Like ``zona``; its store's clock and the process's stand still until the test moves ``clock``."""
    plugins = {"function": plugin, "clocked": ClockedStores(clock)}
    with Zona(store="clocked://", plugins=plugins, clock=clock, workers=4, lease_seconds=3_600) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        yield zona


@pytest.fixture
def zona(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with the app Demo, whose task ``echo`` takes a text, and one instance."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=4) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        yield zona


@pytest.fixture
def echo() -> Callable[..., Step]:
    """Makes a step that runs Demo's task."""

    def made(name: str, text: str = "x", **more: Any) -> Step:
        return Step(name=name, task=StepTask(app="Demo", task="echo"), inputs={"text": text}, **more)

    return made


@pytest.fixture
def playbook() -> Callable[..., PlaybookDefinition]:
    """Makes a playbook with an optional input ``ip``."""

    def made(*steps: Step, **more: Any) -> PlaybookDefinition:
        base = PlaybookDefinition(title="Enrich", inputs=(Field(name="ip", kind=FieldKind.TEXT),), steps=steps)
        return evolve(base, **more)

    return made
