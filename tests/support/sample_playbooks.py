"""Playbooks of apps, with every kind of step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sample_apps import app, task

from zona_core import AppDefinition, Field, FieldKind
from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import (
    Approval,
    Join,
    OnError,
    PlaybookDefinition,
    Step,
    StepRetry,
    StepTask,
)
from zona_core.domain.schedules import MissedRuns, Overlap, ScheduleDefinition, ScheduleStatus

__all__ = ["EVERY_SHAPE", "EVERY_TIME", "PLAYBOOK_APPS", "playbook", "running", "schedule"]


def running(name: str, place: str, **more: Any) -> Step:
    """A step that runs ``app/task``."""
    title, _, tag = place.rpartition("/")
    return Step(name=name, task=StepTask(app=title, task=tag, instance=more.pop("instance", "")), **more)


def playbook(title: str, of: str, *steps: Step | str, **more: Any) -> PlaybookDefinition:
    """A playbook that belongs to the app ``of``; a text is a step that runs that task."""
    made = tuple(
        running(f"s{index}", step) if isinstance(step, str) else step for index, step in enumerate(steps or ("",))
    )
    return PlaybookDefinition(title=title, app=of, steps=made if steps else (Step(name="nothing"),), **more)


#: apps for these playbooks: the first one needs tasks of the second, which comes later in a package
PLAYBOOK_APPS: tuple[AppDefinition, ...] = (
    app("Alpha", task("find", inputs=(Field(name="ip"), Field(name="deep", kind=FieldKind.BOOLEAN))), task("block")),
    app("Beta", task("mail", inputs=(Field(name="to", required=True),))),
)
#: in an order in which they can be saved
EVERY_SHAPE: tuple[PlaybookDefinition, ...] = (
    playbook(
        "Tell", "Beta", running("mail", "Beta/mail", inputs={"to": "{{ inputs.to }}"}), inputs=(Field(name="to"),)
    ),
    playbook(
        "Contain / übel 🦄",
        "Alpha",
        running("look", "Alpha/find", inputs={"ip": "{{ inputs.ip }}", "deep": True}, instance="{{ inputs.where }}"),
        Step(
            name="note", set={"at": 1.0, "all": [1, {"x": None}], "who": "{{ steps.look.status }}"}, after=("look:end",)
        ),
        Step(name="pause", wait="{{ inputs.seconds }}", after=(), when="inputs.seconds > `1`"),
        Step(
            name="ask",
            approval=Approval(message="Block {{ inputs.ip }}?", expires=60.5),
            after=("look", "pause:passed"),
        ),
        running(
            "block",
            "Alpha/block",
            for_each="inputs.ips",
            concurrency=2,
            collect_errors=True,
            retry=StepRetry(attempts=3, on=("http_status",)),
            timeout=2.5,
            on_error=OnError.CONTINUE,
            join=Join.ANY,
            after=("ask", "look:failure"),
            instance="Main",
        ),
        Step(name="tell", playbook="Tell", inputs={"to": "soc@example.com"}, description="A mail\nto all"),
        running("mail", "Beta/mail", inputs={"to": "x"}),
        description="Everything",
        version="2.1",
        inputs=(
            Field(name="ip", required=True),
            Field(name="ips", kind=FieldKind.LIST, item_kind=FieldKind.TEXT),
            Field(name="key", kind=FieldKind.SECRET),
            Field(name="seconds", kind=FieldKind.NUMBER, default=2),
            Field(name="where"),
        ),
        outputs={"blocked": "{{ steps.block.status == 'success' }}", "n": 2**53},
        timeout=90.0,
        concurrency=3,
        tags=("soc", "net"),
    ),
    playbook("Idle", "Alpha", running("x", "Alpha/block"), status=AppStatus.INACTIVE),
    playbook("Sketch", "Alpha", running("x", "Nowhere/nothing"), status=AppStatus.DRAFT),
    playbook("Again", "Alpha", Step(name="run", playbook="Contain / übel 🦄", inputs={"ip": "192.0.2.7"})),
)


def schedule(title: str, of: str, **more: Any) -> ScheduleDefinition:
    """A schedule that runs the playbook ``of``: every night, if nothing else is said."""
    times = {} if "every" in more else {"cron": "30 2 * * *"}
    return ScheduleDefinition(title=title, playbook=of, **{**times, **more})


#: schedules of these playbooks: every way to say when
EVERY_TIME: tuple[ScheduleDefinition, ...] = (
    schedule(
        "Nightly / übel 🦄",
        "Contain / übel 🦄",
        description="Whenever all sleep",
        cron="0 3 * * MON-FRI",
        time_zone="Europe/Berlin",
        inputs={"ip": "192.0.2.7", "ips": ["192.0.2.8"]},
        jitter=90.5,
        missed=MissedRuns.ALL,
        overlap=Overlap.ALLOW,
    ),
    schedule(
        "At even times",
        "Tell",
        every=90.0,
        missed=MissedRuns.SKIP,
        starts_at=datetime(2030, 1, 31, 9, 30, 0, 125_000, tzinfo=UTC),
        ends_at=datetime(2031, 1, 1, tzinfo=UTC),
    ),
    schedule("Paused", "Tell", inputs={"to": "soc@example.com"}, status=ScheduleStatus.INACTIVE),
)
