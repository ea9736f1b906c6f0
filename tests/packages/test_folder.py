"""The form ``folder``: names, what is replaced and what is left alone, edits by people, traps."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from package_samples import HEADER, Place, app, named, one_app, task, two_apps

from zona_core.errors import InvalidInput, InvalidPackage
from zona_packages.folder_form import FolderForm


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(FolderForm(), tmp_path / "package")


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def unsigned(place: Place) -> None:
    edited(place.path / "package.json", lambda content: content.pop("digest"))


def refusal(place: Place) -> InvalidPackage:
    with pytest.raises(InvalidPackage) as raised:
        place.open().check()
    return raised.value


def test_a_folder_is_laid_out_for_people(place: Place) -> None:
    """A file for each record, named for it; members that name a thing come first; each file ends with a line feed."""
    place.write(one_app())
    assert sorted(place.bytes()) == [
        "package.json",
        "shodan/app.json",
        "shodan/playbooks/contain.json",
        "shodan/rules/beacon.json",
        "shodan/schedules/daily.json",
        "shodan/tasks/alerts.json",
        "shodan/tasks/lookup.json",
        "shodan/tasks/search.json",
    ]
    assert (place.path / "shodan/tasks/lookup.json").read_text() == (
        '{\n  "name": "Lookup",\n  "task_tag": "lookup",\n  "ingest_cases": false,\n  "inputs": [\n    {\n'
        '      "name": "ip",\n      "kind": "text"\n    }\n  ],\n  "timeout": 60.0\n}\n'
    )
    manifest = json.loads((place.path / "package.json").read_text())
    assert list(manifest) == ["format", "version", "apps", "digest"]
    assert manifest["apps"] == ["shodan"]
    assert all(content.endswith(b"\n") for content in place.bytes().values())


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Palo Alto (v2)", "palo-alto-v2"),
        ("Ünïcode", "unicode-8b264bd3"),
        ("日本", "4e2e2ad0"),
        ("../../etc", "etc"),
        ("CON", "~con"),
        ("...", None),
        ("x" * 200, None),
    ],
)
def test_an_app_has_a_safe_folder(title: str, name: str | None, place: Place) -> None:
    """Its name is made of the title; with a part of a digest where letters were lost."""
    place.write([HEADER, app(title), task("a")])
    (folder,) = (path for path in place.path.iterdir() if path.is_dir())
    if name and not name[-8:].strip("0123456789abcdef"):
        assert folder.name[:-8] == name[:-8]
    elif name:
        assert folder.name == name
    assert len(folder.name) <= 70
    assert place.open().check().apps == 1


def test_names_that_differ_in_case_or_signs_do_not_collide(place: Place) -> None:
    """What would have the same name on some file system is numbered, the first one keeps its name."""
    records = [HEADER, app("A B"), task("X"), task("x"), app("A-B"), app("a b")]
    place.write(records)
    assert sorted(path.name for path in place.path.iterdir()) == ["a-b", "a-b~2", "a-b~3", "package.json"]
    assert sorted(path.name for path in (place.path / "a-b/tasks").iterdir()) == ["X.json", "x~2.json"]
    reader = place.open()
    reader.check()
    assert list(reader.records()) == records


def test_a_new_package_replaces_the_earlier_one(place: Place) -> None:
    """Tasks, lists and apps that are gone disappear, folders with them; what is left is the same as written anew."""
    place.write(two_apps())
    place.write([HEADER, app("MISP"), task("b")])
    assert sorted(place.bytes()) == ["misp/app.json", "misp/tasks/b.json", "package.json"]
    assert sorted(path.name for path in place.path.iterdir()) == ["misp", "package.json"]
    assert place.open().check().records == 3


def test_foreign_files_stay_as_they_are(place: Place, tmp_path: Path) -> None:
    """Neither a repository nor notes are touched, wherever they lie; they do not disturb reading either."""
    foreign = {
        ".git/config": "[core]",
        "README.md": "# Ours",
        "docs/app.json": "{}",
        "jira/README.md": "# Jira",
        "jira/tasks/.gitkeep": "",
    }
    place.write(two_apps())
    for name, text in foreign.items():
        path = place.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert place.open().check().apps == 2
    place.write([HEADER, app("MISP"), task("b")])
    assert place.open().check().apps == 1
    assert {name: (place.path / name).read_text() for name in foreign} == foreign
    assert not (place.path / "jira/app.json").exists()


def test_what_is_no_part_of_a_package_is_not_written_over(place: Place) -> None:
    """A folder in the way of an app's, or another program's package.json, stops the writing."""
    (place.path / "jira").mkdir(parents=True)
    (place.path / "jira" / "app.json").write_text("mine")
    with pytest.raises(InvalidInput, match="is there already") as raised:
        place.write(two_apps())
    assert raised.value.code == "folder_taken"
    assert (place.path / "jira" / "app.json").read_text() == "mine"
    other = Place(FolderForm(), place.path / "jira")
    (other.path / "package.json").write_text('{"name": "some-program", "version": "1.0.0"}')
    with pytest.raises(InvalidInput, match=r"package\.json is there already") as raised:
        other.write(one_app())
    assert raised.value.code == "folder_taken"


def test_a_newer_package_is_not_written_over(place: Place) -> None:
    """Nobody knows what belongs to it."""
    place.write(one_app())
    edited(place.path / "package.json", lambda content: content.update(version=2))
    before = place.bytes()
    with pytest.raises(InvalidPackage) as raised:
        place.write(one_app())
    assert raised.value.code == "package_too_new"
    assert refusal(place).code == "package_too_new"
    assert place.bytes() == before


def test_a_package_that_was_broken_off_says_so_and_can_be_written_again(place: Place) -> None:
    """Whatever it was interrupted at, the folder is not taken for a package, and the next writing mends it."""
    for size in range(1, len(two_apps())):

        def broken(size: int = size) -> Any:
            yield from two_apps()[:size]
            raise OSError("the network is gone")

        with pytest.raises(OSError, match="the network is gone"):
            place.write(broken())
        assert "not written to its end" in refusal(place).message
    written = place.write(two_apps())
    assert place.open().check() == written


def test_an_edited_folder_is_usable_once_its_digest_is_taken_out(place: Place) -> None:
    """A wrong digest is refused, and the error says what to do; then changed, new and removed files count."""
    place.write(one_app())
    tasks = place.path / "shodan" / "tasks"
    edited(tasks / "lookup.json", lambda content: content.update(timeout=5.0))
    (tasks / "search.json").unlink()
    (tasks / "whatever.json").write_text('{"task_tag": "New.Task", "ingest_cases": false}')
    refused = refusal(place)
    assert refused.code == "digest_mismatch"
    assert "takes digest and signature out of package.json" in refused.hint
    unsigned(place)
    reader = place.open()
    assert reader.check().signature is None
    tags = [record["task_tag"] for record in reader.records() if record["kind"] == "task"]
    assert tags == ["New.Task", "lookup", "alerts"]


def test_a_signature_without_its_digest_is_refused(place: Place) -> None:
    """It would be one of nothing."""
    place.write(one_app())
    edited(place.path / "package.json", lambda content: content.update(signature={}))
    unsigned(place)
    assert "there is a signature, but no digest" in refusal(place).message


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("shodan/tasks/notes.txt", "", "nothing that a package has"),
        ("shodan/tasks/a b.json", "{}", "nothing that a package has"),
        ("shodan/task/a.json", "{}", "nothing that a package has"),
        ("shodan/extra.json", "{}", "nothing that a package has"),
        ("shodan/tasks/again.json", '{"task_tag": "lookup"}', "'lookup' is there twice"),
        ("shodan/tasks/x.json", "[]", "None is no tag"),
        ("shodan/tasks/x.json", "{", "not JSON"),
        ("shodan/tasks/x.json", '{"task_tag": "x", "kind": "rule"}', "kind is told by the place"),
        ("shodan/tasks/x.json", '{"task_tag": "x", "a": 1, "a": 2}', "'a' is there twice"),
        ("shodan/tasks/x.json", '{"task_tag": "x", "n": 99999999999999999999}', "more than 64 bits"),
        ("shodan/tasks/x.json", '{"task_tag": "x", "n": ' + "[" * 100_000 + "]" * 100_000 + "}", "too deeply"),
        ("shodan/tasks/x.json", '{"task_tag": "../x"}', "is no tag"),
        ("shodan/rules/x.json", '{"title": "x"}', "name is None"),
        ("shodan/app.json", '{"name": "x"}', "title is None"),
        ("package.json", "{}", "not that of a package"),
        ("package.json", '{"format": "zona-package", "version": "\\ud800", "apps": []}', "not JSON"),
        ("package.json", '{"format": "zona-package", "version": 1}', "no list of names"),
        ("package.json", '{"format": "zona-package", "version": 1, "apps": ["shodan"], "x": 1}', "'x' is not known"),
        ("package.json", '{"format": "zona-package", "version": "1", "apps": ["shodan"]}', "not the header"),
        (
            "package.json",
            '{"format": "zona-package", "version": 1, "apps": ["shodan", "gone"]}',
            "gone: cannot be read",
        ),
        ("package.json", '{"format": "zona-package", "version": 1, "apps": ["shodan", "shodan"]}', "is there twice"),
        *(
            ("package.json", json.dumps({"format": "zona-package", "version": 1, "apps": [path]}), "no list of names")
            for path in ("../shodan", "..", ".", "", "/etc", "shodan/tasks", "shodan\0", ".git", "a" * 300)
        ),
    ],
)
def test_what_is_wrong_in_a_folder_is_named(name: str, text: str, message: str, place: Place) -> None:
    """Each fault with its file; no name leads out of the folder."""
    place.write(one_app())
    unsigned(place)
    (place.path / name).parent.mkdir(exist_ok=True)
    (place.path / name).write_text(text)
    refused = refusal(place)
    assert message in refused.message
    assert refused.code in ("package_damaged", "package_too_deep")


@pytest.mark.parametrize(
    "name", ["shodan", "shodan/tasks", "shodan/app.json", "shodan/tasks/lookup.json", "package.json"]
)
def test_links_are_not_followed(name: str, place: Place, tmp_path: Path) -> None:
    """A link in the place of a file or folder is refused when it is read, whatever it leads to."""
    place.write(one_app())
    outside = tmp_path / "outside"
    (place.path / name).rename(outside)
    (place.path / name).symlink_to(outside)
    refused = refusal(place)
    assert (refused.code, refused.faults[0].path) == ("package_damaged", name)
    assert "a link" in refused.message


@pytest.mark.parametrize("name", ["shodan", "shodan/tasks"])
def test_nothing_is_written_through_a_link(name: str, place: Place, tmp_path: Path) -> None:
    """A link in the place of a folder stops the writing; nothing outside changes."""
    place.write(one_app())
    outside = tmp_path / "outside"
    (place.path / name).rename(outside)
    (place.path / name).symlink_to(outside)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    with pytest.raises(InvalidInput, match="cannot be written") as raised:
        place.write([HEADER, app("Shodan"), task("other")])
    assert raised.value.code == "folder_unusable"
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_is_replaced_and_not_written_into(
    link: Callable[[Path, Path], None], place: Place, tmp_path: Path
) -> None:
    """What a link in the place of a file leads to keeps its content."""
    place.write(one_app())
    outside = tmp_path / "outside"
    outside.write_text("keep me")
    inside = place.path / "shodan/tasks/lookup.json"
    inside.unlink()
    link(outside, inside)
    written = place.write(one_app())
    assert outside.read_text() == "keep me"
    assert stat.S_ISREG(inside.lstat().st_mode)
    assert place.open().check() == written


def test_what_is_no_file_is_not_waited_for(place: Place) -> None:
    """A pipe nobody writes to, or a folder, in the place of a file is refused at once."""
    place.write(one_app())
    path = place.path / "shodan/tasks/lookup.json"
    path.unlink()
    os.mkfifo(path)
    assert "not a regular file" in refusal(place).message
    path.unlink()
    path.mkdir()
    assert "tasks/lookup.json" in refusal(place).message


def test_a_folder_that_is_not_there_is_refused(place: Place, tmp_path: Path) -> None:
    """Reading what is not there, and writing where nothing can be, are the caller's faults."""
    assert "cannot be read" in refusal(place).message
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written") as raised:
        Place(FolderForm(), tmp_path / "file").write(one_app())
    assert raised.value.code == "folder_unusable"


def test_the_folder_itself_may_be_a_link(place: Place, tmp_path: Path) -> None:
    """Where the package lies is for its user to say."""
    (tmp_path / "real").mkdir()
    place.path.symlink_to(tmp_path / "real")
    assert place.write(one_app()) == place.open().check()


def test_records_of_other_kinds_lie_in_their_order(place: Place) -> None:
    """Whatever their files are called, they are read by name."""
    rules = [named("rule", name) for name in ("B", "a!", "a?", "é", "日本")]
    records = [HEADER, app(), *sorted(rules, key=lambda rule: rule["name"])]
    place.write(records)
    reader = place.open()
    reader.check()
    assert list(reader.records()) == records
