"""Files that hold master keys: made without a race, read only if nobody else can read them."""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from base64 import b64encode
from typing import Final

from zona_core.errors import KeyUnavailable

__all__ = ["create_key_file", "read_key_file"]

_KEY_BYTES: Final = 32
#: no file of keys is longer; a wrong path should not fill the memory
_MOST_BYTES: Final = 64 * 1024


def create_key_file(path: str | os.PathLike[str]) -> bool:
    """Makes a new master key and puts it into a new file (mode 0600); whether it was made.

    A file that is there already is left alone (False). Whoever sees the file sees it whole, also when several
    processes call this at once; once this returns True, it survives a crash. Its folder must exist.

    Raises ``KeyUnavailable`` with code ``master_key_missing`` if the file cannot be made.
    """
    target = os.path.abspath(path)
    if os.path.lexists(target):  # its folder may be one that cannot be written to, as those of mounted secrets are
        return False
    folder = os.path.dirname(target)
    draft = os.path.join(folder, f".{os.path.basename(target)}.{secrets.token_hex(8)}")
    try:
        _write_new(draft, b64encode(os.urandom(_KEY_BYTES)) + b"\n")
        try:
            os.link(draft, target)  # unlike a rename, it never replaces what is there
        except FileExistsError:
            return False
        finally:
            os.unlink(draft)
        _sync_folder(folder)
    except OSError as exc:
        raise KeyUnavailable(
            f"The master key file {target} cannot be made: {exc.strerror}.", code="master_key_missing"
        ) from exc
    return True


def read_key_file(path: str) -> str:
    """The text of a key file (UTF-8; what is not is replaced, and will be no key).

    Raises ``KeyUnavailable``: ``master_key_missing`` (not there, not readable), ``master_key_exposed`` (others may
    read or change it), ``master_key_invalid`` (not a regular file, far too long).
    """
    try:
        # O_NONBLOCK: opening a pipe must not wait for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "the path is not usable"
        raise KeyUnavailable(
            f"The master key file {path} cannot be read: {reason}.",
            code="master_key_missing",
            hint="`zona init` makes a new one, which opens nothing that another has sealed; an existing one is named "
            "by ZONA_KEYRING=file:PATH or ZONA_MASTER_KEY",
        ) from exc
    try:
        # What was opened is checked, not what the path names a moment later.
        _refuse_unsafe(path, os.fstat(handle))
        data = os.read(handle, _MOST_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > _MOST_BYTES:
        raise KeyUnavailable(f"The master key file {path} is far too long.", code="master_key_invalid")
    return data.decode(errors="replace")


def _refuse_unsafe(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyUnavailable(f"The master key file {path} is not a regular file.", code="master_key_invalid")
    if status.st_uid != os.geteuid():
        raise KeyUnavailable(
            f"The master key file {path} belongs to user {status.st_uid}, not to user {os.geteuid()}, who runs this.",
            code="master_key_exposed",
            hint=f"chown {os.geteuid()} {shlex.quote(path)}",
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnavailable(
            f"The master key file {path} is open to its group or to others (mode {stat.S_IMODE(status.st_mode):04o}).",
            code="master_key_exposed",
            hint=f"chmod 600 {shlex.quote(path)}",
        )


def _write_new(path: str, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
