"""What a text must contain for a regular expression to be found in it.

The answer is logic (``_logic``) that holds of every text in which the expression is found, and of others. It knows of
literals, groups, alternatives and repetitions; where it does not know what something means, it gives no answer.
"""

from __future__ import annotations

import re
from typing import Final

from zona_core.domain.detection import Logic
from zona_sigma._nodes import ANY

__all__ = ["necessary"]

_REPETITION: Final = re.compile(r"\{(\d+)(?:,\d*)?\}")
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w+>|[imsU]*(?:-[imsU]+)?:))?")
_FLAGS: Final = re.compile(r"\(\?[imsU]*(?:-[imsU]+)?\)")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
#: escapes that stand for one of several characters or for a place
_KINDS: Final = frozenset("dDwWsSbBAz")
_DEEPEST: Final = 20


class _Unknown(Exception):
    """The expression has something of which it is not known here what it means."""


def necessary(field: str | None, expression: str) -> Logic | None:
    """What must hold of a field's text in which the expression is found; None if that is not known."""
    reader = _Reader(field, expression)
    try:
        node = reader.alternatives(0)
    except _Unknown:
        return None
    return node if reader.at == len(expression) else None


class _Reader:
    def __init__(self, field: str | None, expression: str) -> None:
        self._field = field
        self._text = expression
        self.at = 0

    def alternatives(self, depth: int) -> Logic:
        if depth > _DEEPEST:
            raise _Unknown
        branches = [self._branch(depth)]
        while self._text[self.at : self.at + 1] == "|":
            self.at += 1
            branches.append(self._branch(depth))
        return branches[0] if len(branches) == 1 else ["or", *branches]

    def _branch(self, depth: int) -> Logic:
        """What stands between two bars: all of it is necessary, but for what may be left out."""
        needed: list[Logic] = []
        run = ""
        while self.at < len(self._text) and self._text[self.at] not in "|)":
            flags = _FLAGS.match(self._text, self.at)
            if flags:
                self.at = flags.end()
                continue
            atom = self._atom(depth)
            least, repeated = self._repetition()
            if isinstance(atom, str) and not (repeated and least == 0):
                run += atom
                if not repeated:
                    continue
            if run:
                needed.append(self._literal(run))
            run = ""
            if isinstance(atom, list) and least > 0:
                needed.append(atom)
        if run:
            needed.append(self._literal(run))
        return ["and", *needed]

    def _literal(self, run: str) -> Logic:
        return ["text", self._field, [ANY, run, ANY], False]

    def _atom(self, depth: int) -> str | Logic | None:
        """A character, a group, or None for what may be various characters or none."""
        character = self._text[self.at]
        if character == "(":
            return self._group(depth)
        if character == "[":
            found = _CLASS.match(self._text, self.at)
            if not found:
                raise _Unknown
            self.at = found.end()
            return None
        self.at += 1
        if character == "\\":
            return self._escaped()
        if character in "*+?":
            raise _Unknown
        return None if character in ".^$" else character

    def _escaped(self) -> str | None:
        character = self._text[self.at : self.at + 1]
        self.at += 1
        if character in _KINDS and character:
            return None
        if character in _CONTROLS:
            return _CONTROLS[character]
        if not character or character.isalnum():
            raise _Unknown
        return character

    def _group(self, depth: int) -> Logic:
        opened = _GROUP.match(self._text, self.at)
        if not opened or (opened.group() == "(" and self._text[self.at + 1 : self.at + 2] == "?"):
            raise _Unknown
        self.at = opened.end()
        node = self.alternatives(depth + 1)
        if self._text[self.at : self.at + 1] != ")":
            raise _Unknown
        self.at += 1
        return node

    def _repetition(self) -> tuple[int, bool]:
        """How often the last atom occurs at least, and whether that is said at all."""
        least, repeated = 1, False
        while self.at < len(self._text):
            character = self._text[self.at]
            counted = _REPETITION.match(self._text, self.at)
            if counted:
                least, self.at = least * int(counted.group(1)), counted.end()
            elif character in "*?+":
                # after another repetition a ? says that it is to be as short as possible
                least = 0 if character == "*" or (character == "?" and not repeated) else least
                self.at += 1
            else:
                break
            repeated = True
        return least, repeated
