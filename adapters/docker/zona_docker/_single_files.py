"""Secrets and configuration files on a single engine: volumes that are filled once and mounted read-only.

A volume holds one folder with its files. Its name has a digest of the folder, the files and the image in it, so that
it never changes, and what was applied before can be begun again. Whatever else the image has in that folder is copied
into it by the engine when it is made, so that nothing there is hidden.

It is filled through a container that is made, given an archive, and removed without having run (the *filler*): this
needs nothing of the image, and works for replicas with a read-only root. While there is a filler, its volume is not
complete; whoever finds one that was left fills its volume again.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from attrs import define

from zona_core.domain.fleet.names import SERVICE_LABEL, engine_name
from zona_core.domain.fleet.targets import FileMount
from zona_core.errors import RolloutFailed

from ._client import Connection
from ._errors import translated
from ._labels import KIND_LABEL, filters_of, labels_of
from ._single_containers import Containers
from ._single_recipe import Recipe

__all__ = ["FILES_KIND", "FILLER_KIND", "Files", "Folder", "folders_of"]

FILES_KIND: Final = "files"
FILLER_KIND: Final = "filler"


@define(frozen=True, kw_only=True)
class Folder:
    """A folder of a replica's with files, and the volume that holds it."""

    path: PurePosixPath
    files: tuple[FileMount, ...]
    volume: str

    def mount(self) -> dict[str, Any]:
        """The engine's data for a replica."""
        return {"Type": "volume", "Source": self.volume, "Target": str(self.path), "ReadOnly": True}


def folders_of(recipe: Recipe) -> list[Folder]:
    """Where the files of a replica lie. One folder within another is part of it: a mount cannot lie in a mount."""
    parents = {PurePosixPath(mount.target).parent for mount in recipe.content.files}
    tops = sorted(path for path in parents if not any(other in path.parents for other in parents))
    return [
        _folder(recipe, top, [mount for mount in recipe.content.files if top in PurePosixPath(mount.target).parents])
        for top in tops
    ]


def _folder(recipe: Recipe, path: PurePosixPath, files: Sequence[FileMount]) -> Folder:
    rows = sorted([mount.target, mount.digest, mount.uid, mount.gid, mount.mode] for mount in files)
    told = json.dumps([recipe.content.image, str(path), rows])
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    volume = f"{engine_name(recipe.fleet, recipe.service)}.{FILES_KIND}-{digest}"
    return Folder(path=path, files=tuple(files), volume=volume)


class Files:
    """The volumes of files on one engine."""

    def __init__(self, connection: Connection, containers: Containers) -> None:
        self._connection = connection
        self._containers = containers

    def ensure(self, recipe: Recipe, data: Mapping[str, bytes]) -> list[dict[str, Any]]:
        """Fills what is not there yet; the mounts for replicas. ``data``: the files' bytes by digest.

        Raises ``RolloutFailed`` (``file_missing``) before anything is changed if bytes are missing that the engine does
        not have already.
        """
        folders = folders_of(recipe)
        if not folders:
            return []
        fillers = self._fillers(recipe)
        there = self._complete(recipe, fillers)
        missing = [folder for folder in folders if folder.volume not in there]
        for folder in missing:
            _check(recipe, folder, data)
        for folder in missing:
            self._fill(recipe, folder, data)
        self._containers.remove_all(fillers)
        return [folder.mount() for folder in folders]

    def _fillers(self, recipe: Recipe) -> dict[str, list[str]]:
        """Containers that were left by whoever was filling, and the volumes that they were for."""
        rows = self._containers.listed(recipe.fleet, recipe.service)
        return {
            row["Id"]: [mount.get("Name", "") for mount in row.get("Mounts") or ()]
            for row in rows
            if row["Labels"].get(KIND_LABEL) == FILLER_KIND
        }

    def _complete(self, recipe: Recipe, fillers: Mapping[str, Sequence[str]]) -> set[str]:
        labels = (f"{KIND_LABEL}={FILES_KIND}", f"{SERVICE_LABEL}={recipe.service}")
        with translated("list volumes"):
            found = self._connection.client.volumes(filters=filters_of(recipe.fleet, *labels))
        names = {volume["Name"] for volume in found.get("Volumes") or ()}
        return names - {name for volumes in fillers.values() for name in volumes}

    def _fill(self, recipe: Recipe, folder: Folder, data: Mapping[str, bytes]) -> None:
        options = {"Labels": labels_of(recipe.fleet, FILES_KIND, recipe.service)}
        mount = {**folder.mount(), "ReadOnly": False, "VolumeOptions": options}
        body = {
            "Image": recipe.content.image,
            "Entrypoint": ["never-run"],
            "Labels": labels_of(recipe.fleet, FILLER_KIND, recipe.service),
            "HostConfig": {"Mounts": [mount], "NetworkMode": "none"},
        }
        filler = self._containers.create(recipe.new_name(FILLER_KIND), body)
        with translated(f"fill {folder.volume}"):
            self._connection.client.put_archive(filler, str(folder.path), _archive(folder, data))
        self._containers.remove(filler)


def _check(recipe: Recipe, folder: Folder, data: Mapping[str, bytes]) -> None:
    if folder.path == PurePosixPath("/"):
        reason, hint = f"a single engine cannot put files into {folder.path}", "Give it a folder of its own."
    elif missing := [mount for mount in folder.files if mount.digest not in data]:
        reason, hint = f"there are no bytes of {missing[0].kind.value} {missing[0].name}", "Apply the specification."
    else:
        return
    raise RolloutFailed(
        f"{recipe.service}: {reason}", code="file_missing", hint=hint, rolled_back=True, service=recipe.service
    )


def _archive(folder: Folder, data: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        inner = {parent for mount in folder.files for parent in _path(folder, mount).parents} - {PurePosixPath(".")}
        for path in sorted(inner):
            entry = tarfile.TarInfo(str(path))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for mount in folder.files:
            entry = tarfile.TarInfo(str(_path(folder, mount)))
            entry.uid, entry.gid, entry.mode = mount.uid, mount.gid, mount.mode
            entry.size = len(data[mount.digest])
            archive.addfile(entry, io.BytesIO(data[mount.digest]))
    return packed.getvalue()


def _path(folder: Folder, mount: FileMount) -> PurePosixPath:
    return PurePosixPath(mount.target).relative_to(folder.path)
