"""Finds where the JSON values in a stream begin and end, without holding more than one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["SplitError", "ValueSplitter"]

#: up to the next bracket, or the next text that does not end in the buffer
_TO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
_BETWEEN: Final = b" \t\r\n,"


class SplitError(Exception):
    """The rest of the stream cannot be read."""


class ValueSplitter:
    """Objects and lists with commas or blanks between them.

    With ``listed`` they are the items of a list whose opening bracket was read already, and end with its closing one.
    ``most`` bounds what is held of a value; ``line`` is the line on which the stream begins, and then where it is.
    """

    def __init__(self, most: int, line: int, *, listed: bool) -> None:
        self.line = line
        #: whether the list's end was read: what follows is not looked at
        self.ended = False
        self._most = most
        self._listed = listed
        self._buffer = b""
        #: up to where the buffer was read, where the value begins, and up to where its lines were counted
        self._here = self._start = self._counted = 0
        self._depth = 0
        self._dropped = False
        #: lines that were let go of since ``line``
        self._later = 0

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The values that end in ``piece``, each with its line; None for one that is larger than ``most``.

        What is neither object nor list comes as it is. Raises ``SplitError``.
        """
        self._buffer += piece
        while not self.ended:
            begin, self._here = self._here, self._next_bracket()
            if not self._depth and (stray := self._buffer[begin : self._here].lstrip(_BETWEEN)):
                yield self._line_at(self._here - len(stray)), stray
            if self._here >= len(self._buffer) or self._buffer[self._here] == 0x22:
                break  # a text goes on in the next piece
            bracket = self._buffer[self._here : self._here + 1]
            if bracket in b"{[":
                self._open()
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    yield self.line, self._value()
            elif self._listed:
                self.ended = True
            else:
                yield self._line_at(self._here), bracket
            self._here += 1
        self._forget()

    def finish(self) -> None:
        """Raises ``SplitError`` if the stream ends in the middle of a value or of its list."""
        if self._depth or (self._listed and not self.ended) or self._buffer.strip(_BETWEEN):
            raise SplitError("it ends before its last value does")

    def _next_bracket(self) -> int:
        found = _TO_BRACKET.match(self._buffer, self._here)
        return found.end() if found else self._here

    def _open(self) -> None:
        if not self._depth:
            self._start = self._here
            self._line_at(self._here)
        self._depth += 1

    def _value(self) -> bytes | None:
        end, dropped, self._dropped = self._here + 1, self._dropped, False
        return None if dropped or end - self._start > self._most else self._buffer[self._start : end]

    def _line_at(self, place: int) -> int:
        self.line += self._later + self._buffer.count(b"\n", self._counted, place)
        self._later, self._counted = 0, place
        return self.line

    def _forget(self) -> None:
        """Lets go of what was read and is no part of a value that will be given."""
        if self._depth and self._here - self._start > self._most:
            self._dropped = True
        if len(self._buffer) - self._here > self._most and not self.ended:
            raise SplitError("a text in it is too long")
        keep = self._start if self._depth and not self._dropped else self._here
        self._later += self._buffer.count(b"\n", self._counted, keep)
        self._buffer = self._buffer[keep:]
        self._here, self._start, self._counted = self._here - keep, 0, 0
