"""As much of ``sh`` as tests of engines write, for containers that are none: in time that need not pass.

Known are ``;``, ``&&``, ``||``, ``>&2``, ``> FILE``, ``$NAME``, ``while …; do …; done`` and the commands in
``_COMMANDS``; any other ends with 127.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Final, Protocol

from attrs import Factory, define, evolve

__all__ = ["File", "Inside", "Run", "Wrote", "argv_runs", "knows", "ran"]

#: with which a command ends that there is not
_UNKNOWN: Final = 127
#: a loop that never waits takes so many seconds a turn, so that time goes on
_TURN: Final = 0.01


@define(frozen=True, kw_only=True)
class File:
    """A file in a container."""

    data: bytes
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@define(frozen=True)
class Wrote:
    """A line that was written."""

    text: str
    error: bool = False


class Inside(Protocol):
    """What a command finds where it runs."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Its variables."""

    def read(self, path: str) -> File | None:
        """The file of that path."""

    def write(self, path: str, data: bytes) -> bool:
        """Has there be such a file; whether that is possible."""

    def fetch(self, url: str) -> str | None:
        """What a server answers; None: nobody does."""


#: gives lines, and seconds that it waits; returns the exit code
Run = Generator[Wrote | float, None, int]


class _Ended(Exception):  # no error: how ``exit`` leaves what it is in
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@define(frozen=True)
class _Command:
    words: tuple[str, ...]
    #: to standard error
    error: bool = False
    #: the file that its lines go to; empty: none
    into: str = ""


@define
class _Script:
    #: each with what stands before it: ``;``, ``&&`` or ``||``
    parts: list[tuple[str, _Command | _Loop]] = Factory(list)


@define(frozen=True)
class _Loop:
    condition: _Script
    body: _Script


def argv_runs(argv: Sequence[str], inside: Inside) -> Run:
    """What a container's main process does; one that is not known waits for ever, as servers do."""
    try:
        if _is_script(argv):
            return (yield from _script(_parsed(argv[2]), inside))
        if not knows(argv):
            yield float("inf")
        return (yield from _command(_Command(tuple(argv)), inside))
    except _Ended as ended:
        return ended.status


def knows(argv: Sequence[str]) -> bool:
    """Whether this shell can tell what a command does."""
    return _is_script(argv) or (bool(argv) and argv[0] in _COMMANDS)


def _is_script(argv: Sequence[str]) -> bool:
    return len(argv) > 2 and argv[0] in ("sh", "/bin/sh") and argv[1] == "-c"


def ran(argv: Sequence[str], inside: Inside, seconds: float) -> tuple[int | None, list[str]]:
    """The exit code of a command (None: it takes longer than that) and what it wrote."""
    lines: list[str] = []
    run = argv_runs(argv, inside)
    passed = 0.0
    while True:
        try:
            event = next(run)
        except StopIteration as end:
            return end.value, lines
        if isinstance(event, Wrote):
            lines.append(event.text)
        else:
            passed += event
            if passed > seconds:
                return None, lines


def _parsed(text: str) -> _Script:
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=";&|>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return _sequence(iter([*lexer, ";"]), end="")


def _sequence(tokens: Iterator[str], end: str) -> _Script:
    """What stands before the word ``end``, which is read too."""
    script, words, joint, error, into = _Script(), list[str](), ";", False, ""
    for word in tokens:
        if word in (";", "&&", "||"):
            if words:
                script.parts.append((joint, _Command(tuple(words), error, into)))
            words, joint, error, into = [], word if words or script.parts else ";", False, ""
        elif word == end and not words:
            return script
        elif word == "while" and not words:
            script.parts.append((joint, _Loop(_sequence(tokens, "do"), _sequence(tokens, "done"))))
        elif word == ">&":
            error = next(tokens) == "2"
        elif word == ">":
            into = next(tokens)
        else:
            words.append(word)
    return script


def _script(script: _Script, inside: Inside) -> Run:
    status = 0
    for joint, part in script.parts:
        if (joint == "&&" and status) or (joint == "||" and not status):
            continue
        if isinstance(part, _Loop):
            while not (yield from _script(part.condition, inside)):
                yield _TURN
                yield from _script(part.body, inside)
            status = 0
        else:
            status = yield from _command(part, inside)
    return status


def _command(command: _Command, inside: Inside) -> Run:
    words = [_expanded(word, inside) for word in command.words]
    if words[0] == "exec" and words[1:]:
        status = yield from _command(evolve(command, words=tuple(words[1:])), inside)
        raise _Ended(status)
    known = _COMMANDS.get(words[0])
    if known is None:
        yield Wrote(f"sh: {words[0]}: not found", error=True)
        return _UNKNOWN
    written: list[str] = []
    for event in (run := _Running(known(words[1:], inside))):
        if isinstance(event, Wrote) and command.into and not event.error:
            written.append(event.text)
        else:
            yield Wrote(event.text, error=True) if isinstance(event, Wrote) and command.error else event
    if command.into and not inside.write(command.into, "".join(f"{line}\n" for line in written).encode()):
        yield Wrote(f"sh: can't create {command.into}: Read-only file system", error=True)
        return 1
    return run.status


class _Running:
    """Goes through a run's events; ``status`` is its exit code afterwards."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.status = 0

    def __iter__(self) -> Iterator[Wrote | float]:
        self.status = yield from self._run


def _expanded(word: str, inside: Inside) -> str:
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda name: inside.environment.get(name[1] or name[2], ""), word)


def _echo(words: Sequence[str], inside: Inside) -> Run:  # noqa: ARG001
    yield Wrote(" ".join(words))
    return 0


def _cat(words: Sequence[str], inside: Inside) -> Run:
    status = 0
    for path in words:
        if (file := inside.read(path)) is None:
            yield Wrote(f"cat: can't open '{path}': No such file or directory", error=True)
            status = 1
        else:
            for line in file.data.decode(errors="replace").splitlines():
                yield Wrote(line)
    return status


def _stat(words: Sequence[str], inside: Inside) -> Run:
    """``stat -c FORMAT PATH`` with ``%a``, ``%u`` and ``%g``."""
    if (file := inside.read(words[-1])) is None:
        yield Wrote(f"stat: can't stat '{words[-1]}': No such file or directory", error=True)
        return 1
    told = {"%a": f"{file.mode:o}", "%u": str(file.uid), "%g": str(file.gid)}
    yield Wrote(re.sub("%[aug]", lambda name: told[name[0]], words[words.index("-c") + 1]))
    return 0


def _sleep(words: Sequence[str], inside: Inside) -> Run:  # noqa: ARG001
    yield float(words[0])
    return 0


def _exit(words: Sequence[str], inside: Inside) -> Run:  # noqa: ARG001
    yield from ()
    raise _Ended(int(words[0]) if words else 0)


def _true(words: Sequence[str], inside: Inside) -> Run:  # noqa: ARG001
    yield from ()
    return 0


def _false(words: Sequence[str], inside: Inside) -> Run:  # noqa: ARG001
    yield from ()
    return 1


def _test(words: Sequence[str], inside: Inside) -> Run:
    """``test [!] -e PATH``."""
    yield from ()
    return int((inside.read(words[-1]) is not None) == (words[0] == "!"))


def _wget(words: Sequence[str], inside: Inside) -> Run:
    """``wget -q -O - URL``."""
    answer = inside.fetch(words[-1])
    if answer is None:
        yield Wrote(f"wget: can't connect to {words[-1]}", error=True)
        return 1
    yield Wrote(answer)
    return 0


_COMMANDS: Final[Mapping[str, Callable[[Sequence[str], Inside], Run]]] = {
    ":": _true,
    "cat": _cat,
    "echo": _echo,
    "exit": _exit,
    "false": _false,
    "sleep": _sleep,
    "stat": _stat,
    "test": _test,
    "trap": _true,
    "true": _true,
    "wget": _wget,
}
