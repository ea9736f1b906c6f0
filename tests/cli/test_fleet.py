"""``zona fleet``: from a file to services that run, with an engine in memory that all calls of a test share."""

from __future__ import annotations

import json
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from zona_core import EngineFailed, FleetLocked, Zona
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.world import ReplicaState
from zona_core.testing._memory_images import MemoryImage
from zona_core.testing.memory_engine import MemoryEngine

FILE = """
name = "shop"

[toggles]
reports = false

[secrets.database]
environment = "SHOP_DATABASE"

[services.database]
image = "database:1"
group = "system"
accessory = true

[services.web]
image = "web:1"
group = "core"
replicas = 2
depends_on = ["database"]
secrets = [{ name = "database" }]
[services.web.environment]
LEVEL = "info"

[services.reports]
image = "reports:1"
group = "batch"
toggles = ["reports"]
"""
#: how images behave that are not named like others
ODD = "missing=web:missing&exits=web:exits&unhealthy=web:sick"
SECRET = "canary-fleet-secret"
PATIENCE = 30.0

Fleet = Callable[..., Result]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> MemoryEngine:
    """The engine of this test; the command line has the same."""
    url = f"memory:{uuid.uuid4().hex}?{ODD}"
    monkeypatch.setenv("ZONA_CONTAINER_ENGINE", url)
    return MemoryEngine.of_url(url)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``fleet.toml`` in the working folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SHOP_DATABASE", SECRET)
    (folder / "fleet.toml").write_text(FILE)
    return folder / "fleet.toml"


@pytest.fixture
def fleet(ready: Any, engine: MemoryEngine, file: Path) -> Fleet:
    """``zona fleet``: ``fleet("plan")``."""
    return lambda *arguments, **options: ready("fleet", *arguments, **options)


@pytest.fixture
def applied(fleet: Fleet) -> Fleet:
    """The same, once the file is applied."""
    done = fleet("apply", "--yes", "--reason", "first")
    assert done.exit_code == 0, done.output
    return fleet


def data(done: Result, code: int = 0) -> Any:
    """What a command wrote as JSON."""
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def image(file: Path, name: str) -> None:
    """Has the file ask for that image of ``web``."""
    file.write_text(FILE.replace('"web:1"', f'"{name}"'))


def history(fleet: Fleet) -> list[tuple[str, str]]:
    """Action and status of each deployment, the latest first."""
    return [(each["action"], each["status"]) for each in data(fleet("history", "-o", "json"))["items"]]


def test_a_plan_says_what_would_be_done(fleet: Fleet, engine: MemoryEngine) -> None:
    """In the order in which it would be, with the reason for each step; nothing is changed."""
    done = fleet("plan")
    assert done.exit_code == 2
    assert done.stdout.splitlines() == [
        "fleet shop: 1 resource to prepare, 2 to create",
        "resources",
        "  + network shop_default: bridge",
        "wave 1",
        "  + database  create: new",
        "wave 2",
        "  + web  create: new",
        "not running",
        "  reports: the toggle reports is off (toggles.reports) and has to be on",
    ]
    assert engine.writes == ()
    waves = data(fleet("plan", "--json"), 2)["waves"]
    assert [[step["service"] for step in wave] for wave in waves] == [["database"], ["web"]]


def test_what_is_applied_runs_and_a_second_time_nothing_is_done(fleet: Fleet, engine: MemoryEngine) -> None:
    """Lines where there is no terminal, without colours; then no call that changes anything, and no deployment."""
    done = fleet("apply", "--yes")
    assert done.exit_code == 0, done.output
    told = [line.split(maxsplit=1)[-1] for line in done.stdout.splitlines()]
    assert [line for line in told if line.startswith("wave") and ":" in line] == [
        "wave 1 of 2: database",
        "wave 2 of 2: web",
    ]
    assert told[-1].startswith("1 succeeded: 2 services (")
    assert "\x1b" not in done.output
    before = engine.writes
    again = fleet("apply", "--yes")
    assert (again.exit_code, again.stdout) == (0, "nothing to do: the fleet shop is as it is wanted\n")
    assert fleet("plan").exit_code == 0
    assert engine.writes == before
    assert history(fleet) == [("apply", "succeeded")]


def test_a_change_touches_one_service(applied: Fleet, engine: MemoryEngine, file: Path) -> None:
    """The plan shows what differs, and the other service is asked nothing."""
    before = len(engine.writes)
    file.write_text(FILE.replace('"info"', '"debug"'))
    assert "      ~ environment.LEVEL: info → debug" in applied("plan").stdout.splitlines()
    assert applied("apply", "--yes").exit_code == 0
    written = engine.writes[before:]
    assert written
    assert all(call.name.startswith("shop_web") for call in written)


def test_every_error_of_plan_ends_with_1(ready: Any, fleet: Fleet, engine: MemoryEngine, file: Path) -> None:
    """2 would say that there is something to do: wrong usage, a faulty file and an engine that is away say 1."""
    assert "No such option" in fleet("plan", "--odd").stderr
    assert [fleet("plan", *odd).exit_code for odd in (["--odd"], ["more"], ["-f", "nowhere.toml"])] == [1, 1, 1]
    file.write_text(FILE.replace('image = "web:1"', "image = 1"))
    done = fleet("plan", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stderr)["error"]["errors"][0]["path"] == "services.web.image"
    file.write_text(FILE)
    engine.unavailable = True
    assert fleet("plan").exit_code == 1
    assert fleet("apply", "--yes").exit_code == 17
    file.unlink()
    engine.unavailable = False
    assert (fleet("plan").exit_code, fleet("apply", "--yes").exit_code) == (1, 4)


def test_the_specification_is_looked_for(applied: Fleet, file: Path, tmp_path: Path) -> None:
    """The file that is named, else the one in the working folder, else the one that is stored, with its secrets."""
    other = tmp_path / "other.yaml"
    other.write_text("name: shop\nservices: {web: {image: other:1}}\n")
    assert applied("plan").stderr == "specification: fleet.toml\n"
    named = applied("plan", "-f", str(other))
    assert (named.exit_code, named.stderr) == (2, "")
    file.unlink()
    stored = applied("plan", env={"SHOP_DATABASE": None})
    assert (stored.exit_code, stored.stderr) == (0, "")
    (file.parent / "fleet.yaml").write_text(other.read_text())
    assert applied("plan").stderr == "specification: fleet.yaml\n"
    assert applied("plan", "--fleet", "shop").exit_code == 0


def test_secrets_that_are_not_here_keep_their_values(fleet: Fleet, file: Path) -> None:
    """It is said where they were looked for; one that never had a value is a fault."""
    never = fleet("plan", env={"SHOP_DATABASE": None})
    assert never.exit_code == 1
    assert "secrets.database" in never.stderr
    assert "not here, so the stored values count: database (SHOP_DATABASE)" in never.stderr
    assert fleet("apply", "--yes").exit_code == 0
    assert fleet("plan", env={"SHOP_DATABASE": None}).exit_code == 0
    changed = fleet("plan", env={"SHOP_DATABASE": "canary-another"})
    assert changed.exit_code == 2
    assert "web  update: file" in changed.stdout
    assert "canary-" not in changed.output


def test_a_plan_may_go_to_standard_output(fleet: Fleet) -> None:
    """And nothing else with it."""
    assert json.loads(fleet("plan", "-o", "-").stdout)["plan"]["fleet"] == "shop"


def test_a_plan_that_was_kept_is_applied_as_it_is(fleet: Fleet, file: Path, tmp_path: Path) -> None:
    """Without a question, and from where it was made, wherever it is applied."""
    kept = tmp_path / "shop.plan"
    assert fleet("plan", "-o", str(kept)).exit_code == 2
    assert SECRET not in kept.read_text()
    assert json.loads(kept.read_text())["specification"] == str(file)
    done = fleet("apply", str(kept))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("fleet shop: 1 resource to prepare, 2 to create\n")
    assert history(fleet) == [("apply", "succeeded")]


@pytest.mark.parametrize("moved", ["specification", "engine", "by hand"])
def test_a_plan_is_refused_if_the_world_has_moved(
    applied: Fleet, engine: MemoryEngine, file: Path, tmp_path: Path, moved: str
) -> None:
    """Nothing is changed."""
    kept = tmp_path / "shop.plan"
    image(file, "web:2")
    assert applied("plan", "-o", str(kept)).exit_code == 2
    if moved == "specification":
        image(file, "web:3")
    elif moved == "engine":
        engine.tamper("shop_database", image="other:1")
    else:
        assert applied("scale", "web=3").exit_code == 0
    before = engine.writes
    done = applied("apply", str(kept))
    assert done.exit_code == 5
    assert "error[plan_outdated]" in done.stderr
    assert engine.writes == before


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"zona_fleet_plan": 2}', '{"zona_fleet_plan": 1, "digest": 7}'])
def test_what_is_no_plan_is_refused(fleet: Fleet, tmp_path: Path, text: str) -> None:
    """Exit code 3, before anything else is looked at."""
    (tmp_path / "odd.plan").write_text(text)
    assert fleet("apply", str(tmp_path / "odd.plan")).exit_code == 3


def test_without_a_terminal_applying_has_to_be_confirmed(fleet: Fleet, engine: MemoryEngine) -> None:
    """Nobody can be asked: the plan is shown, and nothing is changed."""
    done = fleet("apply")
    assert done.exit_code == 2
    assert "use --yes" in done.stderr
    assert engine.writes == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [("web:missing", "image_missing"), ("web:exits", "replica_exited"), ("web:sick", "replica_unhealthy")],
)
def test_what_fails_is_rolled_back(applied: Fleet, engine: MemoryEngine, file: Path, name: str, words: str) -> None:
    """Exit code 20, and what ran before runs."""
    image(file, name)
    done = applied("apply", "--yes")
    assert done.exit_code == 20
    assert "error[deployment_rolled_back]" in done.stderr
    assert words in done.stdout
    image(file, "web:1")
    assert applied("plan").exit_code == 0
    assert data(applied("status", "-o", "json"))["settled"]
    shown = applied("show", "2").stdout
    assert words in shown


def test_a_failure_is_one_document_for_programs(applied: Fleet, file: Path) -> None:
    """The deployment on standard output, the error on standard error."""
    image(file, "web:exits")
    done = applied("apply", "--yes", "-o", "json")
    told = data(done, 20)
    assert told["status"] in ("failed", "rolled_back")
    assert {"targets", "intent"}.isdisjoint(told)
    assert json.loads(done.stderr)["error"]["details"]["deployment"] == told["id"]


def test_a_rollback_that_fails_has_its_own_exit_code(applied: Fleet, engine: MemoryEngine, file: Path) -> None:
    """21, and the next plan says what is left."""
    file.write_text(FILE.replace('"database:1"', '"database:2"').replace('"web:1"', '"web:exits"'))

    reached = threading.Event()

    def no_way_back(call: Any) -> None:
        if call.write and call.name.startswith("shop_web"):
            reached.set()
        elif call.write and reached.is_set():
            raise EngineFailed("the disk is full")

    engine.on_call(no_way_back)
    done = applied("apply", "--yes")
    assert done.exit_code == 21, done.output
    engine.on_call(lambda _: None)
    assert applied("plan").exit_code == 2


def test_a_deployment_that_takes_too_long_has_its_own_exit_code(
    applied: Fleet, engine: MemoryEngine, file: Path
) -> None:
    """22, and all is as it was."""
    engine.images["web:slow"] = MemoryImage(starts_in=1e6)
    image(file, "web:slow")
    done = applied("apply", "--yes")
    assert done.exit_code == 22, done.output
    assert data(applied("status", "-o", "json"))["settled"]


@pytest.fixture
def holding(engine: MemoryEngine, home: Path) -> Iterator[Callable[[], None]]:
    """Has somebody else begin a restart, which goes on until the test ends it by calling what this gives."""
    begun, ended = threading.Event(), threading.Event()

    def wait(call: Any) -> None:
        if call.write and not ended.is_set() and threading.current_thread().name.startswith("zona-fleet"):
            begun.set()
            ended.wait(PATIENCE)

    engine.on_call(wait)
    with Zona(home=str(home)) as zona:

        def restart() -> None:
            with suppress(FleetLocked):  # where the test takes the lock from it
                zona.system().fleet.restart(Selection(services=("web",)), reason="by ann")

        done = threading.Thread(target=restart)
        done.start()
        assert begun.wait(PATIENCE)

        def end() -> None:
            ended.set()
            done.join(PATIENCE)

        yield end
        end()


def test_a_fleet_that_somebody_is_at_is_locked(applied: Fleet, holding: Callable[[], None]) -> None:
    """23, told who it is; looking is not kept out; whoever waits has its turn."""
    done = applied("scale", "web=3")
    assert done.exit_code == 23
    assert "error[fleet_locked]" in done.stderr
    shown = applied("lock", "status")
    assert "restart: by ann" in shown.stdout
    assert data(applied("lock", "status", "-o", "json"))["fleet"] == "shop"
    assert applied("status").exit_code == 0
    timer = threading.Timer(0.5, holding)
    timer.start()
    waited = applied("scale", "web=3", "--wait", "30")
    timer.join()
    assert waited.exit_code == 0, waited.output
    assert "waiting for " in waited.stdout
    assert applied("lock", "status").stdout == "nobody is at the fleet\n"


def test_a_lock_is_taken_from_its_holder(applied: Fleet, holding: Callable[[], None]) -> None:
    """It is told whose it was; then anybody has a turn."""
    assert applied("lock", "release", "--reason", "hangs").stdout.startswith("released: ")
    assert applied("lock", "release").stdout == "nobody was at the fleet\n"
    holding()
    assert applied("apply", "--yes").exit_code == 0


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Who was started in the background ignores SIGINT, and hands that down."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_changes_back_what_was_changed(applied: Fleet, engine: MemoryEngine, file: Path) -> None:
    """130; nothing more is begun, and all is as it was."""
    pressed = threading.Event()

    def press(call: Any) -> None:
        if call.write and call.name.startswith("shop_database") and not pressed.is_set():
            pressed.set()
            signal.raise_signal(signal.SIGINT)

    file.write_text(FILE.replace('"database:1"', '"database:2"').replace('"web:1"', '"web:2"'))
    engine.on_call(press)
    done = applied("apply", "--yes")
    assert done.exit_code == 130, done.output
    assert "it was interrupted" in done.stderr
    assert history(applied)[0] == ("apply", "rolled_back")
    file.write_text(FILE)
    assert applied("plan").exit_code == 0


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_twice_leaves_it_as_it_is(applied: Fleet, engine: MemoryEngine, file: Path) -> None:
    """130, told what is left; the deployment counts as interrupted, and the next one finishes it."""
    reached, released = threading.Event(), threading.Event()

    def hang(call: Any) -> None:
        if call.write and call.name.startswith("shop_web") and not reached.is_set():
            reached.set()
            released.wait(PATIENCE)

    def press_twice() -> None:
        assert reached.wait(PATIENCE)
        while not released.is_set():
            signal.raise_signal(signal.SIGINT)
            released.wait(0.3)

    image(file, "web:2")
    engine.on_call(hang)
    presses = threading.Thread(target=press_twice)
    presses.start()
    try:
        done = applied("apply", "--yes")
    finally:
        released.set()
        presses.join()
    assert done.exit_code == 130, done.output
    assert "deployment 2 was broken off; left to do: web (zona fleet plan shows it)" in done.stderr
    assert applied("apply", "--yes", "--wait", "40").exit_code == 0
    assert ("apply", "interrupted") in history(applied)
    assert applied("plan").exit_code == 0


def test_what_is_said_by_hand_stays_said(applied: Fleet) -> None:
    """Numbers, stopped services and toggles outlive the next application, and are listed."""
    assert applied("scale", "web=3").exit_code == 0
    assert applied("toggle", "reports=on").exit_code == 0
    assert applied("stop", "--service", "database").exit_code == 0
    assert applied("apply", "--yes").stdout.startswith("nothing to do")
    record = data(applied("list", "-o", "json"))["items"][0]
    assert (record["scaled"], record["stopped"], record["toggles"]) == ({"web": 3}, ["database"], {"reports": True})
    assert "web=3" in applied("list").stdout
    rows = {row["name"]: row for row in data(applied("status", "-o", "json"))["services"]}
    assert rows["web"]["desired"] == rows["web"]["healthy"] == 3
    assert applied("start").exit_code == 0
    assert data(applied("status", "-o", "json"))["settled"]


def test_a_restart_touches_what_is_meant(applied: Fleet, engine: MemoryEngine) -> None:
    """All but accessories; by group, by name; an accessory if it is meant; nothing for a tenant without any."""
    for arguments, names in (
        (["restart"], {"web"}),
        (["restart", "--group", "core"], {"web"}),
        (["restart", "--service", "database"], {"database"}),
        (["restart", "--accessories"], {"web", "database"}),
        (["restart", "--tenant", "acme"], set()),
    ):
        before = len(engine.writes)
        assert applied(*arguments).exit_code == 0
        touched = {call.name.removeprefix("shop_").partition(".")[0] for call in engine.writes[before:]}
        assert touched == names, arguments


def test_a_tenant_that_is_named_before_the_command_counts(ready: Any, applied: Fleet, engine: MemoryEngine) -> None:
    """Else the whole fleet would be stopped."""
    before = engine.writes
    assert ready("--tenant", "acme", "fleet", "stop").exit_code == 0
    assert engine.writes == before


@pytest.mark.parametrize(
    "arguments",
    [["scale", "web"], ["scale", "web=many"], ["scale", "web=-1"], ["toggle", "reports=yes"], ["toggle", "reports"]],
)
def test_what_is_not_of_the_form_is_wrong_usage(applied: Fleet, arguments: list[str]) -> None:
    """Exit code 2."""
    assert applied(*arguments).exit_code == 2


def test_names_that_nothing_has_are_refused(applied: Fleet) -> None:
    """With the code of what is not there or not valid, and nothing is changed."""
    assert applied("scale", "odd=1").exit_code in (3, 4)
    assert applied("restart", "--service", "odd").exit_code in (3, 4)
    assert applied("toggle", "odd=on").exit_code == 3
    assert applied("explain", "odd").exit_code == 4
    assert applied("show", "99").exit_code == 4
    assert applied("logs", "odd").exit_code == 3


def test_going_back(applied: Fleet, file: Path) -> None:
    """To the one before the last, or to the one that is named."""
    image(file, "web:2")
    assert applied("apply", "--yes").exit_code == 0
    image(file, "web:3")
    assert applied("apply", "--yes").exit_code == 0
    assert "~ image: web:3 → web:2" in applied("rollback").stdout
    assert "~ image: web:2 → web:1" in applied("rollback", "1", "--reason", "all of it").stdout
    assert history(applied)[:2] == [("rollback", "succeeded")] * 2
    first = data(applied("history", "--limit", "1", "-o", "json"))
    assert (first["items"][0]["reason"], first["next"]) == ("all of it", "5")
    assert [each["number"] for each in data(applied("history", "--before", "3", "-o", "json"))["items"]] == [2, 1]
    assert "there are more: --before 5" in applied("history", "--limit", "1").stderr


def test_a_deployment_is_shown_by_number_or_id(applied: Fleet) -> None:
    """With its plan, and what became of each service; programs get all of it."""
    whole = data(applied("show", "1", "-o", "json"))
    assert whole["intent"]["specification"]
    shown = applied("show", whole["id"]).stdout
    assert "Reason      first" in shown
    assert "  + web  create: new" in shown
    assert SECRET not in shown + json.dumps(whole)


def test_a_service_is_explained(applied: Fleet) -> None:
    """Why it runs, or does not, and where its parts come from."""
    assert "services.web.environment.LEVEL" in applied("explain", "web").stdout
    assert data(applied("explain", "reports", "-o", "json"))["runs"] is False


def test_the_status_counts_what_works(applied: Fleet, engine: MemoryEngine) -> None:
    """By service, with the nodes and the engine's words."""
    engine.break_replica("shop_web", 1, ReplicaState.UNHEALTHY, "answers nothing")
    lines = applied("status").stdout.splitlines()
    header, row = lines[0].split(), next(line for line in lines if line.startswith("core"))
    assert header[:2] == ["Group", "Service"]
    assert row.split()[:6] == ["core", "web", "degraded", "2", "2", "1"]
    assert "node-1 1/2" in row
    assert "answers nothing" in row
    assert "not running: reports: " in applied("status").stdout


def test_lines_of_services_are_shown_and_told_as_json(applied: Fleet, engine: MemoryEngine, file: Path) -> None:
    """Each with the service that wrote it."""
    text = FILE.replace('image = "web:1"', 'image = "web:1"\ncommand = ["sh", "-c", "echo hello; sleep 1000"]')
    file.write_text(text)
    assert applied("apply", "--yes").exit_code == 0
    done = applied("logs", "web", "--tail", "1", "--since", "1h")
    assert len(done.stdout.splitlines()) == 2
    assert all(line.startswith("web ") and line.endswith(" | hello") for line in done.stdout.splitlines())
    told = [json.loads(line) for line in applied("logs", "-o", "json").stdout.splitlines()]
    assert {(each["service"], each["text"]) for each in told} == {("web", "hello")}


def test_events_are_shown_and_told_as_json(applied: Fleet) -> None:
    """Those of the last hour unless it is said from when on."""
    assert "web  service create" in applied("events").stdout
    told = [json.loads(line) for line in applied("events", "--since", "5m", "-o", "json").stdout.splitlines()]
    assert {"database", "web"} <= {each["service"] for each in told}
    assert applied("events", "--since", "2999-01-01T00:00:00Z").stdout == ""
    assert applied("events", "--since", "yesterday").exit_code == 2


def test_the_doctor_ends_with_5_if_something_is_serious(fleet: Fleet, file: Path) -> None:
    """What stands in the way is told before anything is tried."""
    assert fleet("doctor").exit_code == 0
    image(file, "web:missing")
    done = fleet("doctor")
    assert done.exit_code == 5
    assert "web:missing" in done.stdout
    assert data(fleet("doctor", "-o", "json"), 5)["items"][0]["serious"] is True


def test_what_is_left_behind_is_removed(applied: Fleet, engine: MemoryEngine, file: Path) -> None:
    """Volumes only if somebody says so, and not without an answer."""
    assert applied("prune").stderr == "nothing was left behind\n"
    file.write_text(FILE.replace('image = "web:1"', 'image = "web:1"\nvolumes = [{ name = "v", target = "/v" }]'))
    file.write_text(file.read_text() + "\n[volumes.v]\n")
    assert applied("apply", "--yes").exit_code == 0
    file.write_text(FILE)
    assert applied("apply", "--yes").exit_code == 0
    assert "shop_v" not in applied("prune").output
    assert "shop_v" in applied("prune", "--volumes", "--dry-run").stdout
    assert applied("prune", "--volumes").exit_code == 2
    assert "shop_v" in applied("prune", "--volumes", "--yes").stdout
    assert "shop_v" not in applied("prune", "--volumes", "--dry-run").output


def test_no_secret_is_shown(applied: Fleet, file: Path) -> None:
    """Whatever is asked, in whichever form."""
    shown = "".join(
        applied(*arguments, *form).output
        for arguments in (["plan"], ["history"], ["show", "1"], ["explain", "web"], ["status"], ["list"], ["doctor"])
        for form in ([], ["-o", "json"])
    )
    assert "web" in shown
    assert SECRET not in shown
