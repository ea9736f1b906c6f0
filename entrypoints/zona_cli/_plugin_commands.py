"""Commands that plugins bring by the hook ``zona_cli_commands``."""

from __future__ import annotations

import click

from zona_cli._session import Session

__all__ = ["plugin_command", "plugin_command_names"]


def plugin_command_names(ctx: click.Context) -> list[str]:
    """Names of the plugins' commands; none, rather than an error, if the configuration cannot be used."""
    if not _strangers():
        return []
    from zona_core import ZonaError

    try:
        return sorted(_commands(ctx))
    except ZonaError:
        return []


def plugin_command(ctx: click.Context, name: str) -> click.Command | None:
    """The plugins' command of that name, or None; raises ``ConfigurationError``."""
    return _commands(ctx).get(name) if _strangers() else None


def _strangers() -> bool:
    """Whether there are plugins but Zona's own, which bring no command: help need not load any for them."""
    from importlib.metadata import entry_points

    return any(point.dist is None or point.dist.name != "zona" for point in entry_points(group="zona"))


def _commands(ctx: click.Context) -> dict[str, click.Command]:
    brought = ctx.ensure_object(Session).zona.plugins.cli_commands()
    commands: dict[str, click.Command] = {}
    for command in brought:
        if isinstance(command, click.Command) and command.name:
            commands.setdefault(command.name, command)
    return commands
