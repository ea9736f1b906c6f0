"""What a ``Zona`` has beside its doors: the gate, the cache, the rate limiter, and areas by name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from zona_core import Actor, ConfigurationError, NotFound, PermissionDenied, Zona, ZonaError
from zona_core.usecases.registry import use_cases


def test_there_is_one_gate(gated: Zona) -> None:
    """Threads that ask at once are given the same."""
    barrier = threading.Barrier(8)
    found: list[Any] = []

    def ask() -> None:
        barrier.wait()
        found.append(gated.gate)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(gate) for gate in found} == {id(gated.gate)}


def test_every_use_case_is_reached_by_its_areas_name(gated: Zona) -> None:
    """Each door gives its areas by their names in the registry, and has the permission checked in advance."""
    nobody = Actor(name="eve")
    for name, case in use_cases().items():
        door = gated.system(nobody) if case.door == "system" else gated.tenant("acme", actor=nobody)
        area = door.area(case.area.area)
        assert type(area) is case.area
        with pytest.raises(PermissionDenied):
            area.permit(name.partition(".")[2])
    for door in (gated.system(), gated.tenant("acme")):
        with pytest.raises(NotFound):
            door.area("nonsense")


def test_the_cache_is_the_one_that_the_settings_name(gated: Zona) -> None:
    """It is opened once, and an unknown scheme is told."""
    gated.cache.put("k", b"v", ttl=60)
    assert gated.cache.get("k") == b"v"
    assert gated.cache is gated.cache
    with Zona(store="memory://", cache="nosuch:", rate_limits="nosuch:") as zona:
        for part in ("cache", "rate_limiter"):
            with pytest.raises(ConfigurationError):
                getattr(zona, part)


def test_the_rate_limiter_counts_in_the_process(gated: Zona) -> None:
    """By default."""
    verdicts = [gated.rate_limiter.hit("client", 2, 60).allowed for _ in range(3)]
    assert verdicts == [True, True, False]


def test_the_rate_limiter_may_count_over_all_processes(opened: Callable[..., Zona]) -> None:
    """With ``store:`` one count is for all of them."""
    here, there = (opened(rate_limits="store:") for _ in range(2))
    verdicts = [zona.rate_limiter.hit("client", 2, 3_600).allowed for zona in (here, there, here)]
    assert verdicts == [True, True, False]


def test_what_is_closed_is_not_opened_again(clock: Any) -> None:
    """Closing twice does nothing."""
    zona = Zona(store="memory://", clock=clock)
    assert zona.cache is not None
    zona.close()
    zona.close()
    with Zona(store="memory://", clock=clock) as other:
        other.close()
        with pytest.raises(ZonaError) as caught:
            _ = other.cache
        assert caught.value.code == "closed"
        with pytest.raises(ZonaError):
            other.gate.key("zk.core.aaaaaaaaaaaa." + "A" * 43)
