"""Blobs in MongoDB keep the contract; they are native bytes there, and the same after a move."""

from __future__ import annotations

import pytest

from zona_core.persistence.blobs import StoreBlobs
from zona_core.persistence.collections import BLOB_CHUNKS
from zona_core.persistence.copying import copy_all, tenant_sides
from zona_core.persistence.database import Database
from zona_core.persistence.tenancy import tenant_collection
from zona_core.testing.blob_contract import BlobContract
from zona_core.testing.memory_store import MemoryStore
from zona_mongo.store import MongoStore


def no_keys() -> None:
    """No blob needs a master key."""
    raise AssertionError


class TestOnMongoStore(BlobContract):
    """The contract, on a replica set of one node."""

    @pytest.fixture
    def blobs(self, store: MongoStore) -> StoreBlobs:
        return StoreBlobs(Database(store, no_keys))


def test_bytes_are_bytes_in_mongo_and_text_elsewhere(store: MongoStore) -> None:
    """Copied to a store without bytes and back, a blob is the same, in the form of each store."""
    here, there, back = Database(store, no_keys), Database(MemoryStore(), no_keys), Database(MemoryStore(), no_keys)
    data = bytes(range(256)) * 5_000
    StoreBlobs(here).put("acme", "runs/1/results", [data], most=len(data))
    forms = []
    for source, target in ((here, there), (there, back), (back, here)):
        copied = {
            each.collection: each.documents for each in copy_all(tenant_sides(source.store, target.store, "acme"))
        }
        assert (copied["blobs"], copied["blob_chunks"]) == (1, 5)
        assert b"".join(StoreBlobs(target).open("acme", "runs/1/results")) == data
        chunks = tenant_collection(target.store, BLOB_CHUNKS.spec, "acme").find().items
        forms.append({type(chunk["data"]) for chunk in chunks})
    assert forms == [{str}, {str}, {bytes}]
