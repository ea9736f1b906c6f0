"""Commands that take the global options in any place, and groups that import a command when it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any, ClassVar

import click

from zona_cli._session import Session

__all__ = ["Command", "Group", "LazyGroup"]


class _GlobalOption(click.Option):
    """An option that every command takes and that the ``Session`` keeps; the innermost one given counts."""

    def __init__(self, *names: str, **attributes: Any) -> None:
        # Eager, so that what goes wrong with other options is reported in the format asked for.
        super().__init__(names, expose_value=False, is_eager=True, callback=_keep, **attributes)


def _keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    session = ctx.ensure_object(Session)
    if value is None or param.name is None:
        return
    if param.name in ("output", "tenant"):
        setattr(session, param.name, value)
    else:
        session.options[param.name] = value


def _global_options(taken: Collection[str], *, root: bool = False) -> list[click.Parameter]:
    """The global options; ``taken`` are names that the command needs for options of its own."""
    # What is a setting gets its value from the environment by the settings, not by click.
    cache = _GlobalOption("--cache", metavar="URL", help="The cache. [env: ZONA_CACHE]")
    tenant = _GlobalOption("--tenant", metavar="CODE", help="The tenant to work in. [env: ZONA_TENANT]")
    return [
        _GlobalOption("--store", metavar="URL", help="The document store. [env: ZONA_STORE]"),
        *([] if "--cache" in taken else [cache]),
        _GlobalOption("--home", metavar="DIR", help="Folder for store, master key and zona.toml. [env: ZONA_HOME]"),
        *([] if "--tenant" in taken else [tenant]),
        _GlobalOption(
            *(name for name in ("-o", "--output") if name not in taken),
            type=click.Choice(["table", "json"]),
            help="For people or for programs. [env: ZONA_OUTPUT; default: table]",
            envvar="ZONA_OUTPUT" if root else None,
        ),
    ]


class _Shared(click.Command):
    """Takes the global options after its name as well, and lists them in a section of their own."""

    root: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        self.params = [*self.params, *_global_options(own, root=self.root)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the command's own options, its commands if it is a group, then the global options."""
        sections: Mapping[str, list[tuple[str, str]]] = {"Options": [], "Global options": []}
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is not None:
                sections["Global options" if isinstance(param, _GlobalOption) else "Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
            if title == "Options" and isinstance(self, click.Group):
                self.format_commands(ctx, formatter)


class Command(_Shared):
    """A command of ``zona``."""


class Group(_Shared, click.Group):
    """A group of commands."""

    command_class = Command


class LazyGroup(Group):
    """A group whose commands are imported one by one, when they are asked for."""

    #: command → ``module:attribute`` below ``zona_cli``
    places: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names in the order of ``places``."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """The command of that name, or None."""
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"zona_cli.{module}"), attribute)
        return command
