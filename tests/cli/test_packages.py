"""``zona apps export``, ``import`` and ``inspect``."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app as sample
from sample_apps import task
from sample_playbooks import playbook, schedule

from zona_cli._errors import PARTLY
from zona_core import Field, FieldKind, Zona

Call = Callable[..., Any]


def put(home: Path, *definitions: Any) -> None:
    """Stores apps, or new versions of them."""
    with Zona.embedded(home) as zona:
        here = zona.tenant().apps
        ids = {each.title: each.integration_id for each in here.list().items}
        for each in definitions:
            here.upsert(each, app_id=ids.get(each.title, 0))


@pytest.fixture
def filled(ready: Call, home: Path) -> Call:
    """``zona`` with two apps, one of which needs the other."""
    put(home, sample("Base", task("info"), task("lookup")), sample("Scan", task("enrich", "Base/lookup")))
    return ready


@pytest.fixture
def other(ready: Call, filled: Call) -> Call:
    """The same in another tenant, where there is nothing."""
    assert ready("tenants", "add", "acme").exit_code == 0
    return lambda *arguments, **options: ready("--tenant", "acme", *arguments, **options)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("target", ["apps.zona", "apps", "tree/", "out.d"])
def test_apps_go_from_one_tenant_to_another(filled: Call, other: Call, target: str, here: Path) -> None:
    """As a file or a folder; exported again they are the same to the byte."""
    (here / "out.d").mkdir()
    done = filled("apps", "export", "--all", "-o", target)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"wrote 2 apps with 3 tasks to {target}" in done.stderr
    imported = other("apps", "import", target)
    assert imported.exit_code == 0, imported.stderr
    assert [line.split() for line in imported.stdout.splitlines()[1:]] == [
        ["Base", "created", "1", "2", "made"],
        ["Scan", "created", "2", "1", "made"],
    ]
    assert "2 apps: 2 created; not signed" in imported.stderr
    again = other("apps", "export", "--all", "--file", "again", "--output", "json")
    digest = json.loads(again.stdout)["digest"]
    assert f"digest: {digest}" in done.stderr
    if Path(target).is_file():
        assert Path(target).read_bytes() == Path("again").read_bytes()
    assert [name for name in os.listdir() if name.endswith(".part")] == []


def test_a_name_that_ends_in_json_asks_for_a_document(filled: Call) -> None:
    """Of one app; the form may be said in any case."""
    assert filled("apps", "export", "Base", "-o", "Base.JSON").exit_code == 0
    assert json.loads(Path("Base.JSON").read_text())["app"]["title"] == "Base"
    refused = filled("apps", "export", "--all", "-o", "all.json")
    assert (refused.exit_code, "too_many_apps" in refused.stderr) == (3, True)
    assert not Path("all.json").exists()
    assert filled("apps", "export", "--all", "-o", "all.json", "--format", "zona").exit_code == 0


def test_standard_streams_are_minus(filled: Call, other: Call) -> None:
    """A package goes through a pipe; with JSON for output the report goes to standard error."""
    done = filled("apps", "export", "Base", "-o", "-", "--output", "json")
    assert json.loads(done.stderr)["apps"] == ["Base"]
    imported = other("apps", "import", "-", "-o", "json", input=done.stdout_bytes)
    assert [each["result"] for each in json.loads(imported.stdout)["apps"]] == ["created"]
    document = filled("apps", "export", "Base", "-o", "-", "--format", "json")
    assert json.loads(document.stdout)["app"]["title"] == "Base"
    assert "wrote 1 app with 2 tasks to standard output" in document.stderr
    refused = filled("apps", "export", "Base", "-o", "-", "--format", "folder")
    assert (refused.exit_code, "is a folder" in refused.stderr) == (2, True)


def test_what_is_missing_is_told_and_the_rest_is_written(filled: Call) -> None:
    """The exit code says so, too; with nothing left there is no package."""
    done = filled("apps", "export", "Base", "Nobody", "-o", "apps.zona")
    assert (done.exit_code, "warning: there is no app Nobody" in done.stderr) == (4, True)
    assert "wrote 1 app" in done.stderr
    nothing = filled("apps", "export", "Nobody", "-o", "nothing.zona")
    assert (nothing.exit_code, "nothing_to_export" in nothing.stderr) == (3, True)
    assert os.listdir() == ["apps.zona"]


def test_apps_are_named_or_all_meant(filled: Call) -> None:
    """Neither and both are refused, and so is an export without a place."""
    for arguments in (("-o", "x"), ("Base", "--all", "-o", "x"), ("Base",)):
        assert filled("apps", "export", *arguments).exit_code == 2
    assert os.listdir() == []


def test_literal_secrets_are_left_out_with_a_warning(ready: Call, home: Path) -> None:
    """Each with its place; the value is nowhere."""
    header = {"in": "header", "name": "X-Token", "value": "canary-2f8e"}
    config = {"method": "GET", "path": "/x", "parameters": [header]}
    put(home, sample("Leaky", evolve(task("x"), handler_config=config)))
    done = ready("apps", "export", "Leaky", "-o", "leaky.json")
    assert "warning: Leaky/x: handler_config.parameters[0].value: a literal secret was left out" in done.stderr
    assert "canary-2f8e" not in Path("leaky.json").read_text() + done.stderr


def test_a_file_is_replaced_only_by_a_whole_one(filled: Call) -> None:
    """What fails leaves what was there; a link stays a link; nothing else is left behind."""
    Path("real.json").write_text("before")
    Path("apps.json").symlink_to("real.json")
    assert filled("apps", "export", "--all", "-o", "apps.json").exit_code == 3
    assert Path("real.json").read_text() == "before"
    assert filled("apps", "export", "Base", "-o", "apps.json").exit_code == 0
    assert Path("apps.json").is_symlink()
    assert json.loads(Path("real.json").read_text())["app"]["title"] == "Base"
    assert sorted(os.listdir()) == ["apps.json", "real.json"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(Path("real.json").stat().st_mode) == 0o666 & ~mask


def test_a_pipe_is_written_to_and_read_from(filled: Call, other: Call) -> None:
    """What is no file is not replaced by one."""
    os.mkfifo("pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()))
    reader.start()
    assert filled("apps", "export", "--all", "-o", "pipe").exit_code == 0
    reader.join()
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(read[0]))
    writer.start()
    assert other("apps", "import", "pipe").exit_code == 0
    writer.join()


def test_a_folder_with_other_things_is_not_written_to_by_chance(filled: Call) -> None:
    """It has to be said that one is meant; a package in it is replaced, what else is there stays."""
    Path("repository").mkdir()
    Path("repository/README.md").write_text("mine")
    for target in ("repository", "repository/"):
        refused = filled("apps", "export", "--all", "-o", target)
        assert (refused.exit_code, "has other things in it" in refused.stderr) == (2, True)
    assert os.listdir("repository") == ["README.md"]
    assert filled("apps", "export", "--all", "-o", "repository", "--format", "folder").exit_code == 0
    assert filled("apps", "export", "Base", "-o", "repository").exit_code == 0
    assert sorted(os.listdir("repository")) == ["README.md", "base", "package.json"]


def test_what_cannot_be_written_or_read_is_told(filled: Call) -> None:
    """As wrong usage, with the reason."""
    for arguments in (("export", "--all", "-o", "no/such"), ("import", "nosuch"), ("inspect", "nosuch")):
        done = filled("apps", *arguments)
        assert (done.exit_code, "No such file or directory" in done.stderr) == (2, True)
    Path("text").write_text("nothing")
    refused = filled("apps", "import", "text")
    assert (refused.exit_code, "package_damaged" in refused.stderr) == (3, True)
    unknown = filled("apps", "export", "--all", "-o", "x", "--format", "nosuch")
    assert (unknown.exit_code, "known: folder, json, zona" in unknown.stderr) == (4, True)


def test_a_dry_run_shows_what_would_be_changed(filled: Call, home: Path) -> None:
    """For each app that would be, place by place; nothing is changed."""
    filled("apps", "export", "--all", "-o", "apps.zona")
    put(home, sample("Base", task("info", description="new"), task("lookup"), task("more"), category="tests"))
    dry = filled("apps", "import", "apps.zona", "--on-conflict", "overwrite", "--dry-run")
    assert dry.exit_code == 0
    assert "dry run, nothing was changed: 2 apps: 1 overwritten, 1 unchanged" in dry.stderr
    table, _, changes = dry.stdout.partition("\n\nBase\n")
    assert "1 updated, 1 retired" in table
    assert changes.splitlines()[:2] == ['- category: "tests"', '- tasks[info].description: "new"']
    assert changes.splitlines()[2].startswith("- tasks[more]: {")
    assert "Category       tests" in filled("apps", "show", "Base").stdout.replace("  tests", "       tests")
    assert filled("apps", "import", "apps.zona", "--on-conflict", "overwrite").exit_code == 0
    again = filled("apps", "import", "apps.zona", "--on-conflict", "overwrite")
    assert "2 apps: 2 unchanged" in again.stderr


def test_what_was_mapped_and_what_is_missing_is_told(filled: Call, other: Call) -> None:
    """References to a renamed app lead to it; those to what is not there wait."""
    filled("apps", "export", "--all", "-o", "all.zona")
    filled("apps", "export", "Scan", "-o", "scan.zona")
    lone = other("apps", "import", "scan.zona")
    assert "warning: Scan: Base/lookup is missing, and waited for: tasks[enrich].depends_on[0]" in lone.stderr
    renamed = filled("apps", "import", "all.zona", "--on-conflict", "rename")
    assert re.fullmatch(r"Base +renamed +\d +2 made +Base \(2\)", renamed.stdout.splitlines()[1])
    assert "Scan: Base/lookup now leads to Base (2): tasks[enrich].depends_on[0]" in renamed.stderr


def test_a_task_that_others_need_stays(filled: Call, home: Path) -> None:
    """It is told which."""
    put(home, sample("Lone", task("info"), task("own")))
    filled("apps", "export", "Lone", "-o", "lone.zona")
    put(home, sample("Lone", task("info"), task("own"), task("late")), sample("User", task("x", "Lone/late")))
    done = filled("apps", "import", "lone.zona", "--on-conflict", "overwrite")
    assert "warning: Lone: the task late is not in the package, and stays: other apps need it" in done.stderr


def test_instances_that_an_import_broke_are_told(filled: Call, home: Path) -> None:
    """Those that lack what the new version of their app requires, also before it is imported."""
    put(home, evolve(sample("Base", task("info"), task("lookup")), fields=(Field(name="region", required=True),)))
    assert filled("apps", "export", "Base", "-o", "new.zona").exit_code == 0
    put(home, sample("Base", task("info"), task("lookup")))
    assert filled("instances", "add", "Base", "--title", "main").exit_code == 0
    for options in (["--dry-run"], []):
        done = filled("apps", "import", "new.zona", "--on-conflict", "overwrite", *options)
        assert "Base: the instance main cannot be used as it is" in done.stderr


def test_one_app_that_fails_has_an_exit_code_of_its_own(filled: Call, other: Call) -> None:
    """The others are imported; why it failed is told, and is in the report for programs."""
    filled("apps", "export", "--all", "-o", "tree/")
    manifest = json.loads(Path("tree/package.json").read_text())
    del manifest["digest"]
    Path("tree/package.json").write_text(json.dumps(manifest))
    file = Path("tree/base/tasks/info.json")
    file.write_text(file.read_text().replace('"http"', '"nosuch"'))
    done = other("apps", "import", "tree")
    assert done.exit_code == PARTLY
    assert "2 apps: 1 failed, 1 created" in done.stderr
    assert "error[invalid_input]: Base: " in done.stderr
    assert "nosuch" in done.stderr
    as_json = other("apps", "import", "tree", "-o", "json")
    assert as_json.exit_code == PARTLY
    assert json.loads(as_json.stdout)["apps"][0]["error"]["code"] == "invalid_input"
    assert as_json.stderr == ""


def test_signatures_are_made_and_asked_for(filled: Call, other: Call) -> None:
    """By a key of `zona keys`; what nobody knows is refused, required or not, unless it is not looked at."""
    assert filled("keys", "create", "releases").exit_code == 0
    signed = filled("apps", "export", "--all", "-o", "signed.zona", "--sign", "releases")
    assert ", signed by " in signed.stderr
    filled("apps", "export", "--all", "-o", "bare.zona")
    missing = other("apps", "import", "bare.zona", "--signature", "required")
    assert (missing.exit_code, "signature_missing" in missing.stderr) == (3, True)
    unknown = other("apps", "import", "signed.zona")
    assert (unknown.exit_code, "signature_unknown" in unknown.stderr) == (3, True)
    shown = other("apps", "inspect", "signed.zona")
    assert (shown.exit_code, "which is not trusted here" in shown.stdout) == (0, True)
    ignored = other("apps", "import", "signed.zona", "--signature", "ignored", "--dry-run")
    assert (ignored.exit_code, "which was not checked" in ignored.stderr) == (0, True)
    filled("keys", "export", "releases", "--file", "releases.pem")
    assert other("keys", "trust", "them", "releases.pem").exit_code == 0
    trusted = other("apps", "import", "signed.zona", "--signature", "required")
    assert (trusted.exit_code, "signed with the trusted key them" in trusted.stderr) == (0, True)


def test_a_package_is_inspected_and_not_imported(filled: Call, other: Call) -> None:
    """Form, digest, signature and apps; for programs also the tasks."""
    filled("apps", "export", "--all", "-o", "apps.zona")
    shown = other("apps", "inspect", "apps.zona")
    assert "zona, version 1" in shown.stdout
    assert "not signed" in shown.stdout
    assert [line.split() for line in shown.stdout.splitlines()[-2:]] == [["Base", "2"], ["Scan", "1"]]
    told = json.loads(other("apps", "inspect", "apps.zona", "-o", "json").stdout)
    assert [(each["title"], each["tasks"]) for each in told["apps"]] == [
        ("Base", ["info", "lookup"]),
        ("Scan", ["enrich"]),
    ]
    assert json.loads(other("apps", "list", "-o", "json").stdout)["items"] == []


def test_an_export_is_no_output_format(filled: Call) -> None:
    """Where -o is the file, the global option has its long name, and its short one before the command."""
    done = filled("-o", "json", "apps", "export", "Base", "-o", "table")
    assert json.loads(done.stdout)["tasks"] == 2
    assert Path("table").is_file()
    twice = filled("apps", "export", "Base", "--file", "base.zona", "-o", "json")
    assert (twice.exit_code, "--output json" in twice.stderr) == (2, True)
    assert not Path("base.zona").exists()
    assert not Path("json").exists()


def test_a_file_that_is_replaced_is_for_the_same_eyes(filled: Call) -> None:
    """Its permissions stay."""
    target = Path("base.zona")
    target.write_bytes(b"")
    target.chmod(0o600)
    assert filled("apps", "export", "Base", "-o", str(target)).exit_code == 0
    assert (target.stat().st_size > 0, stat.S_IMODE(target.stat().st_mode)) == (True, 0o600)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/dev/full is Linux's")
def test_a_full_disk_is_told(filled: Call) -> None:
    """As an error with its reason, not as a fault of the program."""
    done = filled("apps", "export", "--all", "-o", "/dev/full")
    assert (done.exit_code, "No space left on device" in done.stderr) == (2, True)
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-c", "from zona_cli.main import main; main()", "apps", "list"]
        piped = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (piped.returncode, "error[no_space]" in piped.stderr) == (1, True)


def test_schedules_are_paused_and_told(filled: Call, other: Call, home: Path) -> None:
    """Each is named with the command that has it fire; so is what one lacks, and how many a package has."""
    with Zona.embedded(home) as zona:
        here = zona.tenant()
        secret = Field(name="token", kind=FieldKind.SECRET, required=True)
        here.playbooks.save(playbook("Look", "Scan", "Scan/enrich", inputs=(secret,)))
        here.schedules.save(schedule("Nightly", "Look", inputs={"token": "canary"}))
    told = filled("apps", "export", "Scan", "Base", "-o", "apps.zona").stderr
    assert "wrote 2 apps with 3 tasks, 1 playbook and 1 schedule to apps.zona" in told
    assert "Scan: schedules[Nightly].inputs.token: a secret was left out" in told
    assert re.search(r"Scan +1 +1 +1", filled("apps", "inspect", "apps.zona").stdout)
    done = other("apps", "import", "apps.zona")
    assert done.exit_code == 0, done.stderr
    assert "Scan: the schedule Nightly is paused: zona schedules resume has it fire" in done.stderr
    assert "Scan: the schedule Nightly cannot run as it is: schedules[Nightly].inputs.token" in done.stderr
    again = other("apps", "import", "apps.zona", "--on-conflict", "rename")
    assert "Scan: the schedule Nightly is Nightly (2) here" in again.stderr
    assert json.loads(other("schedules", "show", "Nightly", "-o", "json").stdout)["status"] == "inactive"
