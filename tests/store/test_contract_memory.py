"""The in-memory store keeps the contract."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from zona_core.errors import ConfigurationError
from zona_core.ports.store import CollectionSpec
from zona_core.testing.memory_store import MemoryStore
from zona_core.testing.store_contract import DocumentStoreContract


class TestMemoryStore(DocumentStoreContract):
    """The contract, on a named database."""

    @pytest.fixture
    def store_factory(self) -> Callable[[], MemoryStore]:
        url = f"memory://{uuid.uuid4()}"
        return lambda: MemoryStore(url)


def test_stores_without_a_name_share_nothing() -> None:
    """Each store of the URL memory:// has a database of its own."""
    first, second = MemoryStore("memory://"), MemoryStore("memory://")
    first.collection(CollectionSpec(name="a")).insert({"_id": "x"})
    assert second.collection(CollectionSpec(name="a")).count() == 0


@pytest.mark.parametrize("url", ["sqlite://", "memory://a/b", "memory:///a", "memory://a?x=1"])
def test_other_urls_are_refused(url: str) -> None:
    """A URL says memory:// and at most a name."""
    with pytest.raises(ConfigurationError):
        MemoryStore(url)
