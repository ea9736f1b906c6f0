"""The blob port: bytes that are too many for a document (results of runs, evidence).

**Keys, not digests.** A blob is named by a key that its caller makes of the id of what it belongs to, such as
``runs/<id>/results``. Named by their content, equal bytes would be kept once; but then nobody who removes a run could
tell whether another one shows the same bytes. That takes counts of references, changed together with documents that
may be in another database, and a count that is wrong once loses bytes or keeps them for ever. So every blob has one
owner, dedup is not promised, and who removes the owner deletes the keys that follow from its id, whether or not there
is anything under them: a second time does no harm.

**Order.** A blob store may be no part of the owner's transaction. Store the owner first, then the blob, then note in
the owner that it is there; delete the blob first, then the owner. Whatever is interrupted, the next attempt finds an
owner from which the key follows, and no bytes without one are left.

Rules that hold for every adapter; the contract suite in ``zona_core.testing`` checks them:

* **Isolation.** Keys are each tenant's own: the same key of two tenants names two blobs.
* **Atomicity.** What ``put`` has not finished cannot be read, whatever ends it, and a blob that it was to replace
  stays. Of two simultaneous calls for one key the blob of one is there afterwards, whole.
* **Durability.** What a call that returned has done survives a crash. (In documents, and called within a transaction
  on them, it is done when that transaction has ended.)
* **Honesty.** What is read are the bytes of one ``put``; what is not them raises ``blob_damaged`` at its end at the
  latest.
* **Errors.** ``InvalidInput`` (``invalid_blob_key``) from every method that is given a key, and ``StoreUnavailable``
  where the bytes are or should be; never a library's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from zona_core.domain.blobs import BlobInfo

__all__ = ["BlobInfo", "BlobStore"]


class BlobStore(Protocol):
    """Bytes by tenant and key. Safe to use from several threads; several processes may share one."""

    def put(self, tenant_code: str, key: str, chunks: Iterable[bytes], *, most: int) -> BlobInfo:
        """Keeps what ``chunks`` give, of whatever sizes, in the place of what was under the key before.

        Raises ``InvalidInput`` (``blob_too_large``) as soon as they are more than ``most`` bytes, and whatever
        ``chunks`` raises; then nothing has changed. They are read once, never held in memory as a whole, and no lock
        is held while they come.
        """

    def open(self, tenant_code: str, key: str) -> Iterator[bytes]:
        """The blob in pieces, none empty and none larger than a MiB.

        Raises ``NotFound``: ``blob_unknown`` at once; ``blob_gone`` while it is read if it was deleted or replaced
        meanwhile, unless the store can go on giving what it was. Raises ``StoreUnavailable`` (``blob_damaged``).
        """

    def info(self, tenant_code: str, key: str) -> BlobInfo:
        """Digest and size; raises ``NotFound`` (``blob_unknown``)."""

    def delete(self, tenant_code: str, key: str) -> bool:
        """Removes a blob; whether there was one."""

    def delete_tenant(self, tenant_code: str) -> None:
        """Removes all that a tenant has; does nothing if that is nothing."""

    def close(self) -> None:
        """Releases what was opened. Closing twice does nothing."""
