"""Blobs in the tenants' own databases, as chunks: nothing else is needed, and they go where the tenant goes.

Isolation is the one of all documents (``tenancy``). A blob and its chunks change in one transaction, which begins when
all bytes have come: they wait in a temporary file without a name. So it is as short as storing them takes, and where
the caller has a transaction of its own open in that database, the blob is a part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from uuid import uuid4

from attrs import evolve

from zona_core.domain.blobs import (
    BlobChunk,
    BlobInfo,
    Meter,
    StoredBlob,
    blob_damaged,
    blob_gone,
    check_blob_key,
    no_blob,
    verified,
)
from zona_core.errors import StoreUnavailable
from zona_core.persistence.database import Database, TenantData
from zona_core.ports.store import Range, Where

__all__ = ["StoreBlobs"]

#: bytes of a chunk
_CHUNK: Final = 256 * 1024
#: chunks that are read or written at a time
_AT_A_TIME: Final = 8
#: bytes that wait in memory; more than that wait on disk
_IN_MEMORY: Final = 2 * 1024**2


class StoreBlobs:
    """See ``zona_core.ports.blobs.BlobStore``. Who reads a blob that goes meanwhile is told ``blob_gone``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, tenant_code: str, key: str, chunks: Iterable[bytes], *, most: int) -> BlobInfo:
        """See ``BlobStore.put``."""
        check_blob_key(key)
        with SpooledTemporaryFile(_IN_MEMORY) as waiting:
            info = _gathered(chunks, waiting, most)
            blob = StoredBlob(key=key, content=uuid4().hex, digest=info.digest, size=info.size)
            data = self._database.tenant(tenant_code)
            blobs, stored = data.blobs, data.blob_chunks  # made, if need be, before the transaction
            with data.transaction():
                before = blobs.get(key)
                if before is None:
                    blobs.insert(blob)
                else:
                    blobs.replace(evolve(blob, revision=before.revision))
                    stored.delete_many(_chunks_of(before.content))
                for batch in _batches(waiting, blob.content):
                    stored.insert_many(batch)
        return info

    def open(self, tenant_code: str, key: str) -> Iterator[bytes]:
        """See ``BlobStore.open``."""
        data, blob = self._found(tenant_code, key)
        return verified(_read(data, blob), BlobInfo(digest=blob.digest, size=blob.size), key)

    def info(self, tenant_code: str, key: str) -> BlobInfo:
        """See ``BlobStore.info``."""
        _, blob = self._found(tenant_code, key)
        return BlobInfo(digest=blob.digest, size=blob.size)

    def delete(self, tenant_code: str, key: str) -> bool:
        """See ``BlobStore.delete``."""
        check_blob_key(key)
        data = self._database.tenant(tenant_code)
        blobs, stored = data.blobs, data.blob_chunks
        with data.transaction():
            blob = blobs.get(key)
            if blob is None:
                return False
            stored.delete_many(_chunks_of(blob.content))
            return blobs.delete(key)

    def delete_tenant(self, tenant_code: str) -> None:
        """See ``BlobStore.delete_tenant``."""
        data = self._database.tenant(tenant_code)
        blobs, stored = data.blobs, data.blob_chunks
        with data.transaction():
            blobs.delete_many({})
            stored.delete_many({})

    def close(self) -> None:
        """Does nothing: the databases are their owner's to close."""

    def _found(self, tenant_code: str, key: str) -> tuple[TenantData, StoredBlob]:
        check_blob_key(key)
        data = self._database.tenant(tenant_code)
        blob = data.blobs.get(key)
        if blob is None:
            raise no_blob(key)
        return data, blob


def _gathered(chunks: Iterable[bytes], waiting: IO[bytes], most: int) -> BlobInfo:
    """Puts all ``chunks`` into ``waiting``, which stands at its beginning then."""
    meter = Meter(most)
    for chunk in chunks:
        meter.add(chunk)
        with _on_disk():
            waiting.write(chunk)
    with _on_disk():
        waiting.seek(0)
    return meter.info


def _batches(waiting: IO[bytes], content: str) -> Iterator[list[BlobChunk]]:
    batch: list[BlobChunk] = []
    number = 0
    while True:
        with _on_disk():
            data = waiting.read(_CHUNK)
        if data:
            batch.append(BlobChunk(content=content, number=number, data=data))
            number += 1
        if len(batch) == _AT_A_TIME or (batch and not data):
            yield batch
            batch = []
        if not data:
            return


def _read(data: TenantData, blob: StoredBlob) -> Iterator[bytes]:
    after, number = "", 0
    while True:
        chunks = data.blob_chunks.find(_chunks_of(blob.content, after), sort=[("_id", 1)], limit=_AT_A_TIME).items
        for chunk in chunks:
            if chunk.number != number:
                raise _lost(data, blob)
            after, number = chunk.key, number + 1
            yield chunk.data
        if len(chunks) < _AT_A_TIME:
            break
    if number * _CHUNK < blob.size:
        raise _lost(data, blob)


def _lost(data: TenantData, blob: StoredBlob) -> Exception:
    """The error for chunks that are not there: they went with their blob, or without it."""
    now = data.blobs.get(blob.key)
    return blob_damaged(blob.key) if now is not None and now.content == blob.content else blob_gone(blob.key)


def _chunks_of(content: str, after: str = "") -> Where:
    return {"_id": Range(gt=after or f"{content}/", lt=f"{content}0")}  # "0" comes next after "/"


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreUnavailable(
            f"there is no place where bytes can wait until all have come: {exc.strerror}",
            hint="the folder for temporary files (TMPDIR) is full or cannot be written",
        ) from exc
