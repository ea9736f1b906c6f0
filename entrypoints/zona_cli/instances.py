"""``zona instances``: apps connected to accounts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import app_titles, credential_titles, instance_titles
from zona_cli._inputs import Sources, confirm, secret_hint, value_options, values
from zona_cli._paging import gathered, paged
from zona_cli._runs import private_hint
from zona_cli._session import Session, pass_session
from zona_cli._text import json_text

if TYPE_CHECKING:
    from zona_core import Workspace

__all__ = ["instances"]

_app = click.argument("app", shell_complete=app_titles)
_instance = click.argument("instance", shell_complete=instance_titles)
_SETTABLE = ["active", "inactive", "maintenance"]


@click.group(cls=Group)
def instances() -> None:
    """Connect apps to accounts."""


@instances.command()
@_app
@click.option("--title", required=True, metavar="TITLE", help="What the instance is called.")
@value_options
@click.option(
    "--allow-private", is_flag=True, help="Let it reach the private networks that the tenant's policy allows."
)
@click.option(
    "--credential",
    shell_complete=credential_titles,
    metavar="TITLE",
    help="A credential whose secrets stand in for fields left empty.",
)
@click.option("--deploy/--no-deploy", default=False, help="Ask for the service that APP defines; the fleet runs it.")
@pass_session
def add(
    session: Session,
    *,
    app: str,
    title: str,
    sources: Sources,
    allow_private: bool,
    credential: str | None,
    deploy: bool,
) -> None:
    """Connect APP to an account.

    Required secrets that no option gives are asked for, unless there is no terminal or a credential is named.
    """
    from zona_core import FieldKind

    workspace = session.workspace()
    fields = workspace.apps.get(app).fields
    given = values(session, fields, sources, ask=credential is None)
    with secret_hint(fields, given):
        made = workspace.instances.add(
            app, title=title, values=given, allow_private=allow_private, credential=credential, deploy=deploy
        )
    out.done(session, made, f"added the instance {made.title} (instance {made.instance_id})")
    empty = [field.name for field in fields if field.kind is FieldKind.SECRET and field.name not in given]
    if empty and credential is None:
        out.note(
            session,
            f"it goes without {', '.join(empty)}: zona instances update {shlex.join([app, title])} "
            f"--set-env {empty[0]}=VARIABLE sets it",
        )


@instances.command("list")
@click.argument("app", required=False, shell_complete=app_titles)
@paged()
@pass_session
def list_instances(session: Session, app: str | None, limit: int | None, after: str | None) -> None:
    """List the instances of APP, or of all apps."""
    workspace = session.workspace()
    items, rest = gathered(lambda cursor, size: workspace.instances.list(app, after=cursor, limit=size), after, limit)
    titles: dict[int, str] = {}
    if items and not session.json:
        listed, _ = gathered(lambda cursor, size: workspace.apps.list(after=cursor, limit=size), None, None)
        titles = {each.integration_id: each.title for each in listed}
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID", right=True),
            out.Column("App"),
            out.Column("Title"),
            out.Column("Status"),
            out.Column("Tested"),
            out.Column("Base URL", "cut"),
        ],
        lambda each: (
            each.instance_id,
            titles.get(each.integration_id, each.integration_id),
            each.title,
            out.state(each.status.value),
            out.short_moment(each.last_health_check),
            each.base_url,
        ),
        none="there is no instance yet: zona instances add APP --title TITLE makes one",
    )


@instances.command()
@_app
@_instance
@pass_session
def show(session: Session, app: str, instance: str) -> None:
    """Show INSTANCE of APP; secrets are masked."""
    workspace = session.workspace()
    found = workspace.instances.get(app, instance)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.instance_id),
            ("Title", found.title),
            ("Status", out.state(found.status.value)),
            ("Reason", found.status_reason),
            ("Private addresses", "allowed, as far as the tenant's policy goes" if found.allow_private else "refused"),
            ("Service", "asked for: the fleet runs it" if found.deploy else ""),
            ("Credential", _credential(workspace, found.credentials_id)),
            ("Tested", out.moment(found.last_health_check)),
            ("Made", f"{out.moment(found.created_ts)} by {found.user_id}"),
            ("Changed", out.moment(found.updated_ts)),
        ]
    )
    if found.values:
        click.echo("\nValues:")
        rows = [(name, _shown(value)) for name, value in found.values.items()]
        out.table([out.Column("Name"), out.Column("Value", "wrap")], rows)


@instances.command()
@_app
@_instance
@click.option("--timeout", type=float, default=30.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@pass_session
def test(session: Session, app: str, instance: str, timeout: float) -> None:
    """Try whether INSTANCE of APP works, without changing anything there.

    Exits with 7 if it does not.
    """
    from zona_core import AddressRefused, TaskFailed

    try:
        with out.working(f"testing {instance}"):
            report = session.workspace().instances.test(app, instance, timeout=timeout)
    except AddressRefused as exc:
        exc.hint = exc.hint and private_hint(session, app, instance)
        raise
    if session.json:
        out.document(report)
    elif report.ok:
        out.done(session, report, f"{instance} works: {report.detail} ({report.duration_ms:.0f} ms)")
    if not report.ok:
        raise TaskFailed(f"{instance} does not work: {report.detail}", code="instance_not_working")


@instances.command()
@_app
@_instance
@value_options
@click.option("--unset", multiple=True, metavar="NAME", help="Empty a field.")
@click.option("--rename", metavar="TITLE", help="Call it something else.")
@click.option("--status", type=click.Choice(_SETTABLE), help="Whether its tasks are run.")
@click.option("--credential", metavar="TITLE", help="The shared credential to use from now on; '' for none.")
@click.option("--allow-private/--no-allow-private", default=None, help="Whether it may reach private networks.")
@click.option("--rate", metavar="N/SECONDS", help="So many calls in so many seconds, the others wait; 0 for no bound.")
@click.option("--concurrent", type=click.IntRange(min=0), help="So many calls at a time; 0 for no bound.")
@click.option("--check-every", type=click.FloatRange(min=0), help="Seconds between two tests by itself; 0 for none.")
@click.option("--deploy/--no-deploy", default=None, help="Whether the fleet runs the service that APP defines for it.")
@pass_session
def update(
    session: Session,
    *,
    app: str,
    instance: str,
    sources: Sources,
    unset: tuple[str, ...],
    rename: str | None,
    status: str | None,
    credential: str | None,
    allow_private: bool | None,
    rate: str | None,
    concurrent: int | None,
    check_every: float | None,
    deploy: bool | None,
) -> None:
    """Change INSTANCE of APP: what is not named stays as it is."""
    from zona_core import InstanceStatus

    workspace = session.workspace()
    both = sorted(sources.checked_names() & set(unset))
    if both:
        raise click.UsageError(f"set and unset at once: {', '.join(both)}")
    given: dict[str, Any] = values(session, workspace.apps.get(app).fields, sources, ask=False)
    given |= dict.fromkeys(unset)
    changes = (rename, status, credential, allow_private, rate, concurrent, check_every, deploy)
    if not given and all(change is None for change in changes):
        raise click.UsageError("there is nothing to change")
    after = workspace.instances.update(
        app,
        instance,
        title=rename,
        values=given,
        allow_private=allow_private,
        deploy=deploy,
        credential=credential,
        status=InstanceStatus(status) if status else None,
        rate_limiting=_limits(workspace.instances.get(app, instance).rate_limiting, rate, concurrent),
        health_check_config=None if check_every is None else {"interval": check_every} if check_every else {},
    )
    out.done(session, after, f"updated the instance {after.title} (instance {after.instance_id})")


@instances.command()
@_app
@_instance
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, app: str, instance: str, yes: bool) -> None:
    """Remove INSTANCE of APP and erase its secrets."""
    here = session.workspace().instances
    found = here.get(app, instance)
    confirm(f"Remove the instance {found.title} of {app} and erase its secrets?", yes=yes)
    removed = here.remove(app, found.instance_id)
    out.done(session, removed, f"removed the instance {removed.title} (instance {removed.instance_id})")


def _credential(workspace: Workspace, wanted: int) -> str:
    if not wanted:
        return ""
    listed, _ = gathered(lambda cursor, size: workspace.credentials.list(after=cursor, limit=size), None, None)
    return next((each.title for each in listed if each.id == wanted), str(wanted))


def _shown(value: Any) -> str:
    from zona_core import as_data

    plain = as_data(value)
    return plain if isinstance(plain, str) else json_text(plain, indent=None)


def _limits(known: Mapping[str, Any], rate: str | None, concurrent: int | None) -> dict[str, Any] | None:
    """The limits with those changed that were given; None if none was."""
    if rate is None and concurrent is None:
        return None
    limits = dict(known)
    if rate is not None:
        requests, _, seconds = rate.partition("/")
        try:
            limits |= {"requests": int(requests), "seconds": float(seconds or 1)}
        except ValueError as exc:
            raise click.BadParameter("100/60, for 100 calls in 60 seconds", param_hint="--rate") from exc
    return limits if concurrent is None else {**limits, "concurrent": concurrent}
