"""What the URLs ``env:NAME`` and ``file:PATH`` name."""

from __future__ import annotations

import os

from zona_core.errors import KeyUnavailable

__all__ = ["key_path", "key_texts"]


def key_texts(url: str) -> list[str]:
    """The texts in the variable of ``env:NAME``, parted by commas or white space: at least one.

    Raises ``KeyUnavailable`` with code ``master_key_missing``.
    """
    name = url.partition(":")[2]
    texts = os.environ.get(name, "").replace(",", " ").split() if name else []
    if not texts:
        raise KeyUnavailable(
            f"{url}: the environment variable {name!r} holds no master key.",
            code="master_key_missing",
            hint="To make a key: head -c 32 /dev/urandom | base64",
        )
    return texts


def key_path(url: str) -> str:
    """The path of ``file:PATH``: taken as it stands, but for a leading ``~`` (the user's home)."""
    return os.path.expanduser(url.partition(":")[2])
