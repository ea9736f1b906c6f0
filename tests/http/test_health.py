"""Liveness and readiness."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona, hookimpl
from zona_core.errors import StoreUnavailable
from zona_core.ports.limits import Refusal, Verdict
from zona_http._health import live, ready


class FailingStore:
    """Brings a store that is away, under the scheme ``away``, and one that hangs, under ``hangs``."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    @hookimpl
    def zona_store_adapters(self, details: Any) -> dict[str, Callable[[str], Any]]:
        return {"away": self._away, "hangs": self._hangs}

    def _away(self, url: str) -> Any:
        raise StoreUnavailable(f"{url} cannot be reached: /var/lib/private", code="store_unavailable")

    def _hangs(self, url: str) -> Any:
        self.asked += 1
        self.released.wait()
        raise StoreUnavailable("released")


class BrokenPlugin:
    """A plugin whose hook fails."""

    @hookimpl
    def zona_importers(self, details: Any) -> dict[str, Any]:
        raise RuntimeError("password=hunter2")


class Memory:
    """A cache and a limiter that answer, or do not."""

    available = True

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def put(self, key: str, value: bytes, *, ttl: float) -> None:
        if self.error:
            raise self.error

    def get(self, key: str) -> bytes | None:
        return None

    def hit(self, key: str, limit: int, per: float) -> Verdict:
        if self.error:
            raise self.error
        return Verdict(True, limit, per)

    def admit(self, asked: Sequence[tuple[str, int]], per: float) -> Refusal | None:
        if self.error:
            raise self.error
        return None

    def reset(self, key: str) -> None:
        """Nothing is counted."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def failing() -> Iterator[FailingStore]:
    """The plugin with stores that fail; threads that hang in it end with the test."""
    plugin = FailingStore()
    yield plugin
    plugin.released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("zona-health"):
            thread.join(10)


def states(told: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Status and detail by dependency."""
    return {each["name"]: (each["status"], each["detail"]) for each in told["dependencies"]}


def test_a_process_that_answers_is_alive() -> None:
    """Liveness looks at nothing else."""
    assert live() == {"status": "up"}


def test_a_whole_service_is_ready(zona: Zona) -> None:
    """Store, keyring, cache, limiter and plugins are up, each with the time it took."""
    fine, told = ready(zona, cache=Memory(), limiter=Memory())
    assert fine
    assert told["status"] == "up"
    assert states(told) == dict.fromkeys(("store", "keyring", "cache", "rate_limiter", "plugins"), ("up", ""))
    assert all(set(each) == {"name", "status", "detail", "ms"} and each["ms"] >= 0 for each in told["dependencies"])


def test_a_new_embedded_store_is_ready(tmp_path: Path) -> None:
    """The real store answers from the thread that asks it."""
    with Zona.embedded(tmp_path / "home") as zona:
        fine, told = ready(zona)
        assert (fine, states(told)["store"]) == (True, ("up", ""))


def test_a_store_that_is_away_makes_the_service_not_ready(
    failing: FailingStore, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer gives a code, neither path nor password; the masked reason goes to the log, once for each change."""
    caplog.set_level(logging.INFO, logger="zona.health")
    with Zona(store="away://user:hunter2@db.example/x", plugins={"failing": failing}) as zona:
        answers = [ready(zona) for _ in range(3)]
    assert [fine for fine, _ in answers] == [False] * 3
    assert states(answers[0][1])["store"] == ("down", "store_unavailable")
    assert "hunter2" not in json.dumps(answers)
    assert "/var/lib" not in json.dumps(answers)
    (record,) = caplog.records
    assert record.getMessage() == "store is down"
    assert record.reason == "StoreUnavailable: away://********@db.example/x cannot be reached: /var/lib/private"


def test_a_dependency_that_hangs_is_down_and_asked_once(failing: FailingStore) -> None:
    """Readiness answers at its deadline, and asking again and again leaves one thread behind, not many."""
    with Zona(store="hangs://x", plugins={"failing": failing}) as zona:
        answers = [ready(zona, deadline=0.05) for _ in range(5)]
        waiting = [thread for thread in threading.enumerate() if thread.name == "zona-health-store"]
        assert [states(told)["store"] for _, told in answers] == [("down", "no_answer")] * 5
        assert states(answers[0][1])["keyring"] == ("up", "")
        assert (len(waiting), failing.asked) == (1, 1)
        failing.released.set()
        waiting[0].join(10)


def test_a_missing_key_makes_the_service_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the master key no secret can be opened."""
    monkeypatch.delenv("ZONA_MASTER_KEY")
    with Zona(store="memory://", keyring="env:ZONA_MASTER_KEY") as zona:
        fine, told = ready(zona)
    assert (fine, told["status"]) == (False, "down")
    assert states(told)["keyring"] == ("down", "master_key_missing")


def test_a_cache_or_limiter_that_is_away_degrades(zona: Zona) -> None:
    """Both make the service faster and safer; without them it still answers, and it heals by itself."""
    away = Memory(ConnectionError("redis://user:hunter2@cache.example"))
    fine, told = ready(zona, cache=away, limiter=away)
    assert (fine, told["status"]) == (True, "degraded")
    assert states(told)["cache"] == states(told)["rate_limiter"] == ("degraded", "failed")
    away.error = None
    assert ready(zona, cache=away, limiter=away)[1]["status"] == "up"


def test_plugins_that_failed_degrade() -> None:
    """Their names are told, not what they raised."""
    with Zona(store="memory://", plugins={"broken": BrokenPlugin()}) as zona:
        assert zona.plugins.offers
        fine, told = ready(zona)
    assert (fine, told["status"]) == (True, "degraded")
    assert states(told)["plugins"] == ("degraded", "failed: broken")


def test_a_closed_zona_is_told_as_down(zona: Zona) -> None:
    """Readiness never raises, not even while the service ends."""
    zona.close()
    fine, told = ready(zona)
    assert (fine, states(told)["store"]) == (False, ("down", "closed"))


def test_a_cache_that_shares_nothing_degrades(tmp_path: Path) -> None:
    """Where a cache goes on without what it shares, it is told as missing, and the service as ready."""
    cache = Memory()
    cache.available = False
    with Zona(store=f"sqlite:///{tmp_path}/zona.db") as zona:
        fine, told = ready(zona, cache=cache)
    assert fine
    (found,) = [each for each in told["dependencies"] if each["name"] == "cache"]
    assert (told["status"], found["status"], found["detail"]) == ("degraded", "degraded", "cache_away")


def test_a_tenant_s_database_that_is_away_degrades(tmp_path: Path) -> None:
    """How many are away is told, and not whose; the others' service is ready."""
    with Zona(store=f"sqlite:///{tmp_path}/zona.db", tenancy="mssp") as zona:
        for code in ("acme", "rival"):
            zona.system().tenants.add(code)
            (tmp_path / f"zona-{code}.db").unlink()
        (tmp_path / "zona-acme.db").mkdir()
        zona.tenant("rival").apps.list()
        with pytest.raises(StoreUnavailable):
            zona.tenant("acme").apps.list()
        fine, told = ready(zona)
    assert fine
    (found,) = [each for each in told["dependencies"] if each["name"] == "tenant_databases"]
    assert (found["status"], found["detail"]) == ("degraded", "1 of 2 away")
