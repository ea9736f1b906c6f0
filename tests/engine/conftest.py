"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, Zona
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepTask


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
