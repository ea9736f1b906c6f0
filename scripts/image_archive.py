"""Container images as archives for ``docker load``, written without any engine.

An image is layers (tar files) and a configuration. The same input gives the same bytes, so that an image has the same
id wherever it was made (the format: Docker Image Specification v1.2).
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Image", "Layer", "pack_folder", "write_archive"]

#: when everything in an image was made: contents tell images apart, not clocks
EPOCH = "1970-01-01T00:00:00Z"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


@dataclass(frozen=True)
class Layer:
    """A tar file, and the digest that images know it by."""

    file: Path
    digest: str


@dataclass(frozen=True)
class Image:
    """One image of an archive."""

    #: with its tag
    name: str
    layers: tuple[Layer, ...]
    #: as Docker's API says it: ``Cmd``, ``Env``, ``User``, ``Healthcheck`` …
    config: Mapping[str, Any] = field(default_factory=dict)


def pack_folder(folder: Path, file: Path) -> Layer:
    """Write all that is in ``folder`` as a layer: owned by root, without times, in the order of the names."""
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False, filter=_plain)
    with file.open("rb") as content:
        return Layer(file, f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member


def write_archive(file: Path, images: Sequence[Image]) -> None:
    """Write the images into one archive; a layer that several of them have is in it once."""
    manifest: list[dict[str, Any]] = []
    written: set[str] = set()
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:

        def once(name: str, add: Callable[[], None]) -> str:
            if name not in written:
                add()
                written.add(name)
            return name

        for image in images:
            config = json.dumps(_configuration(image), sort_keys=True).encode()
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            layers = []
            for layer in image.layers:
                name = f"{layer.digest.partition(':')[2]}/layer.tar"
                once(name, lambda layer=layer, name=name: tar.add(layer.file, name, filter=_plain))  # type: ignore[misc]
                layers.append(name)
            once(config_name, lambda config=config, name=config_name: _add(tar, name, config))  # type: ignore[misc]
            manifest.append({"Config": config_name, "RepoTags": [image.name], "Layers": layers})
        _add(tar, "manifest.json", json.dumps(manifest, sort_keys=True).encode())


def _configuration(image: Image) -> dict[str, Any]:
    return {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": EPOCH,
        "config": dict(image.config),
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in image.layers]},
        "history": [{"created": EPOCH, "created_by": "image_archive"} for _ in image.layers],
    }


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
