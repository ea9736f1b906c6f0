"""The limiter whose counts are in the store keeps the contract, on each store; names do not get there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zona_core.errors import StoreUnavailable
from zona_core.persistence.limits import RATES, StoreRateLimiter
from zona_core.persistence.tenancy import tenant_collection
from zona_core.ports.store import DocumentStore
from zona_core.testing.limiter_contract import ManualTime, RateLimiterContract
from zona_core.testing.memory_store import MemoryStore
from zona_sqlite.store import SqliteStore


class StoreRateLimiterContract(RateLimiterContract):
    """The contract, on a limiter over ``store``."""

    @pytest.fixture
    def clock(self) -> ManualTime:
        return ManualTime()

    @pytest.fixture
    def limiter(self, clock: ManualTime, store: DocumentStore) -> StoreRateLimiter:
        return StoreRateLimiter(store.collection(RATES), clock.now)


class TestOnMemoryStore(StoreRateLimiterContract):
    """The contract, on the store in memory."""

    @pytest.fixture
    def store(self) -> Iterator[DocumentStore]:
        with_end = MemoryStore()
        yield with_end
        with_end.close()


class TestOnSqliteStore(StoreRateLimiterContract):
    """The contract, on a file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[DocumentStore]:
        with_end = SqliteStore(f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL")
        yield with_end
        with_end.close()


class TestOnATenantsView(StoreRateLimiterContract):
    """The contract, on one tenant's view of a collection."""

    @pytest.fixture
    def store(self) -> Iterator[DocumentStore]:
        with_end = MemoryStore()
        yield with_end
        with_end.close()

    @pytest.fixture
    def limiter(self, clock: ManualTime, store: DocumentStore) -> StoreRateLimiter:
        return StoreRateLimiter(tenant_collection(store, RATES, "acme"), clock.now)


def test_two_processes_count_together(tmp_path: Path) -> None:
    """What one store object has counted, another one on the same database sees."""
    url, clock = f"sqlite:///{tmp_path}/zona.db?synchronous=NORMAL", ManualTime()
    stores = SqliteStore(url), SqliteStore(url)
    limiters = [StoreRateLimiter(store.collection(RATES), clock.now) for store in stores]
    assert [limiters[turn % 2].hit("a", 3, 60).allowed for turn in range(5)] == [True, True, True, False, False]
    for store in stores:
        store.close()


def test_a_name_does_not_reach_the_store() -> None:
    """Whatever a key says, the documents say it not."""
    store, clock = MemoryStore(), ManualTime()
    rates = store.collection(RATES)
    limiter = StoreRateLimiter(rates, clock.now)
    for _ in range(2):
        limiter.hit("login:core:alice@example.com", 5, 900)
    (document,) = rates.find().items
    assert "alice" not in str(document)
    assert document["count"] == 2


def test_documents_go_when_their_window_is_over() -> None:
    """The store removes a count once it can matter no more, not before."""
    clock = ManualTime()
    store = MemoryStore(clock=clock.now)
    rates = store.collection(RATES)
    limiter = StoreRateLimiter(rates, store.now)
    limiter.hit("a", 5, 60)
    clock.advance(59)
    assert store.expire() == 0
    clock.advance(1)
    assert (store.expire(), rates.count()) == (1, 0)


def test_the_window_ends_on_time() -> None:
    """``reset_after`` leads to the end of the window, a multiple of the period since 1970."""
    store, clock = MemoryStore(), ManualTime()
    limiter = StoreRateLimiter(store.collection(RATES), clock.now)
    clock.advance(100)
    assert limiter.hit("a", 5, 900).reset_after == pytest.approx(800)
    clock.advance(800)
    assert limiter.hit("a", 5, 900).remaining == 4


def test_without_the_store_it_allows() -> None:
    """Where nothing can be counted, nothing is refused, and forgetting does not fail."""
    store, clock = MemoryStore(), ManualTime()
    rates = store.collection(RATES)
    limiter = StoreRateLimiter(rates, clock.now)
    store.close()
    with pytest.raises(StoreUnavailable):
        rates.count()
    verdict = limiter.hit("a", 1, 60)
    assert (verdict.allowed, verdict.remaining, verdict.reset_after) == (True, 1, 0.0)
    assert limiter.hit("a", 1, 60).allowed
    limiter.reset("a")
