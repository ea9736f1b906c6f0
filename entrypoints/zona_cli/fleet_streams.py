"""``zona fleet logs`` and ``events``: lines as they come, of all nodes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._fleet_options import SINCE, fleet_option
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.text import Text

    from zona_core.ports.engines import EngineEvent, LogLine

__all__ = ["events", "logs"]

T = TypeVar("T")

#: of services' names at a terminal, by turns
_COLOURS: Final = ("cyan", "green", "magenta", "blue", "yellow")


@click.command(cls=Command)
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--tail",
    type=click.IntRange(min=-1),
    default=100,
    show_default=True,
    metavar="N",
    help="The last lines of each replica; -1: all.",
)
@click.option("--since", type=SINCE, metavar="TIME", help="From this moment on, or for so long: 15m, 2h, 1d.")
@fleet_option
@pass_session
def logs(
    session: Session, /, services: tuple[str, ...], *, follow: bool, tail: int, since: datetime | None, fleet: str
) -> None:
    """Show what services write, of all replicas on all nodes; of all services if none is named.

    With --output json each line is a JSON document.
    """
    here, names = session.system().fleet, _Names()
    found = here.logs(services, fleet=fleet, follow=follow, tail=tail, since=since)
    _show(session, found, lambda line: _log_line(names, line))


@click.command(cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--since", type=SINCE, default="1h", show_default=True, metavar="TIME", help="From this moment on, or for so long."
)
@fleet_option
@pass_session
def events(session: Session, *, follow: bool, since: datetime, fleet: str) -> None:
    """Show what happened to the fleet's containers, services and nodes, as the engine tells it.

    Engines remember a few hundred events, of which health checks make many: to see all of them, follow them.

    With --output json each line is a JSON document.
    """
    found = session.system().fleet.events(fleet=fleet, follow=follow, since=since)
    _show(session, found, _event_line)


def _shortened(found: re.Match[str]) -> str:
    return found[0][:12]


class _Names:
    """A colour for each service, in the order in which they first write."""

    def __init__(self) -> None:
        self._colours: dict[str, str] = {}

    def colour(self, service: str) -> str:
        """Its colour, the same each time."""
        return self._colours.setdefault(service, _COLOURS[len(self._colours) % len(_COLOURS)])


def _show(session: Session, found: Iterable[T], line: Callable[[T], Text]) -> None:
    """Writes each as it comes; Ctrl-C is how one that goes on is ended, and no fault."""
    try:
        for each in found:
            if session.json:
                _write_json(each)
            else:
                out.lines([line(each)])
            sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _write_json(each: Any) -> None:
    from zona_core import as_data

    sys.stdout.write(json_text(as_data(each), indent=None, ascii_only=True) + "\n")


def _log_line(names: _Names, line: LogLine) -> Text:
    from rich.text import Text

    shown = Text(f"{_writer(line)} | ", style=names.colour(line.service))
    shown.append(printable(line.text.rstrip("\n")), style="default")
    return shown


def _writer(line: LogLine) -> str:
    """The replica from its service's name on, which engines put more before; one with a mere id after its service."""
    service, replica, node = one_line(line.service), one_line(line.replica), one_line(line.node)
    start = replica.find(service)
    who = replica[start:] if start >= 0 else f"{service} {replica[:_LONGEST_ID]}".rstrip()
    return f"{who}@{node}" if node and start < 0 else who


def _event_line(event: EngineEvent) -> Text:
    from rich.text import Text

    at = f"{event.time.astimezone():%H:%M:%S}"
    told = " ".join(
        f"{one_line(name)}={one_line(value)}" for name, value in event.details.items() if name not in _KNOWN
    )
    shown = Text(f"{at}  ", style="dim")
    shown.append(f"{one_line(event.service or event.name)}  ", style="bold")
    shown.append(f"{one_line(event.kind)} {one_line(event.action)}", style=_EVENTS.get(event.action.split(":")[0], ""))
    shown.append(f"  {told}" if told else "", style="dim")
    return shown


#: characters of a replica's id
_LONGEST_ID: Final = 12
#: of a container, an image, a network
_ID: Final = re.compile(r"\b[0-9a-f]{64}\b")
#: details that are the same for all, or said already
_KNOWN: Final = ("fleet", "service")
_EVENTS: Final = {"start": "green", "die": "red", "oom": "bold red", "kill": "yellow", "destroy": "yellow"}
