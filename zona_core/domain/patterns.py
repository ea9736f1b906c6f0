"""Patterns that strangers wrote on texts that strangers send: matched in bounded time and memory, beside other threads.

Patterns have the syntax of Python's ``re``, but ``re`` does not match them: asked for ``^(a+)+$``, it may take years
and lets no other thread run. The engine that does, ``regex``, keeps a limit of time. What it does not limit, the
compiled size of a pattern and the search for a literal part of it, is bounded before it begins.
"""

from __future__ import annotations

import re
import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from zona_core.errors import Fault

if TYPE_CHECKING:
    from regex import Pattern

__all__ = ["Matching", "pattern_problem"]

#: seconds that the match of one text may take, and processor time for all matches of one check
_LONGEST: Final = 0.1
_LONGEST_TOGETHER: Final = 0.5
#: characters of a pattern, each counted as often as repetitions demand it
_LARGEST: Final = 2_000
_TOO_LARGE: Final = f"is too large: it may have {_LARGEST} characters, each counted as often as repetitions demand it"
#: literal characters in a row: to prepare the search for them takes a time that grows with the third power
_LONGEST_LITERAL: Final = 500
#: literal characters of a pattern times the characters of a text: the search for a literal part may need that many
#: steps, which take a tenth of a second
_MOST_STEPS: Final = 2**25
#: texts up to this length are first tried without giving way to other threads, for so many seconds: most are done
#: in a thousandth of that, while waiting for one's turn again would take several thousandths of a second
_SHORT: Final = 1_000
_AT_ONCE: Final = 0.001
#: compiled patterns that are kept, up to half a megabyte each
_KEPT: Final = 256

_TOKEN: Final = re.compile(
    r"""
      (?P<times> [*+?] | \{ (?: (?P<least> [0-9]+ ) (?: , [0-9]* )? | , [0-9]* ) \} )
    | \(\?\# (?: [^)\\] | \\. )* \)
    | (?P<verbose> \(\? [aiLmsu]* x )
    | (?P<opening> \( )
    | (?P<closing> \) )
    | (?P<set> \[ \^? \]? (?: [^]\\] | \\. )* \] )
    | (?P<brace> \{ )
    | \\. | .
    """,
    re.VERBOSE | re.DOTALL,
)
_NOT_LITERAL: Final = frozenset(".^$|")
_IN_SET: Final = re.compile(r"\\.|(?<!\A)\[", re.DOTALL)


class Matching:
    """Matches the patterns of one check, until the time for all of them is used up."""

    def __init__(self) -> None:
        self._left = _LONGEST_TOGETHER

    def fault(self, pattern: str, text: str) -> Fault | None:
        """What is wrong if ``pattern`` is not found in ``text``, or if that cannot be said within the bounds."""
        started = time.thread_time()
        try:
            compiled, most = _compiled(pattern)
            if len(text) > most:
                return Fault("", f"{len(text)} characters are too many for the pattern", f"at most {most}")
            found = _found(compiled, text, min(_LONGEST, self._left))
        except (TimeoutError, MemoryError):
            return self._undecided(pattern)
        except ValueError as exc:  # it was stored when more was taken
            return Fault("", f"cannot be checked, as the pattern {exc}", "a field with another pattern")
        finally:
            self._left -= time.thread_time() - started
        return None if found else Fault("", "does not match the pattern", pattern)

    def _undecided(self, pattern: str) -> Fault:
        if self._left < _LONGEST:
            return Fault("", f"was not matched: all values together may take {_LONGEST_TOGETHER} s", pattern)
        return Fault("", f"could not be matched within {_LONGEST} s", pattern)


def pattern_problem(pattern: str) -> str:
    """Why ``pattern`` cannot be used, as the end of a sentence about it; empty if it can be."""
    try:
        if len(pattern) <= _LARGEST:
            re.compile(pattern)  # it is the syntax that is promised
        _compiled(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        return f"is no usable regular expression: {exc}"
    except ValueError as exc:
        return str(exc)
    return ""


def _found(pattern: Pattern[str], text: str, limit: float) -> bool:
    """Raises ``TimeoutError`` if that takes longer than ``limit`` seconds."""
    if limit <= 0:
        raise TimeoutError
    if len(text) <= _SHORT:
        try:
            return pattern.search(text, timeout=min(limit, _AT_ONCE), concurrent=False) is not None
        except TimeoutError:
            pass
    return pattern.search(text, timeout=limit, concurrent=True) is not None


@lru_cache(_KEPT)
def _compiled(pattern: str) -> tuple[Pattern[str], int]:
    """What matches, and the longest text that it may be given.

    Raises ``ValueError``, the end of a sentence about the pattern, if it cannot be used.
    """
    import regex  # not before there is a pattern: it takes as long as a quarter of the core

    translated, literals = _translated(pattern)
    try:
        return regex.compile(translated, cache_pattern=False), _MOST_STEPS // literals if literals else sys.maxsize
    except (regex.error, OverflowError, RecursionError, MemoryError) as exc:
        raise ValueError(f"is no usable regular expression: {exc}") from exc
    finally:
        regex.purge()  # it would remember the text of every pattern for ever


def _translated(pattern: str) -> tuple[str, int]:
    """``pattern`` with nothing in it that means one thing to ``re`` and another to ``regex``; its literal characters.

    The latter takes a brace that begins no repetition for its approximate matching, and a bracket in a set for a
    class of POSIX. Raises ``ValueError`` if the pattern is too large to be compiled: what must occur ``n`` times is
    compiled into ``n`` copies, which multiply where groups with repetitions are nested.
    """
    if len(pattern) > _LARGEST:
        raise ValueError(_TOO_LARGE)
    parts: list[str] = []
    literals = row = 0
    sizes, last = [0], 0  # of each open group, outermost first; of what a repetition would repeat
    for token in _TOKEN.finditer(pattern):
        part, kind = token[0], token.lastgroup
        if kind == "verbose":  # comments could hide anything
            raise ValueError("has the flag x, which is not supported")
        if kind == "opening":
            sizes.append(0)
        elif kind == "times":
            last *= int(token["least"] or part == "+")
            sizes[-1] += last
        else:
            last = 1 + sizes.pop() if kind == "closing" and len(sizes) > 1 else len(part)
            sizes[-1] += last
        row = row + 1 if kind == "brace" or (kind is None and part not in _NOT_LITERAL) else 0
        literals += row > 0
        parts.append(_unmistakable(part, kind))
        if sizes[-1] > _LARGEST:
            raise ValueError(_TOO_LARGE)
        if row > _LONGEST_LITERAL:
            raise ValueError(f"has more than {_LONGEST_LITERAL} literal characters in a row")
    return "".join(parts), literals


def _unmistakable(part: str, kind: str | None) -> str:
    if kind == "brace":
        return r"\{"
    if kind == "set":
        return _IN_SET.sub(lambda found: r"\[" if found[0] == "[" else found[0], part)
    return part
