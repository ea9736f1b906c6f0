"""Names of files and folders for what has a title, a tag or a name: the same each time, safe on every file system.

They hold nothing but ASCII letters, digits and ``_ - . ~``, do not begin with a dot, differ in more than their case,
and are none that Windows keeps for devices. What is read goes by the content of a file; its name is for people.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

__all__ = ["NAME", "Names", "slug"]

#: what a name may be when it is read from a package
NAME: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,149}")
_LONGEST: Final = 60
#: https://learn.microsoft.com/windows/win32/fileio/naming-a-file: with any extension, too
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)


def slug(title: str) -> str:
    """A short name of what has that title. If letters were lost, a part of a digest makes it stand for this title."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    if title.isascii() and plain and len(plain) <= _LONGEST:
        return plain
    digest = hashlib.sha256(title.encode()).hexdigest()[:8]
    return f"{plain[:_LONGEST].strip('-')}-{digest}".lstrip("-")


class Names:
    """Gives names that differ. The same wishes in the same order are given the same names."""

    def __init__(self) -> None:
        #: how often a name was wished for, without regard to case; ``~`` keeps what was given apart from any wish
        self._wished: dict[str, int] = {}
        self.given: set[str] = set()

    def give(self, wish: str) -> str:
        """``wish``, or something like it; in a wish there is no ``~``."""
        known = wish.lower()
        times = self._wished[known] = self._wished.get(known, 0) + 1
        safe = f"~{wish}" if known.partition(".")[0] in _DEVICES else wish
        name = safe if times == 1 else f"{safe}~{times}"
        self.given.add(name)
        return name
