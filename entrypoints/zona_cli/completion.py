"""``zona completion``: the script that makes a shell complete what is typed."""

from __future__ import annotations

import click

from zona_cli._commands import Command

__all__ = ["completion"]


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script for completion in SHELL.

    It completes commands, options and the names of apps, tasks, instances, credentials, keys, tenants and runs.

    \b
    bash:  eval "$(zona completion bash)"     in ~/.bashrc
    zsh:   eval "$(zona completion zsh)"      in ~/.zshrc
    fish:  zona completion fish > ~/.config/fish/completions/zona.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "zona", "_ZONA_COMPLETE").source())
