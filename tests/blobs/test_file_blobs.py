"""Blobs in files: what lies where, who may read it, what a crash leaves, and what is refused."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from zona_blobs import plugin
from zona_blobs._files import FileBlobs
from zona_core import ConfigurationError, InvalidInput, NotFound, PluginDetails, StoreUnavailable

DATA = bytes(range(256)) * 4_096
DAY = 86_400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the blobs, which is not there yet."""
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root: Path) -> FileBlobs:
    """A blob store on that folder."""
    return FileBlobs(f"file:{root}")


def files(root: Path) -> list[Path]:
    """All files below the folder."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_a_file_for_each_blob(blobs: FileBlobs, root: Path) -> None:
    """It lies in its tenant's folder, under the key, and holds the bytes behind a line of its own."""
    info = blobs.put("acme", "runs/1/results", [DATA], most=len(DATA))
    (file,) = files(root)
    assert (file.relative_to(root).parts[0], file.name) == ("acme", "runs+1+results")
    assert file.read_bytes() == f"zona-blob 1 {info.digest} {info.size:020d}\n".encode() + DATA
    assert file.read_bytes()[105:] == DATA


def test_nobody_else_may_read_it(blobs: FileBlobs, root: Path) -> None:
    """Files and folders are their owner's alone, whatever the umask allows."""
    before = os.umask(0)
    try:
        blobs.put("acme", "a", [DATA], most=len(DATA))
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")] if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(root)} == {0o600}


@pytest.mark.parametrize("code", ["", ".", "..", "../x", "/etc", "a/b", "Acme", "a\0b", ".work"])
def test_a_tenant_is_no_path(blobs: FileBlobs, root: Path, code: str) -> None:
    """What is no code of a tenant is refused before anything is touched."""
    for attempt in (
        lambda: blobs.put(code, "a", [b"1"], most=1),
        lambda: blobs.open(code, "a"),
        lambda: blobs.info(code, "a"),
        lambda: blobs.delete(code, "a"),
        lambda: blobs.delete_tenant(code),
    ):
        with pytest.raises(InvalidInput):
            attempt()
    assert not root.exists()


def test_what_fails_leaves_no_file(blobs: FileBlobs, root: Path) -> None:
    """Too many bytes, or a source that breaks off: not even a part of it is on the disk."""

    def broken() -> object:
        yield DATA
        raise KeyboardInterrupt

    with pytest.raises(InvalidInput):
        blobs.put("acme", "a", [DATA, DATA], most=len(DATA))
    with pytest.raises(KeyboardInterrupt):
        blobs.put("acme", "a", broken(), most=len(DATA))
    assert files(root) == []


KILLED = """
import os, signal, sys
from zona_blobs._files import FileBlobs

def source():
    yield bytes(1_000_000)
    os.kill(os.getpid(), signal.SIGKILL)

FileBlobs(sys.argv[1]).put("acme", "a", source(), most=2_000_000)
"""


def test_a_process_that_is_killed(blobs: FileBlobs, root: Path) -> None:
    """The blob that it was to replace is there; what it had written is no blob, and goes a day later."""
    blobs.put("acme", "a", [DATA], most=len(DATA))
    done = subprocess.run([sys.executable, "-c", KILLED, f"file:{root}"], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert b"".join(blobs.open("acme", "a")) == DATA
    (left,) = files(root / ".work")
    FileBlobs(f"file:{root}").put("acme", "b", [b"1"], most=1)
    assert left.exists()  # it might still be written
    old = time.time() - DAY - 1
    os.utime(left, (old, old))
    gone = root / ".work" / "acme-1"
    (gone / "3f").mkdir(parents=True)
    (gone / "3f" / "a").write_bytes(DATA)
    os.utime(gone, (old, old))
    FileBlobs(f"file:{root}").put("acme", "b", [b"1"], most=1)
    assert list((root / ".work").iterdir()) == []
    assert b"".join(blobs.open("acme", "a")) == DATA


def _cut(data: bytes) -> bytes:
    return data[:-1]


def _flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _foreign(data: bytes) -> bytes:
    return b"something else"


@pytest.mark.parametrize("damage", [_cut, _flipped, _foreign])
def test_a_damaged_file_is_told(blobs: FileBlobs, root: Path, damage: Callable[[bytes], bytes]) -> None:
    """A blob that is not what was stored is never given to its end as if it were."""
    blobs.put("acme", "a", [DATA], most=len(DATA))
    (file,) = files(root)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StoreUnavailable) as caught:
        b"".join(blobs.open("acme", "a"))
    assert (caught.value.code, caught.value.details["key"]) == ("blob_damaged", "a")


def test_who_reads_goes_on_reading(blobs: FileBlobs) -> None:
    """What was opened is given to its end, whatever has become of it meanwhile."""
    blobs.put("acme", "a", [DATA], most=len(DATA))
    reading = blobs.open("acme", "a")
    blobs.put("acme", "a", [b"next"], most=4)
    assert b"".join(reading) == DATA


def test_a_disk_that_is_away_is_no_empty_one(tmp_path: Path) -> None:
    """Where the folder's own folder is missing, nothing is said to be unknown or deleted, and nothing is made."""
    blobs = FileBlobs(f"file:{tmp_path}/mnt/blobs")
    for attempt in (
        lambda: blobs.put("acme", "a", [b"1"], most=1),
        lambda: blobs.open("acme", "a"),
        lambda: blobs.info("acme", "a"),
        lambda: blobs.delete("acme", "a"),
        lambda: blobs.delete_tenant("acme"),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            attempt()
        assert caught.value.code == "blobs_unavailable"
    assert not (tmp_path / "mnt").exists()


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """It is told as what it is, not as an error of the operating system's."""
    (tmp_path / "blobs").write_text("no folder")
    with pytest.raises(StoreUnavailable):
        FileBlobs(f"file:{tmp_path}/blobs").put("acme", "a", [b"1"], most=1)


def test_the_folder_may_go_while_it_is_used(blobs: FileBlobs, root: Path) -> None:
    """It is made anew by the next blob; what was in it is unknown."""
    blobs.put("acme", "a", [b"1"], most=1)
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(NotFound):
        blobs.open("acme", "a")
    blobs.put("acme", "b", [b"2"], most=1)
    assert b"".join(blobs.open("acme", "b")) == b"2"


def test_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path as it stands, absolute, relative or in the user's home; without one there is no blob store."""
    opened = plugin.zona_blob_stores(PluginDetails(version="1"))["file"]
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    for url, root in (("file:here", "here"), ("file:~/there", "home/there"), (f"file:{tmp_path}/a%20b c", "a%20b c")):
        opened(url).put("acme", "a", [b"1"], most=1)
        assert (tmp_path / root / "acme").is_dir()
    for url in ("file:", "file:a\0b"):
        with pytest.raises(ConfigurationError):
            opened(url)
