"""The root of the command line: global options, the commands there are, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any, ClassVar

import click

from zona_cli import _errors
from zona_cli._commands import LazyGroup
from zona_cli._plugin_commands import plugin_command, plugin_command_names
from zona_cli._session import Session

__all__ = ["cli", "main"]

#: how completion scripts say what they want
_COMPLETION = "_ZONA_COMPLETE"


class _Root(LazyGroup):
    """``zona``: its own commands, those of plugins, and one place where errors end."""

    root = True
    places: ClassVar = {
        "init": "init:init",
        "apps": "apps:apps",
        "tasks": "tasks:tasks",
        "instances": "instances:instances",
        "credentials": "credentials:credentials",
        "run": "run:run",
        "playbooks": "playbooks:playbooks",
        "schedules": "schedules:schedules",
        "runs": "runs:runs",
        "events": "events:events",
        "feeds": "feeds:feeds",
        "rules": "rules:rules",
        "alerts": "alerts:alerts",
        "cases": "cases:cases",
        "policies": "policies:policies",
        "silences": "silences:silences",
        "channels": "channels:channels",
        "audit": "audit:audit",
        "serve": "serve:serve",
        "worker": "worker:worker",
        "fleet": "fleet:fleet",
        "tenants": "tenants:tenants",
        "licence": "licence:licence",
        "users": "users:users",
        "roles": "roles:roles",
        "api-keys": "keys:api_keys",
        "keys": "package_keys:package_keys",
        "plugins": "plugins:plugins",
        "store": "store:store",
        "completion": "completion:completion",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Zona's own commands, then those of plugins."""
        own = super().list_commands(ctx)
        return own + [name for name in plugin_command_names(ctx) if name not in own]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Zona's own command of that name, else a plugin's."""
        return super().get_command(ctx, cmd_name) or plugin_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See click; the commands that an unknown name is compared with are all there are."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as exc:
            raise click.exceptions.NoSuchCommand(
                exc.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None

    def invoke(self, ctx: click.Context) -> None:
        """Runs the command; what it returns is no exit code."""
        try:
            super().invoke(ctx)
        except BrokenPipeError:  # before click sees it, which would end with 1
            _discard_output()
            ctx.exit(_errors.BROKEN_PIPE)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """See click; in standalone mode every error is reported here and becomes an exit code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        session = Session()
        try:
            with closing(session):
                code = super().main(args, prog_name, complete_var, standalone_mode=False, obj=session, **extra) or 0
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
            code = _errors.BROKEN_PIPE
        except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001  # the last place where anything can be said
            as_json = session.json or (
                session.output is None and _errors.wants_json(sys.argv if args is None else args)
            )
            code = _errors.report(exc, json=as_json)
            _discard_what_cannot_be_written()
        sys.exit(code)


def _discard_what_cannot_be_written() -> None:
    """Otherwise the interpreter tries it again at its end, and fails with a code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()


def _discard_output() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, silently."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@click.group(
    cls=_Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The global options may also stand after a command's name.",
)
@click.version_option(package_name="zona", message="zona %(version)s")
def cli() -> None:
    """Security automation: describe apps, connect them to accounts, run their tasks."""


def main() -> None:
    """The console script ``zona``."""
    if _COMPLETION in os.environ:
        from zona_cli._completion import complete

        complete(cli, _COMPLETION)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="zona")
