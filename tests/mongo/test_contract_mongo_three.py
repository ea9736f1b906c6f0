"""The contract of document stores, on a replica set of three nodes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from zona_core.testing.store_contract import DocumentStoreContract
from zona_mongo.store import MongoStore


class TestThreeServers(DocumentStoreContract):
    """The whole contract, where a write waits for a second node."""

    resolution = timedelta(milliseconds=1)

    @pytest.fixture
    def store_factory(self, three_url: str) -> Callable[[], MongoStore]:
        return lambda: MongoStore(three_url)
