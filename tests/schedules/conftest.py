"""What the tests of schedules share: the calendar as plugins offer it, and a Zona with something to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zona_core import AppDefinition, Zona
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.plugins import Plugins
from zona_core.ports.calendar import Calendar

REPORT = PlaybookDefinition(
    title="Report",
    inputs=(Field(name="days", kind=FieldKind.NUMBER, default=1), Field(name="token", kind=FieldKind.SECRET)),
    steps=(Step(name="sum", set={"days": "{{ inputs.days }}"}),),
    outputs={"days": "{{ steps.sum.outputs.days }}"},
)


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    """The calendar that ``Zona`` uses."""
    return Plugins().calendar()


@pytest.fixture
def furnish(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Callable[[Zona], Zona]:
    """Gives a Zona the playbook Report, and the app Demo with one instance, whose task ``echo`` gives its text."""
    plugin.handler.functions["echo"] = lambda call: {"text": call.inputs["text"]}

    def furnished(zona: Zona, tenant: str | None = None) -> Zona:
        workspace = zona.tenant(tenant)
        workspace.playbooks.save(REPORT)
        workspace.apps.upsert(app_factory())
        workspace.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        return zona

    return furnished


@pytest.fixture
def zona(plugin: Any, furnish: Callable[[Zona], Zona]) -> Iterator[Zona]:
    """A Zona with something to run."""
    with Zona(store="memory://", plugins={"function": plugin}, workers=4) as made:
        yield furnish(made)


@pytest.fixture
def daily() -> Callable[..., ScheduleDefinition]:
    """Makes a schedule of the playbook Report, at six each morning in Berlin."""

    def made(**given: Any) -> ScheduleDefinition:
        base = {"title": "Daily", "playbook": "Report", "cron": "0 6 * * *", "time_zone": "Europe/Berlin"}
        return ScheduleDefinition(**{**base, **given})

    return made
