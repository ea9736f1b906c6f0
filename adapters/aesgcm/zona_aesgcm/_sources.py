"""Keyrings from where master keys are kept: ``env:NAME`` and ``file:PATH``."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable
from typing import Final

from zona_aesgcm._cipher import KEY_BYTES, AesGcmKeyring
from zona_aesgcm._key_files import read_key_file
from zona_aesgcm._key_places import key_path, key_texts
from zona_core.errors import Fault, KeyUnavailable

__all__ = ["from_environment", "from_file"]

_EXPECTED: Final = f"base64 (standard or URL-safe) of {KEY_BYTES} bytes"
_TO_URLSAFE: Final = str.maketrans("+/", "-_")


def from_environment(url: str) -> AesGcmKeyring:
    """The keyring of ``env:NAME``: the variable holds keys in base64, parted by commas or white space.

    Raises ``KeyUnavailable``: ``master_key_missing``, ``master_key_invalid`` (a fault for each bad key).
    """
    return _keyring(url, ((f"{url}[{index}]", text) for index, text in enumerate(key_texts(url))))


def from_file(url: str) -> AesGcmKeyring:
    """The keyring of ``file:PATH``: one key in base64 a line; ``#`` begins a comment.

    Raises ``KeyUnavailable``: as ``read_key_file`` does, and as ``from_environment`` does for what is in it.
    """
    path = key_path(url)
    lines = (line.partition("#")[0].strip() for line in read_key_file(path).split("\n"))
    keys = [(f"{url}, line {number}", line) for number, line in enumerate(lines, start=1) if line]
    if not keys:
        raise KeyUnavailable(f"The master key file {path} holds no key.", code="master_key_missing")
    return _keyring(url, keys)


def _keyring(url: str, places_and_texts: Iterable[tuple[str, str]]) -> AesGcmKeyring:
    keys: list[bytes] = []
    faults: list[Fault] = []
    for place, text in places_and_texts:
        key = _decoded(text)
        if key is None:
            faults.append(Fault(place, "is not base64", _EXPECTED))
        elif len(key) != KEY_BYTES:
            faults.append(Fault(place, f"decodes to {len(key)} bytes", _EXPECTED))
        else:
            keys.append(key)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise KeyUnavailable(
            f"{url} holds what is no master key: {faults[0]}{more}", code="master_key_invalid", faults=faults
        )
    return AesGcmKeyring(keys)


def _decoded(text: str) -> bytes | None:
    """The bytes of a key, whose padding may be left out; None if it is not base64. The text never leaves here."""
    try:
        # NOTE: urlsafe_b64decode skips what is not in the alphabet; the check comes before it.
        plain = text.translate(_TO_URLSAFE).rstrip("=")
        if not plain.isascii() or not plain.replace("-", "").replace("_", "").isalnum():
            return None
        return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return None
