"""What is shown of a fleet: plans, and deployments as they come along."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from zona_cli._fleet_course import Course, line_of
from zona_cli._fleet_plans import plan_lines, summary
from zona_cli._fleet_texts import age, short_hash, took
from zona_core.domain.fleet.deployments import Deployment, DeploymentStatus, FleetLock, Outcome, OutcomeStatus
from zona_core.domain.fleet.plan import Difference, Plan, Reason, ResourceKind, ResourceStep, Step, Verb
from zona_core.domain.fleet.progress import (
    DeploymentBegan,
    DeploymentEnded,
    LockAwaited,
    RevertBegan,
    ServiceEnded,
    ServiceProgress,
    WatchTroubled,
    WaveBegan,
)
from zona_core.domain.fleet.targets import Targets

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


def step(service: str, verb: Verb = Verb.UPDATE, *differences: Difference, tenant: str = "") -> Step:
    return Step(service=service, verb=verb, reasons=(Reason.IMAGE,), differences=differences, tenant_code=tenant)


def difference(path: str, before: str, after: str) -> Difference:
    return Difference(path=path, before=before, after=after, reason=Reason.IMAGE)


def shown(plan: Plan) -> list[str]:
    return [line.plain for line in plan_lines(plan)]


def deployment(**changes: object) -> Deployment:
    plan = Plan(fleet="shop", waves=((step("db"), step("web")),))
    known = {"id": "d", "fleet": "shop", "number": 7, "action": "apply", "began_at": NOW, "plan": plan}
    return Deployment(**{**known, "targets": Targets(fleet="shop"), **changes})  # type: ignore[arg-type]


def test_a_plan_has_its_parts_in_the_order_in_which_they_are_done() -> None:
    """Resources, waves with what differs, what does not run, what stands in the way."""
    plan = Plan(
        fleet="shop",
        resources=(ResourceStep(kind=ResourceKind.VOLUME, name="shop_rows", detail="local"),),
        waves=(
            (step("db", Verb.CREATE, difference("image", "", "db:1")),),
            (
                step("web", Verb.UPDATE, difference("image", "a", "b"), difference("labels.x", "", "1")),
                step("acme-1-2", Verb.REMOVE, tenant="acme"),
                step("api", Verb.REPAIR, difference("user", "7", "")),
            ),
        ),
        unchanged=("cache",),
        left_out={"batch": "the toggle is off"},
        problems=("no node has the role x",),
    )
    assert shown(plan) == [
        "fleet shop: 1 resource to prepare, 1 to create, 1 to update, 1 to repair, 1 to remove, 1 unchanged",
        "resources",
        "  + volume shop_rows: local",
        "wave 1",
        "  + db  create: image",
        "wave 2",
        "  ~ web  update: image",
        "      ~ image: a → b",
        "      + labels.x: 1",
        "  - acme-1-2  remove (tenant acme): image",
        "  ! api  repair: image",
        "      - user: 7",
        "not running",
        "  batch: the toggle is off",
        "in the way",
        "  no node has the role x",
    ]


def test_a_plan_without_a_step_says_so() -> None:
    """In one line."""
    assert summary(Plan(fleet="shop")) == "nothing to do"
    assert shown(Plan(fleet="shop", unchanged=("a", "b"))) == ["fleet shop: nothing to do, 2 unchanged"]


def test_what_comes_from_elsewhere_is_made_harmless() -> None:
    """Control characters and line breaks in values and names; long values and many differences are cut."""
    many = [difference(f"environment.V{number}", "", "x" * 500) for number in range(25)]
    plan = Plan(fleet="shop", waves=((step("web", Verb.UPDATE, difference("image", "a", "\x1b[31m\nb"), *many),),))
    lines = shown(plan)
    assert lines[3] == r"      ~ image: a → \x1b[31m b"
    assert max(map(len, lines)) < 160
    assert lines[-1] == "      … 6 more differences: --output json shows all"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, ""), (0.04, "0.0 s"), (3.21, "3.2 s"), (42.4, "42 s"), (185, "3 min 5 s"), (3_599.9, "59 min 59 s")],
)
def test_spans_of_time_are_short(seconds: float, text: str) -> None:
    """Tenths below ten seconds, minutes above sixty."""
    assert took(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (61, "1 min"), (7_300, "2 h"), (200_000, "2 d"), (-5, "0 s")]
)
def test_ages_are_in_the_largest_unit(seconds: int, text: str) -> None:
    """A clock that is behind makes nothing negative."""
    assert age(NOW - timedelta(seconds=seconds), NOW) == text
    assert age(None, NOW) == ""


def test_a_hash_is_shown_without_its_schema() -> None:
    """As much of it as tells it from others."""
    assert (short_hash("1:9f86d081884c7d65"), short_hash("")) == ("9f86d081", "")


LOCK = FleetLock(fleet="shop", holder="cli:ann", host="h1", reason="apply", taken_at=NOW, until=NOW)
FAILED = Outcome(
    service="web", verb="update", status=OutcomeStatus.FAILED, seconds=2.5, code="replica_exited", message="1"
)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (LockAwaited(lock=LOCK), "waiting for cli:ann on h1 (apply)"),
        (DeploymentBegan(deployment=deployment(), plan=deployment().plan), "deployment 7 (apply) begins"),
        (WaveBegan(number=1, count=2, services=("db", "web")), "wave 1 of 2: db, web"),
        (ServiceProgress(service="web", done=1, wanted=3, message="health\n check"), "web: 1 of 3 health check"),
        (ServiceEnded(outcome=FAILED), "web: failed (2.5 s) replica_exited: 1"),
        (
            RevertBegan(services=("web", "db"), code="replica_exited", message="1"),
            "failed, going back: web, db (replica_exited)",
        ),
        (RevertBegan(services=(), code="x"), "failed, going back: nothing was changed (x)"),
        (DeploymentEnded(deployment=deployment(status=DeploymentStatus.SUCCEEDED)), "deployment 7: succeeded"),
        (
            WatchTroubled(code="c", message="m", services=("web",), seconds=20.0),
            "c: m; left alone: web; tried again in 20 s",
        ),
    ],
)
def test_everything_that_is_told_has_a_line(event: object, line: str) -> None:
    """One line, whatever is in it."""
    assert line_of(event) == line  # type: ignore[arg-type]


def drawn(course: Course, height: int = 40) -> list[str]:
    """What the screen shows."""
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(course.drawn(height))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_deployment_is_drawn_as_it_comes_along() -> None:
    """What failed and what is under way stands above what waits, and that above what is done."""
    course = Course()
    assert course.left() == []
    course.note(LockAwaited(lock=LOCK))
    assert drawn(course)[0].startswith("waiting for cli:ann on h1 (apply) (")
    plan = Plan(fleet="shop", waves=(tuple(step(name) for name in ("db", "web", "api", "batch")),))
    course.note(DeploymentBegan(deployment=deployment(), plan=plan))
    course.note(WaveBegan(number=1, count=1, services=("db", "web", "api")))
    course.note(ServiceProgress(service="api", done=1, wanted=3, message="pulling"))
    course.note(ServiceEnded(outcome=Outcome(service="db", verb="update", status=OutcomeStatus.DONE, seconds=1.0)))
    course.note(ServiceEnded(outcome=FAILED))
    lines = drawn(course)
    assert lines[0].startswith("deployment 7, wave 1 of 1 (")
    assert [line.split()[0] for line in lines[2:]] == ["web", "api", "batch", "db"]
    assert lines[3].split()[:4] == ["api", "update", "running", "1/3"]
    assert "replica_exited: 1" in lines[2]
    assert course.left() == ["web", "api", "batch"]
    course.note(RevertBegan(services=("web",), code="replica_exited"))
    assert drawn(course)[0].startswith("deployment 7, going back (")


def test_what_has_no_room_is_counted() -> None:
    """The table never is higher than the screen."""
    course = Course()
    plan = Plan(fleet="shop", waves=(tuple(step(f"s{number}") for number in range(50)),))
    course.note(DeploymentBegan(deployment=deployment(), plan=plan))
    course.note(ServiceEnded(outcome=Outcome(service="s0", verb="update", status=OutcomeStatus.DONE)))
    lines = drawn(course, 12)
    assert len(lines) < 12
    assert lines[-1] == "… and 42 waiting, 1 done"
