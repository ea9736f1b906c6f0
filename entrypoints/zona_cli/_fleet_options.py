"""What commands about the fleet have in common: which fleet, which specification, what the lock is waited for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from zona_cli import _output as out
from zona_cli._moments import MOMENT
from zona_cli._session import Session

if TYPE_CHECKING:
    from zona_core.usecases._fleet.source import FleetSource

__all__ = ["SINCE", "as_json", "changing", "fleet_option", "found_path", "source_of", "specification_option"]

F = TypeVar("F", bound=Callable[..., Any])

#: as ``zona_core.fleet_files`` has them, which help does not wait for
_NAMES: Final = ("fleet.toml", "fleet.yaml")
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class _Since(click.ParamType[datetime]):
    """A time with its zone (RFC 3339), or how long ago: ``90s``, ``15m``, ``2h``, ``1d``."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """See the class."""
        ago = re.fullmatch(r"([0-9]{1,6})([smhd])", value) if isinstance(value, str) else None
        if ago:
            return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        return MOMENT.convert(value, param, ctx)


#: the type of an option that says from when on
SINCE: Final = _Since()


def fleet_option(function: F) -> F:
    """Adds ``--fleet``."""
    return click.option("--fleet", default="", metavar="NAME", help="Another fleet than the one that there is.")(
        function
    )


def specification_option(function: F) -> F:
    """Adds ``-f``/``--file``; the function gets it as ``path``."""
    return click.option(
        *("-f", "--file", "path"),
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False),
        help="The specification. [default: fleet.toml or fleet.yaml here; else the one that is stored]",
    )(function)


def changing(function: F) -> F:
    """Adds ``--wait`` and ``--reason``."""
    wait = click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="How long to wait for whoever is at the fleet already. [default: not at all]",
    )
    reason = click.option("--reason", default="", metavar="TEXT", help="Why, for the history.")
    return wait(reason(function))


def as_json(function: F) -> F:
    """Adds ``--json``, which says the same as ``--output json``."""

    def keep(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.ensure_object(Session).output = "json"

    option = click.option(
        "--json", is_flag=True, is_eager=True, expose_value=False, callback=keep, help="The same as --output json."
    )
    return option(function)


def found_path(session: Session, path: str | None, fleet: str) -> str:
    """The file that a specification is read from; empty for the one that is stored, also where a fleet is named.

    Says so where a file was found that nobody named.
    """
    if path is not None:
        return path
    found = next((name for name in _NAMES if Path(name).is_file()), "") if not fleet else ""
    if found:
        out.note(session, f"specification: {found}")
    return found


def source_of(session: Session, path: str) -> FleetSource | None:
    """The specification in that file with all that belongs to it, None for the stored one.

    Says which secrets are not here. Raises ``InvalidInput`` with every fault.
    """
    if not path:
        return None
    from zona_core import load_fleet

    source = load_fleet(path)
    known = source.specification.secrets.items()
    lacking = [f"{name} ({each.environment or each.file})" for name, each in known if name not in source.secrets]
    if lacking:
        out.note(session, f"not here, so the stored values count: {', '.join(lacking)}")
    return source
