"""Reading one large JSON document piece by piece: only one of its values is in memory at a time."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from zona_core.ports.packages import PackageLimits
from zona_packages._refusals import damaged, too_deep, too_large
from zona_packages._text import INDENTED, STRING

__all__ = ["Scanner"]

_READ: Final = 64 * 1024
_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
#: everything up to and including the next bracket that is not in a string
_TO_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|' + STRING + rb")*+([\[\]{}])", re.DOTALL)
_STRING: Final = re.compile(STRING, re.DOTALL)
_SCALAR: Final = re.compile(rb"[^\s,\[\]{}\"]++(?=.)", re.DOTALL)


class Scanner:
    """A document from which values are taken in their order; raises ``InvalidPackage`` where it is not as expected."""

    def __init__(self, file: BinaryIO, limits: PackageLimits) -> None:
        self._file = file
        self._limits = limits
        self._longest = INDENTED * limits.record
        self._text = b""
        #: what was taken of ``_text``
        self._at = 0
        self._read = 0

    def peek(self, where: str) -> bytes:
        """The next character that is no white space; raises ``package_damaged`` at the end of the file."""
        found = self._next()
        if not found:
            raise damaged(where, f"the file ends too early, after {self._read} bytes")
        return found

    def take(self, character: bytes, where: str) -> None:
        """Takes the character that has to come next."""
        found = self.peek(where)
        if found != character:
            raise damaged(where, f"{repr(found)[1:]} may not stand here", character.decode())
        self._at += 1

    def value(self, where: str) -> bytes:
        """Takes the next value; its text, which may still turn out not to be JSON."""
        first = self.peek(where)
        if first in b"[{":
            end = self._end_of_container(where)
        else:
            end = self._end_of(_STRING if first == b'"' else _SCALAR, self._at, where)
        text = self._text[self._at : end]
        self._at = end
        self._drop()
        return text

    def finish(self) -> None:
        """Raises ``package_damaged`` if anything but white space follows."""
        if self._next():
            raise damaged("", "there is more in the file than the package", "one document")

    def _next(self) -> bytes:
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match
            self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at : self._at + 1]
            self._text, self._at = b"", 0
            if not self._more():
                return b""

    def _end_of_container(self, where: str) -> int:
        level, at = 0, self._at
        while True:
            at = self._end_of(_TO_BRACKET, at, where)
            level += 1 if self._text[at - 1] in b"[{" else -1
            if level == 0:
                return at
            if level > self._limits.depth:
                raise too_deep(where, self._limits.depth)

    def _end_of(self, pattern: re.Pattern[bytes], at: int, where: str) -> int:
        """Where the match at ``at`` ends, reading on as long as there is none."""
        while True:
            match = pattern.match(self._text, at)
            end = match.end() if match else len(self._text)
            if end - self._at > self._longest:
                raise too_large(where, "bytes in one record", self._limits.record)
            if match:
                return end
            if not self._more():
                raise damaged(where, "not JSON: it has no end")

    def _more(self) -> bool:
        """Reads on, each time as much as there is already."""
        more = self._file.read(max(_READ, len(self._text) - self._at))
        self._read += len(more)
        if self._read > self._limits.compressed:
            raise too_large("", "bytes in the file", self._limits.compressed)
        self._text += more
        return bool(more)

    def _drop(self) -> None:
        """Forgets what was taken, once it is most of the text; only between values, since it moves places."""
        if self._at > max(_READ, len(self._text) // 2):
            self._text = self._text[self._at :]
            self._at = 0
