"""``FileBlobs``: a file for each blob, in a folder for each tenant.

::

    PATH/acme/3f/runs+0b7c…+results     the blob runs/0b7c…/results of acme; 3f spreads files over 256 folders
    PATH/.work/                         what is being written, and what is being removed

A file is a line of 105 bytes with digest and size, then the bytes themselves: ``tail -c +106`` shows them. It is
written under a name of its own, forced to the disk and renamed, so that whoever opens the blob has the old one or the
new one, whole. Nobody but the user who runs this can read any of it (modes 0700 and 0600).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from zona_blobs._disk import Draft, make_folder, on_disk, sync_folder
from zona_core.domain.blobs import BlobInfo, Meter, blob_damaged, check_blob_key, no_blob, verified
from zona_core.domain.tenants import code_faults
from zona_core.errors import ConfigurationError, InvalidInput, StoreUnavailable

__all__ = ["FileBlobs"]

_HEAD: Final = re.compile(rb"zona-blob 1 (sha256:[0-9a-f]{64}) ([0-9]{20})\n\Z")
_HEAD_SIZE: Final = 105
_PIECE: Final = 256 * 1024
#: no code of a tenant begins with a dot
_WORK: Final = ".work"
#: seconds after which nobody works on it any more: whoever did has died
_ABANDONED: Final = 86_400.0


class FileBlobs:
    """See ``zona_core.ports.blobs.BlobStore``. Who has opened a blob reads it to its end, whatever becomes of it.

    ``url`` is ``file:PATH``, a leading ``~`` being the user's home. The folder is made when it is first needed; the
    one that it is in has to be there, so that a disk that is not mounted is noticed. What a process that died has left
    in ``.work`` is removed a day later, when a process begins to write.

    Raises ``ConfigurationError`` for a URL without a path.
    """

    def __init__(self, url: str) -> None:
        path = url.partition(":")[2]
        if not path or "\0" in path:
            raise ConfigurationError("the blob store's URL names no folder", hint="file:/var/lib/zona/blobs")
        self._root = Path(os.path.abspath(os.path.expanduser(path)))
        self._work = self._root / _WORK
        self._swept = False

    def put(self, tenant_code: str, key: str, chunks: Iterable[bytes], *, most: int) -> BlobInfo:
        """See ``BlobStore.put``."""
        place = self._place(tenant_code, key)
        self._begin()
        meter = Meter(most)
        with Draft(self._work) as draft:
            draft.write(_head(meter.info))  # as long as the one that will take its place
            for chunk in chunks:
                meter.add(chunk)
                draft.write(chunk)
            draft.begin_with(_head(meter.info))
            draft.move(place, below=self._root)
        return meter.info

    def open(self, tenant_code: str, key: str) -> Iterator[bytes]:
        """See ``BlobStore.open``."""
        file, info = self._opened(tenant_code, key)
        pieces = _read(file)
        next(pieces)  # from here on the file is closed with it, also if nothing is read
        return verified(pieces, info, key)

    def info(self, tenant_code: str, key: str) -> BlobInfo:
        """See ``BlobStore.info``."""
        file, info = self._opened(tenant_code, key)
        file.close()
        return info

    def delete(self, tenant_code: str, key: str) -> bool:
        """See ``BlobStore.delete``."""
        place = self._place(tenant_code, key)
        with on_disk("removed"):
            try:
                place.unlink()
            except FileNotFoundError:
                self._refuse_missing_disk()
                return False
            sync_folder(place.parent)
        return True

    def delete_tenant(self, tenant_code: str) -> None:
        """See ``BlobStore.delete_tenant``."""
        folder = self._folder(tenant_code)
        if not folder.is_dir():
            self._refuse_missing_disk()
            return
        self._begin()
        gone = self._work / f"{tenant_code}-{os.urandom(8).hex()}"
        with on_disk("removed"):
            os.utime(folder)  # lest it looks abandoned
            folder.rename(gone)  # all at once: nobody begins to read what is being removed
            sync_folder(self._root)
            shutil.rmtree(gone)

    def close(self) -> None:
        """Does nothing: no file stays open between calls."""

    def _place(self, tenant_code: str, key: str) -> Path:
        check_blob_key(key)
        spread = hashlib.sha256(key.encode()).hexdigest()[:2]
        return self._folder(tenant_code) / spread / key.replace("/", "+")  # which no key has

    def _folder(self, tenant_code: str) -> Path:
        if faults := code_faults(tenant_code):
            raise InvalidInput.of(faults, "The tenant")
        return self._root / tenant_code

    def _opened(self, tenant_code: str, key: str) -> tuple[BinaryIO, BlobInfo]:
        place = self._place(tenant_code, key)
        with on_disk("read"):
            try:
                file = place.open("rb")
            except FileNotFoundError:
                self._refuse_missing_disk()
                raise no_blob(key) from None
        try:
            return file, _described(file, key)
        except BaseException:
            file.close()
            raise

    def _refuse_missing_disk(self) -> None:
        """Where not even the folder that it should be in is there, nobody knows what there is."""
        if not self._root.parent.is_dir():
            raise StoreUnavailable(
                f"a blob cannot be looked for: there is no folder {self._root.parent}", code="blobs_unavailable"
            )

    def _begin(self) -> None:
        """Makes the folders, and clears away what was abandoned; once."""
        if self._swept and self._work.is_dir():
            return
        with on_disk("written"):
            make_folder(self._root)
            make_folder(self._work)
            before = time.time() - _ABANDONED
            for left in self._work.iterdir():
                with suppress(FileNotFoundError):  # another process clears it away, too
                    if left.stat().st_mtime < before:
                        _remove(left)
        self._swept = True


def _head(info: BlobInfo) -> bytes:
    return f"zona-blob 1 {info.digest} {info.size:020d}\n".encode()


def _described(file: BinaryIO, key: str) -> BlobInfo:
    with on_disk("read"):
        head = _HEAD.match(file.read(_HEAD_SIZE))
        size = os.fstat(file.fileno()).st_size - _HEAD_SIZE
    if head is None or int(head[2]) != size:
        raise blob_damaged(key)
    return BlobInfo(digest=head[1].decode(), size=size)


def _remove(left: Path) -> None:
    if left.is_dir():
        shutil.rmtree(left)
    else:
        left.unlink()


def _read(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield b""
        while True:
            with on_disk("read"):
                piece = file.read(_PIECE)
            if not piece:
                return
            yield piece
