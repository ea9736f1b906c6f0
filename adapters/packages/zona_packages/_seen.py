"""Which records a check saw, so that only those are ever used."""

from __future__ import annotations

from array import array
from typing import Final

from zona_packages._refusals import mismatch

__all__ = ["CHANGED", "Seen"]

CHANGED: Final = "the package changed after it was checked"


class Seen:
    """A fingerprint of each record's text: eight bytes, made with a key that the process keeps to itself.

    NOTE: that is Python's hash of bytes, https://peps.python.org/pep-0456/, unless ``PYTHONHASHSEED`` makes the key
    known; even then 64 bits have to be met.
    """

    def __init__(self) -> None:
        self._prints = array("q")
        #: bytes of all texts, with a line feed each
        self.size = 0

    def __len__(self) -> int:
        return len(self._prints)

    def add(self, text: bytes) -> None:
        """The text of the next record."""
        self._prints.append(hash(text))
        self.size += len(text) + 1

    def expect(self, index: int, text: bytes, where: str) -> None:
        """Raises ``digest_mismatch`` unless that was the text of the record at ``index``."""
        if index >= len(self._prints) or self._prints[index] != hash(text):
            raise mismatch(where, CHANGED)
