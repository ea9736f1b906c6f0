"""The MongoDB store keeps the contract."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from zona_core.testing.store_contract import DocumentStoreContract
from zona_mongo.store import MongoStore


class TestMongoStore(DocumentStoreContract):
    """The contract, on a replica set of one node."""

    resolution = timedelta(milliseconds=1)

    @pytest.fixture
    def store_factory(self, url: str) -> Callable[[], MongoStore]:
        return lambda: MongoStore(url)
