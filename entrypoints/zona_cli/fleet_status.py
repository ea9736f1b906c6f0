"""``zona fleet status``: group by group what is wanted, what runs, and on which nodes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._fleet_options import fleet_option
from zona_cli._fleet_texts import age, clock, short_hash
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text, one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zona_core.domain.fleet.figures import FleetStatus, ServiceStatus
    from zona_core.domain.fleet.world import Node

__all__ = ["status"]

_SERVICES: Final = (
    out.Column("Group"),
    out.Column("Service"),
    out.Column("Tenant", "spare"),
    out.Column("State"),
    out.Column("Wanted", right=True),
    out.Column("Running", right=True),
    out.Column("Healthy", right=True),
    out.Column("Nodes", "wrap"),
    out.Column("Hash", "spare"),
    out.Column("Age", "spare", right=True),
    out.Column("Remark", "cut"),
)
_NODES: Final = (
    out.Column("Node"),
    out.Column("State"),
    out.Column("Manager", "spare"),
    out.Column("Engine", "spare"),
    out.Column("Labels", "wrap"),
)
#: seconds between two looks of ``--watch``
_PACE: Final = 2.0


@click.command(cls=Command)
@click.option("-w", "--watch", is_flag=True, help="Look again and again until Ctrl-C.")
@fleet_option
@pass_session
def status(session: Session, *, watch: bool, fleet: str) -> None:
    """Show how each service is: how many replicas are wanted, run and work, on which nodes, and since when.

    A node's cell is how many of its replicas work, of those that run there. With --watch what has changed is shown
    anew: at a terminal on the whole screen, elsewhere as another table or line of JSON.
    """
    here = session.system().fleet
    if not watch:
        found = here.status(fleet=fleet)
        if session.json:
            out.document(found)
        else:
            _write(session, found)
        return
    try:
        _follow(session, lambda: here.status(fleet=fleet))
    except KeyboardInterrupt:  # how it is ended
        return


def _write(session: Session, found: FleetStatus) -> None:
    now = datetime.now(UTC)
    if found.services:
        out.table(_SERVICES, (_service(each, now) for each in found.services))
    else:
        out.note(session, f"the fleet {found.fleet} has no services")
    for name, why in found.left_out.items():
        click.echo(one_line(f"not running: {name}: {why}"))
    if found.nodes:
        click.echo()
        out.table(_NODES, map(_node, found.nodes))


def _follow(session: Session, look: Callable[[], FleetStatus]) -> None:
    """Shows the status whenever it is another one, without an end."""
    if sys.stdout.isatty() and not session.json:
        _on_screen(session, look)
        return
    for found in _changes(look):
        if session.json:
            from zona_core import as_data

            click.echo(json_text(as_data(found), indent=None))
        else:
            click.echo(f"{clock()}  {_settled(found)}")
            _write(session, found)
            click.echo()
        sys.stdout.flush()


def _on_screen(session: Session, look: Callable[[], FleetStatus]) -> None:
    """Draws it anew; the last one stays."""
    latest = look()
    pause = threading.Event()
    try:
        with out.drawn(lambda height: _drawn(latest, height)):
            while not pause.wait(_PACE):
                latest = look()
    finally:
        _write(session, latest)


def _changes(look: Callable[[], FleetStatus]) -> Iterator[FleetStatus]:
    from attrs import evolve

    pause, before = threading.Event(), None
    while True:
        found = look()
        timeless = evolve(found, taken_at=None)
        if timeless != before:
            before = timeless
            yield found
        pause.wait(_PACE)


def _drawn(found: FleetStatus, height: int) -> RenderableType:
    from rich.console import Group

    now = datetime.now(UTC)
    room = max(1, height - 5 - (len(found.nodes) + 2 if found.nodes else 0))
    services = sorted(found.services, key=lambda each: each.state.value in ("running", "stopped"))
    parts: list[RenderableType] = [out.titled(f"fleet {found.fleet} at {clock()}", _settled(found))]
    parts.append(out.grid(_SERVICES, (_service(each, now) for each in services[:room])))
    if len(services) > room:
        parts.append(f"… and {len(services) - room} more")
    if found.nodes:
        parts += ["", out.grid(_NODES, map(_node, found.nodes))]
    return Group(*parts)


def _settled(found: FleetStatus) -> str:
    return "as it is wanted" if found.settled else "not as it is wanted"


def _service(row: ServiceStatus, now: datetime) -> tuple[object, ...]:
    applied, wanted = short_hash(row.hash), short_hash(row.wanted_hash)
    return (
        row.group.value,
        row.name,
        row.tenant_code,
        out.state(row.state.value),
        row.desired,
        row.running,
        row.healthy,
        ", ".join(f"{node} {cell.healthy}/{cell.running}" for node, cell in row.nodes.items()),
        applied if applied == wanted or not wanted else f"{applied or 'none'} → {wanted}",
        age(row.since, now),
        row.message,
    )


def _node(node: Node) -> tuple[object, ...]:
    labels = ", ".join(f"{name}={value}" if value else name for name, value in sorted(node.labels.items()))
    return node.name, out.state(node.state.value), "yes" if node.manager else "", node.engine_version, labels
