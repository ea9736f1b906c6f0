"""Registers the blob store ``file:PATH``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.blobs import BlobStore

__all__ = ["zona_blob_stores"]


@hookimpl
def zona_blob_stores(details: PluginDetails) -> Mapping[str, Callable[[str], BlobStore]]:  # noqa: ARG001
    """Blob stores by URL scheme."""
    return {"file": _folder}


def _folder(url: str) -> BlobStore:
    from zona_blobs._files import FileBlobs

    return FileBlobs(url)
