"""Which blob store an installation has, and what becomes of blobs when tenants move, go or are copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import ConfigurationError, NotFound, Settings, Zona, ZonaError
from zona_core.persistence import copying
from zona_core.persistence.blobs import StoreBlobs

DATA = bytes(range(256)) * 9_000  # nine chunks
RESULTS = "runs/1/results"


@pytest.fixture
def made(tmp_path: Path, clock: Any) -> Iterator[Callable[..., Zona]]:
    """Makes Zonas on one folder, whose clock does not wait."""
    opened: list[Zona] = []

    def make(**options: Any) -> Zona:
        opened.append(Zona(store=f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL", clock=clock, **options))
        return opened[-1]

    yield make
    for zona in opened:
        zona.close()


@pytest.fixture(params=["store:", "file:{folder}/blobs"], ids=["store", "file"])
def zona(request: pytest.FixtureRequest, made: Callable[..., Zona], tmp_path: Path) -> Zona:
    """An installation with two tenants, each with a blob of the same key."""
    zona = made(blobs=request.param.format(folder=tmp_path))
    for code in ("acme", "rival"):
        zona.system().tenants.add(code)
        zona._parts.blobs.put(code, RESULTS, [DATA, code.encode()], most=10**7)
    return zona


def read(zona: Zona, code: str) -> bytes:
    """The tenant's blob."""
    return b"".join(zona._parts.blobs.open(code, RESULTS))


def test_blobs_are_in_the_store_unless_it_is_said_otherwise(made: Callable[..., Zona]) -> None:
    """There is one blob store, made at first use."""
    zona = made()
    assert zona.settings.blobs == "store:"
    assert isinstance(zona._parts.blobs, StoreBlobs)
    assert zona._parts.blobs is zona._parts.blobs
    assert zona.plugins.offers["blob stores"] == ["file"]


@pytest.mark.parametrize("url", ["", "store", "store:elsewhere", "nothing"])
def test_a_setting_that_says_nothing_is_a_fault(url: str) -> None:
    """It is told when the configuration is read."""
    with pytest.raises(ConfigurationError) as caught:
        Zona(store="memory://", blobs=url)
    assert [fault.path for fault in caught.value.faults] == ["blobs"]


@pytest.mark.parametrize(("url", "hint"), [("nosuch:x", "known: file:"), ("file:", "file:/var/lib/zona/blobs")])
def test_a_store_that_cannot_be_opened(url: str, hint: str) -> None:
    """It is told at first use, with what would be right; nothing else needs it."""
    with Zona(store="memory://", blobs=url) as zona:
        assert zona.tenant().apps.list().items == []
        with pytest.raises(ConfigurationError) as caught:
            zona._parts.blobs.info("localhost", "a")
        assert caught.value.hint == hint


def test_a_url_is_not_shown() -> None:
    """A plugin's may hold a password."""
    assert "hunter2" not in repr(Settings(blobs="s3://key:hunter2@host"))


def test_a_closed_zona_opens_none(made: Callable[..., Zona]) -> None:
    """As with all its parts."""
    zona = made()
    zona.close()
    with pytest.raises(ZonaError) as caught:
        _ = zona._parts.blobs
    assert caught.value.code == "closed"


def test_blobs_go_where_the_tenant_goes(zona: Zona, tmp_path: Path) -> None:
    """To a database of its own and back: the same bytes, and none stay behind in a database that it has left."""
    here, own_url = zona._parts.database.store, f"sqlite:///{tmp_path}/acme.db"
    in_store = isinstance(zona._parts.blobs, StoreBlobs)
    done = {each.collection: each.documents for each in zona.system().tenants.migrate("acme", own_url)}
    assert (done["blobs"], done["blob_chunks"]) == ((1, 9) if in_store else (0, 0))
    own = zona._parts.open_store(own_url)
    assert documents_of(here, "acme") == 0
    assert documents_of(own, "acme") == (10 if in_store else 0)
    assert [read(zona, code) for code in ("acme", "rival")] == [DATA + b"acme", DATA + b"rival"]
    zona.system().tenants.migrate("acme", "shared")
    assert documents_of(own, "acme") == 0
    own.close()
    assert [read(zona, code) for code in ("acme", "rival")] == [DATA + b"acme", DATA + b"rival"]


def documents_of(store: Any, code: str) -> int:
    """How many blobs and chunks a store has of a tenant."""
    sides = [side for side, _ in copying.tenant_sides(store, store, code)]
    return sum(side.digest().documents for side in sides if side.kind.spec.name in ("blobs", "blob_chunks"))


def test_a_tenant_that_is_removed(zona: Zona) -> None:
    """Its blobs go with it, wherever they are; another one of its code has none, and others have theirs."""
    zona.system().tenants.suspend("acme")
    zona.system().tenants.remove("acme")
    zona.system().tenants.add("acme")
    with pytest.raises(NotFound):
        zona._parts.blobs.info("acme", RESULTS)
    assert read(zona, "rival") == DATA + b"rival"


def test_a_tenant_with_its_own_database_keeps_its_blobs_there(made: Callable[..., Zona], tmp_path: Path) -> None:
    """Nothing of them is in the core database."""
    zona = made(tenancy="mssp")
    zona.system().tenants.add("acme")
    zona._parts.blobs.put("acme", RESULTS, [DATA], most=10**7)
    assert documents_of(zona._parts.database.store, "acme") == 0
    assert read(zona, "acme") == DATA
    zona.system().tenants.suspend("acme")
    zona.system().tenants.remove("acme")
    own = zona._parts.open_store(f"sqlite:///{tmp_path}/zona-acme.db")
    assert documents_of(own, "acme") == 0
    own.close()


def test_a_copied_store_has_them(made: Callable[..., Zona], tmp_path: Path) -> None:
    """Blobs in documents are copied with the store."""
    zona = made()
    zona.tenant()
    zona._parts.blobs.put("localhost", RESULTS, [DATA], most=10**7)
    zona.system().store.copy(f"sqlite:///{tmp_path}/copy.db")
    with Zona(store=f"sqlite:///{tmp_path}/copy.db") as copy:
        assert read(copy, "localhost") == DATA
