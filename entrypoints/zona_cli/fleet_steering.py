"""``zona fleet scale|start|stop|restart|toggle``: what is said by hand, and stays said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from zona_cli._commands import Command
from zona_cli._fleet_options import changing, fleet_option
from zona_cli._fleet_progress import carried_out
from zona_cli._inputs import Assignment
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.fleet.selection import Selection

__all__ = ["COMMANDS"]

F = TypeVar("F", bound=Callable[..., Any])

#: as the core has them, which help does not wait for
_GROUPS: Final = ("system", "core", "batch", "app")
_SWITCHES: Final = {"on": True, "off": False}


class _Count(Assignment):
    """``SERVICE=N``, as ``(name, text)``; N is a number of replicas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """See ``Assignment``."""
        name, text = super().convert(value, param, ctx)
        if not (text.isascii() and text.isdecimal() and len(text) <= 5):
            self.fail(f"{name}: what stands behind = is no number of replicas", param, ctx)
        return name, text


class _Switch(Assignment):
    """``NAME=on`` or ``NAME=off``, as ``(name, text)``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """See ``Assignment``."""
        name, text = super().convert(value, param, ctx)
        if text not in _SWITCHES:
            self.fail(f"{name}: what stands behind = is neither on nor off", param, ctx)
        return name, text


def _selecting(function: F) -> F:
    """Adds what says which services are meant."""
    options = (
        click.option("--group", "groups", multiple=True, type=click.Choice(_GROUPS), help="Those of this group."),
        click.option("--service", "services", multiple=True, metavar="NAME", help="This one, also an accessory."),
        click.option("--tenant", "tenants", multiple=True, metavar="CODE", help="Those of this tenant's instances."),
        click.option("--accessories", is_flag=True, help="Accessories (databases, brokers, proxies), too."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _selection(
    session: Session, groups: tuple[str, ...], services: tuple[str, ...], tenants: tuple[str, ...], accessories: bool
) -> Selection:
    """A tenant that was named before the command counts here as one that was named after it."""
    from zona_core.domain.fleet.selection import Selection
    from zona_core.domain.fleet.specification import Group

    if session.tenant is not None and session.tenant not in tenants:
        tenants = (*tenants, session.tenant)
    # NOTE: mypy takes no argument for converters that are generic classes, as ``tuple`` is
    which: Any = {"groups": map(Group, groups), "services": services, "tenants": tenants}
    return Selection(accessories=accessories, **which)


@click.command(cls=Command)
@click.argument("counts", nargs=-1, required=True, metavar="SERVICE=N...", type=_Count())
@changing
@fleet_option
@pass_session
def scale(session: Session, *, counts: tuple[tuple[str, str], ...], fleet: str, wait: float, reason: str) -> None:
    """Have a service run N times, whatever its specification says, until somebody says another number."""
    here, wanted = session.system().fleet, {name: int(text) for name, text in counts}
    carried_out(session, lambda report: here.scale(wanted, fleet=fleet, wait=wait, reason=reason, report=report))


@click.command(cls=Command)
@_selecting
@changing
@fleet_option
@pass_session
def start(session: Session, /, *, fleet: str, wait: float, reason: str, **which: Any) -> None:
    """Have services that were stopped run again: all of them, or those that the options name."""
    here, meant = session.system().fleet, _selection(session, **which)
    carried_out(session, lambda report: here.start(meant, fleet=fleet, wait=wait, reason=reason, report=report))


@click.command(cls=Command)
@_selecting
@changing
@fleet_option
@pass_session
def stop(session: Session, /, *, fleet: str, wait: float, reason: str, **which: Any) -> None:
    """Have services run no more until they are started: all but accessories, or those that the options name."""
    here, meant = session.system().fleet, _selection(session, **which)
    carried_out(session, lambda report: here.stop(meant, fleet=fleet, wait=wait, reason=reason, report=report))


@click.command(cls=Command)
@_selecting
@changing
@fleet_option
@pass_session
def restart(session: Session, /, *, fleet: str, wait: float, reason: str, **which: Any) -> None:
    """Replace the replicas of services one after the other: all but accessories, or those that the options name."""
    here, meant = session.system().fleet, _selection(session, **which)
    carried_out(session, lambda report: here.restart(meant, fleet=fleet, wait=wait, reason=reason, report=report))


@click.command(cls=Command)
@click.argument("switches", nargs=-1, required=True, metavar="NAME=on|off...", type=_Switch())
@changing
@fleet_option
@pass_session
def toggle(session: Session, *, switches: tuple[tuple[str, str], ...], fleet: str, wait: float, reason: str) -> None:
    """Switch feature toggles, and with them the services that want them on or off."""
    here, wanted = session.system().fleet, {name: _SWITCHES[text] for name, text in switches}
    carried_out(session, lambda report: here.switch(wanted, fleet=fleet, wait=wait, reason=reason, report=report))


COMMANDS: Final = (scale, start, stop, restart, toggle)
