"""``docs/packages.md`` says what is so."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import attrs
import pytest
from package_samples import app, compressed, json_reader, task, zona_reader

from zona_core.domain.playbooks import PlaybookDefinition
from zona_core.errors import InvalidPackage
from zona_core.persistence.structuring import structured
from zona_core.ports.packages import PackageLimits, Signature
from zona_core.usecases._portable_schedules import schedule_record, schedules_of
from zona_packages import _refusals
from zona_packages._ending import ending_of_members
from zona_packages._structure import LISTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "packages.md").read_text(encoding="utf-8")
BLOCKS = [block.encode() for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
LINES, SIGNATURE, DOCUMENT, PLAYBOOK, SCHEDULE = BLOCKS


def test_the_examples_are_packages() -> None:
    """The lines and the document on the page are read as they stand, digests included."""
    assert zona_reader(compressed(*LINES.splitlines())).check().records == 4
    reader = json_reader(DOCUMENT)
    summary = reader.check()
    assert f"sha256:{summary.digest.hex()}" == json.loads(DOCUMENT)["digest"]
    _, *rest = reader.records()
    assert rest == [
        app(description="Hosts on the net"),
        task("host") | {"name": "Look up a host", "task_handler": "http"},
    ]


def test_the_example_of_a_playbook_is_one() -> None:
    """It is a record of an app, and its parts are those of a playbook."""
    record = json.loads(PLAYBOOK)
    assert record.pop("kind") == "playbook"
    found, faults = structured({"title": record.pop("name"), **record}, PlaybookDefinition)
    assert not faults
    assert found is not None
    assert [step.name for step in found.steps] == ["find"]


def test_the_example_of_a_schedule_is_one() -> None:
    """It is a record of an app in canonical text, and what it makes is a schedule that has what is written there."""
    record = json.loads(SCHEDULE)
    [found] = schedules_of([record], "Shodan")
    assert (found.title, found.playbook, found.inputs) == ("Every night", "Contain", {"days": 7})
    assert schedule_record(found, PlaybookDefinition(title="Contain", steps=())).record == record
    assert list(record) == sorted(record)


def test_the_example_of_a_signature_is_one() -> None:
    """It has the form that is described, and the length of Ed25519's."""
    digest = hashlib.sha256(b"".join(line + b"\n" for line in LINES.splitlines()[:-1])).hexdigest()
    members = {"digest": f"sha256:{digest}", "signature": json.loads(SIGNATURE)}
    signature = ending_of_members(members, "").signature
    assert isinstance(signature, Signature)
    assert (signature.algorithm, len(signature.value)) == ("ed25519", 64)
    assert base64.b64encode(signature.value).decode() == json.loads(SIGNATURE)["value"]


def test_every_kind_and_list_is_described() -> None:
    """The table of kinds has each, and the page names each list."""
    for kind, name in LISTS.items():
        assert f"`{kind}`" in PAGE
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    "error",
    [
        _refusals.damaged("", ""),
        _refusals.mismatch("", ""),
        _refusals.too_new(2),
        _refusals.too_large("", "", 1),
        _refusals.too_deep("", 1),
    ],
)
def test_every_code_is_described(error: InvalidPackage) -> None:
    """Each reason has a row."""
    assert f"\n| `{error.code}` |" in PAGE


def test_the_limits_are_those_of_the_page() -> None:
    """Each number as it is."""
    shown = {"compressed": "256 MiB", "bytes": "2 GiB", "record": "16 MiB", "records": "1,000,000", "depth": "64"}
    numbers = attrs.asdict(PackageLimits())
    assert shown.keys() == numbers.keys()
    units = {"MiB": 1024**2, "GiB": 1024**3}
    for name, text in shown.items():
        assert f"| {text} |" in PAGE
        number, _, unit = text.partition(" ")
        assert int(number.replace(",", "")) * units.get(unit, 1) == numbers[name]
