"""What goes to standard error when a call fails, and the exit code that follows."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli._text import json_text, one_line, printable

if TYPE_CHECKING:
    from zona_core import ZonaError

__all__ = ["BROKEN_PIPE", "INTERRUPTED", "PARTLY", "report", "report_failed_run", "report_part", "wants_json"]

#: a part of what was asked could not be done; the rest was
PARTLY: Final = 15
#: 128 + the signal's number, as shells count
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

#: what is wrong is not the program's
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_MOST_FAULTS: Final = 20
_LONGEST_DETAIL: Final = 400


def report(error: BaseException, *, json: bool) -> int:
    """Tells of ``error`` on standard error and gives the exit code."""
    if isinstance(error, KeyboardInterrupt | EOFError | click.Abort):
        _tell({"code": "interrupted", "message": "interrupted"}, json=json)
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        return _usage(error, json=json)
    if "zona_core.errors" in sys.modules:  # else it cannot be one of its errors
        from zona_core.errors import ZonaError, exit_code_of

        if isinstance(error, ZonaError):
            _tell(error.as_dict(), json=json)
            return exit_code_of(error)
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        message = f"the output cannot be written: {os.strerror(error.errno)}"
        _tell({"code": "no_space", "message": message}, json=json)
        return 1
    return _unforeseen(error, json=json)


def report_failed_run(error: Mapping[str, Any], *, timed_out: bool, json: bool) -> int:
    """Tells of the error that a run's record holds and gives the exit code of its kind."""
    from zona_core.errors import EXIT_AND_STATUS, AddressRefused, TaskFailed, TaskTimeout

    _tell(error, json=json, details=True)
    kind: type[ZonaError] = TaskTimeout if timed_out else TaskFailed
    if error.get("code") == AddressRefused.code:
        kind = AddressRefused
    return EXIT_AND_STATUS[kind][0]


def report_part(what: str, error: Mapping[str, Any]) -> None:
    """Tells people of an error that concerns only ``what``; programs have it in the result."""
    _tell({**error, "message": f"{what}: {error['message']}"}, json=False)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether arguments that could not be parsed ask for JSON."""
    if not {"--output=json", "-ojson"}.isdisjoint(arguments):
        return True
    return any(option in ("-o", "--output") and value == "json" for option, value in pairwise(arguments))


def _usage(error: click.ClickException, *, json: bool) -> int:
    if not json or isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    shown = {"code": "usage", "message": error.format_message()}
    ctx = getattr(error, "ctx", None)
    if ctx is not None:
        shown["hint"] = f"{ctx.command_path} --help"
    _tell(shown, json=True)
    return error.exit_code


def _unforeseen(error: BaseException, *, json: bool) -> int:
    # Not the error's own text: what nobody foresaw may quote anything, a secret too.
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {os.path.basename(frame[0].filename)}:{frame[0].lineno}" if frame else ""
    message = f"internal error: {type(error).__name__}{place}; please report it (ZONA_DEBUG=1 shows the traceback)"
    if json:
        _tell({"code": "internal_error", "message": message}, json=True)
    else:
        click.echo(printable(message), err=True)
    if os.environ.get("ZONA_DEBUG") == "1":
        click.echo(printable("".join(traceback.format_exception(error))), err=True)
    return 1


def _tell(error: Mapping[str, Any], *, json: bool, details: bool = False) -> None:
    if json:
        click.echo(json_text({"error": dict(error)}, ascii_only=True), err=True)
        return
    colour = None if "NO_COLOR" in os.environ else "red"
    listed = _fault_lines(error)
    message = _without_first_fault(error) if listed else error["message"]
    click.echo(f"{click.style('error', fg=colour)}[{one_line(error['code'])}]: {printable(message)}", err=True)
    for line in [*listed, *(_detail_lines(error) if details else ())]:
        click.echo(f"  {one_line(line)}", err=True)
    if error.get("hint"):
        click.echo(f"hint: {printable(error['hint'])}", err=True)


def _fault_lines(error: Mapping[str, Any]) -> list[str]:
    from zona_core.errors import Fault

    found = error.get("errors", ())
    told = ["", *(each.get("expected", "") for each in found)]
    # What is expected of several in a row, which may be a long list of names, is said once.
    faults = [
        str(Fault(each["path"], each["message"], "" if expected == before else expected))
        for each, before, expected in zip(found, told, told[1:], strict=False)
    ]
    if len(faults) == 1 and faults[0] in error["message"]:
        return []
    left = len(faults) - _MOST_FAULTS
    return [*faults[:_MOST_FAULTS], *([f"… and {left} more: --output json shows all"] if left > 0 else [])]


def _without_first_fault(error: Mapping[str, Any]) -> str:
    """The message without the fault that it quotes, where all of them are listed below it."""
    message = str(error["message"])
    start = message.find(f": {error['errors'][0]['path']}: ")
    return message if start < 0 or not message.endswith(" more)") else message[: start + 1]


def _detail_lines(error: Mapping[str, Any]) -> list[str]:
    """What else is known of a failed run, such as the remote side's answer."""
    details = error.get("details", {})
    texts = {name: one_line(value) for name, value in details.items() if isinstance(value, str)}
    return [
        f"{name}: {text if len(text) <= _LONGEST_DETAIL else text[:_LONGEST_DETAIL] + '…'}"
        for name, text in texts.items()
        if text and text not in error["message"]
    ]
