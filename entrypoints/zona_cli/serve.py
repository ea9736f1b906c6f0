"""``zona serve``: the HTTP service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_service.serving import Serving

__all__ = ["serve"]


@click.command(cls=Command)
@click.option("--host", metavar="ADDRESS", help="The address to listen on. [env: ZONA_HTTP_HOST; default: 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="The port; 0 takes any that is free. [env: ZONA_HTTP_PORT; default: 8063]",
)
@click.option(
    "--server",
    type=click.Choice(["gunicorn", "granian"]),
    help="What speaks HTTP; granian needs the extra fast. [env: ZONA_HTTP_SERVER; default: gunicorn]",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    help="Processes; 0 for one per processor, at most 4. [env: ZONA_HTTP_WORKERS; default: 0]",
)
@click.option(
    "--threads", type=click.IntRange(1, 256), help="Threads of a process. [env: ZONA_HTTP_THREADS; default: 4]"
)
@click.option("--certificate", metavar="FILE", help="PEM file to serve TLS 1.3 with. [env: ZONA_HTTP_CERTIFICATE]")
@click.option(
    "--certificate-key", metavar="FILE", help="PEM file with its private key. [env: ZONA_HTTP_CERTIFICATE_KEY]"
)
@click.option(
    "--client-authorities",
    metavar="FILE",
    help="PEM file with the authorities of client certificates, which are required then. "
    "[env: ZONA_HTTP_CLIENT_AUTHORITIES]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error", "critical"]),
    help="What is worth a line. [env: ZONA_HTTP_LOG_LEVEL; default: info]",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "console"]),
    help="For programs or for eyes. [env: ZONA_HTTP_LOG_FORMAT; default: json]",
)
@pass_session
def serve(session: Session, /, **http: Any) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C.

    The log goes to standard output. SIGTERM lets requests under way end; SIGHUP replaces the processes one after the
    other with the settings read anew.
    """
    from zona_service import serving

    options: dict[str, Any] = dict(session.options)
    if session.tenant is not None:
        options["tenant"] = session.tenant
    serving.serve(options, http, ready=lambda told: _tell(session, told))


def _tell(session: Session, told: Serving) -> None:
    from attrs import asdict

    if session.json:
        click.echo(json_text({"serving": asdict(told)}, indent=None))
        return
    out.note(
        session,
        f"Serving on {told.url} (process {told.pid}, {told.server}, workers: {told.workers}, threads: {told.threads})",
    )
