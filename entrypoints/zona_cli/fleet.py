"""``zona fleet``: services on container engines, as a specification wants them."""

from __future__ import annotations

import click

from zona_cli._commands import Group
from zona_cli.fleet_look import COMMANDS as LOOK
from zona_cli.fleet_plan import apply, plan, rollback
from zona_cli.fleet_status import status
from zona_cli.fleet_steering import COMMANDS as STEERING
from zona_cli.fleet_streams import events, logs
from zona_cli.fleet_upkeep import doctor, lock, prune
from zona_cli.fleet_watch import watch

__all__ = ["fleet"]


@click.group(cls=Group)
def fleet() -> None:
    """Run services on container engines as a specification wants them."""


for command in (plan, apply, rollback, status, *STEERING, logs, events, *LOOK, lock, doctor, prune, watch):
    fleet.add_command(command)
