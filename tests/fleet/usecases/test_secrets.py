"""A secret of the fleet reaches the engine, and nothing else."""

from __future__ import annotations

import base64
import logging
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import Actor, Secret, Zona, ZonaError, as_data
from zona_core.domain.fleet.specification import Hook, Hooks
from zona_core.errors import EngineFailed
from zona_core.testing.memory_engine import MemoryEngine, MemoryImage
from zona_core.usecases._fleet.concealing import concealing
from zona_core.usecases.fleet import FleetSource

CANARY = "canary-password-5e1"
FORMER = "canary-former-0c9"


def forms(text: str) -> list[bytes]:
    """How a secret could be written."""
    data = text.encode()
    return [data, base64.b64encode(data).rstrip(b"="), data.hex().encode(), data[::-1]]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Zona, MemoryEngine, Path]]:
    """A Zona on a store in a file."""
    name = f"secrets-{uuid.uuid4().hex}"
    with Zona(store=f"sqlite:///{tmp_path / 'zona.db'}", container_engine=f"memory:{name}") as zona:
        yield zona, MemoryEngine.of_url(f"memory:{name}"), tmp_path


def with_value(source: FleetSource, value: str) -> FleetSource:
    return evolve(source, secrets={"password": Secret(value)})


def test_it_is_nowhere_else(
    opened: tuple[Zona, MemoryEngine, Path],
    source: Callable[..., FleetSource],
    service_set: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither in the store nor in the audit trail, in plans, reports, errors, logs or reprs, in no encoding."""
    caplog.set_level(logging.DEBUG)
    zona, engine, folder = opened
    fleet = zona.system(Actor.trusted("ann")).fleet
    hooked = evolve(service_set()["db"], image="db:2", hooks=Hooks(pre=(Hook(command=("dump",)),)))
    first, second = with_value(source(), FORMER), with_value(source(), CANARY)
    shown: list[Any] = [first, fleet.plan(first)]
    shown += [fleet.apply(first, report=shown.append), fleet.plan(second), fleet.apply(second, report=shown.append)]
    engine.images["db:2"] = MemoryImage(commands={("dump",): (1, f"password={CANARY}\n{CANARY}")})
    failing = evolve(second, specification=evolve(second.specification, services=service_set(db=hooked)))
    shown.append(error_of(lambda: fleet.apply(failing, report=shown.append)))
    for error in (EngineFailed(f"no such secret: {CANARY}"), ValueError(CANARY)):
        engine.fail_at(2, error, writes=True)
        shown.append(error_of(lambda: fleet.apply(with_value(source(), FORMER), report=shown.append)))
        engine.on_call(lambda call: None)
        fleet.apply(second)
    shown += [fleet.rollback(1, report=shown.append), fleet.rollback(report=shown.append)]
    shown += [fleet.status(), fleet.explain("db"), fleet.doctor(), fleet.list(), fleet.history(limit=100)]
    shown += [fleet.scale({"db": 2}), fleet.unused(), fleet.specification(), fleet.prune(), fleet]
    shown += zona.system().core_audit.search().items
    assert FORMER.encode() not in engine.file_data("shop", "password")[-1:]
    assert engine.file_data("shop", "password") == [CANARY.encode()]
    text = "\n".join(f"{each!r}\n{data_of(each)}" for each in shown)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    places = {**files, "shown": text.encode(), "logs": caplog.text.encode()}
    found = [
        (name, form)
        for name, content in places.items()
        for canary in (CANARY, FORMER)
        for form in forms(canary)
        if form in content
    ]
    assert found == []
    assert "********" in text


def error_of(call: Callable[[], Any]) -> Any:
    with pytest.raises(ZonaError) as caught:
        call()
    return caught.value


def data_of(each: Any) -> Any:
    if isinstance(each, ZonaError):
        return f"{each} {each.as_dict()}"
    return as_data(each) if not isinstance(each, FleetSource) else ""


def test_digests_differ_from_fleet_to_fleet(place: Any, source: Callable[..., FleetSource]) -> None:
    """They are keyed: whoever sees them cannot try values against them, nor tell that two fleets share one."""
    fleet, other = place.fleet(), evolve(source(), specification=evolve(source().specification, name="shop2"))
    mine, theirs = fleet.apply(source()), fleet.apply(other, fleet="shop2")
    digests = {each.intent.secrets["password"] for each in (mine, theirs)}
    assert len(digests) == 2
    assert {len(digest) for digest in digests} == {64}


def test_what_is_concealed() -> None:
    """Each secret, each of its lines, the longest first; what is too short to be told from other words is not."""
    conceal = concealing([b"abc", b"password", b"password-2", b"-----BEGIN-----\nkeykeykey\n", b"\xff\xfe\xfdx"])
    assert conceal("password-2 password abc") == "******** ******** abc"
    assert conceal("at keykeykey!") == "at ********!"
