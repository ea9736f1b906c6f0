"""``zona plugins``: what is installed, what it brings, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from rich.text import Text

    from zona_core.plugins import PluginReport

__all__ = ["plugins"]


@click.group(cls=Group)
def plugins() -> None:
    """See the plugins."""


@plugins.command("list")
@pass_session
def list_plugins(session: Session) -> None:
    """List the plugins, what they bring, and why one was left out."""
    found = session.zona.plugins
    offers = found.offers  # asking for it calls the hooks, whose failures then stand in the reports
    found.cli_commands()
    names = {each.name for each in found.reports}
    if unknown := [name for name in session.zona.settings.blocked_plugins if name not in names]:
        out.warn(session, f"blocked_plugins names what is not installed: {', '.join(unknown)}")
    if session.json:
        out.document({"items": found.reports, "next": None, "offers": offers})
        return
    out.table(
        [
            out.Column("Name"),
            out.Column("Distribution"),
            out.Column("Version"),
            out.Column("State"),
            out.Column("Brings", "wrap"),
        ],
        [(each.name, each.distribution, each.version, out.state(each.state), _brings(each)) for each in found.reports],
    )
    click.echo()
    out.details((kind.capitalize(), ", ".join(names) or "none") for kind, names in offers.items())


def _brings(report: PluginReport) -> Text:
    from rich.text import Text

    from zona_cli._text import one_line

    if report.error:
        return Text(one_line(report.error), style="red")
    return Text(", ".join(hook.removeprefix("zona_").replace("_", " ") for hook in report.hooks))
