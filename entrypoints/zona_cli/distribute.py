"""``zona apps distribute``: one tenant's apps, in many others."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._completion import app_titles
from zona_cli._diffs import show_differences
from zona_cli._errors import PARTLY, report_part
from zona_cli._package_reports import remark
from zona_cli._paging import gathered
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core.usecases._distribute import Recipient, TenantDistribution

__all__ = ["distribute"]


@click.command("distribute", cls=Command)
@click.argument("apps", nargs=-1, required=True, metavar="APP...", shell_complete=app_titles)
@click.option("--to", "codes", multiple=True, metavar="CODE", help="A tenant that is to get them; may be repeated.")
@click.option("--to-all", is_flag=True, help="All other active tenants.")
@click.option(
    "--connections",
    type=click.File("rb"),
    metavar="FILE",
    help='TOML with each tenant\'s instances: [[CODE."APP"]] with title, values, credential, allow_private, deploy.',
)
@click.option(
    "--on-conflict",
    type=click.Choice(["skip", "overwrite", "rename"]),
    default="overwrite",
    show_default=True,
    help="What becomes of an app whose title is taken.",
)
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would become of apps and instances.")
@pass_session
def distribute(
    session: Session,
    *,
    apps: tuple[str, ...],
    codes: tuple[str, ...],
    to_all: bool,
    connections: BinaryIO | None,
    on_conflict: Any,
    dry_run: bool,
) -> None:
    """Copy each APP (a title or an id) to other tenants, and connect it there.

    Each tenant has credentials of its own: from the file of --connections, or a credential that is there. Instances
    that are there already keep the values that the file does not name. If an APP is missing, nothing is copied; what
    fails in one tenant does not keep it from the others.
    """
    if to_all == bool(codes):
        raise click.UsageError("Name tenants by --to, or give --to-all.")
    here = session.workspace()
    wanted = codes or tuple(_others(session, here.tenant.tenant_code))
    recipients = _recipients(wanted, _read(connections))
    with out.working("distributing"):
        report = here.packages.distribute(apps, recipients, on_conflict=on_conflict, dry_run=dry_run)
    if session.json:
        out.document(report)
    else:
        _show(report, dry_run=dry_run)
        remark(session, dict.fromkeys(str(fault) for tenant in report for fault in tenant.left_out))
        dry = "dry run, nothing was changed: " if dry_run else ""
        failed = sum(each.failed for each in report)
        out.note(session, f"{dry}{counted(len(report), 'tenant')}, {failed or 'none'} with failures")
    if any(each.failed for each in report):
        raise click.exceptions.Exit(PARTLY)


def _others(session: Session, here: str) -> Iterator[str]:
    from zona_core import TenantStatus

    tenants = session.system().tenants
    found, _ = gathered(
        lambda cursor, size: tenants.list(status=TenantStatus.ACTIVE, after=cursor, limit=size), None, None
    )
    return (tenant.tenant_code for tenant in found if tenant.tenant_code != here)


def _read(file: BinaryIO | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read().decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise click.BadParameter(f"cannot be read: {exc}", param_hint="--connections") from exc


def _recipients(codes: tuple[str, ...], connections: dict[str, Any]) -> list[Recipient]:
    from zona_core.usecases._distribute import Recipient
    from zona_core.usecases._new_instance import NewInstance

    if strange := sorted(connections.keys() - set(codes)):
        raise click.BadParameter(f"names tenants that get nothing: {', '.join(strange)}", param_hint="--connections")
    found = []
    for code in dict.fromkeys(codes):
        instances = {
            app: [NewInstance(**_checked(each, f"{code}.{app}")) for each in _tables(rows, f"{code}.{app}")]
            for app, rows in _mapping(connections.get(code, {}), code).items()
        }
        found.append(Recipient(tenant_code=code, instances=instances))
    return found


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise click.BadParameter(f"{path} is no table", param_hint="--connections")
    return value


def _tables(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise click.BadParameter(f"{path} is no array of tables: [[…]]", param_hint="--connections")
    return value


def _checked(row: Any, path: str) -> dict[str, Any]:
    """A row of the file, whose keys and types are right."""
    kinds: dict[str, Any] = {
        "title": str, "values": dict, "credential": (str, int), "allow_private": bool, "deploy": bool,
    }  # fmt: skip
    for name, value in _mapping(row, path).items():
        fits = isinstance(value, kinds.get(name, ())) and (type(value) is not bool or kinds[name] is bool)
        if not fits:
            known = ", ".join(kinds)
            raise click.BadParameter(f"{path}.{name} does not fit; keys are {known}", param_hint="--connections")
    if "title" not in row:
        raise click.BadParameter(f"{path} has an instance without a title", param_hint="--connections")
    return dict(row)


def _show(report: list[TenantDistribution], *, dry_run: bool) -> None:
    out.table(
        [out.Column("Tenant"), out.Column("App"), out.Column("Result"), out.Column("Instances", "wrap")],
        [row for tenant in report for row in _rows(tenant)],
    )
    for tenant in report:
        if dry_run:
            for app in tenant.apps:
                show_differences(app.differences)
        if tenant.error:
            report_part(tenant.tenant_code, tenant.error)
        failures = [(app.title, app.error) for app in tenant.apps]
        failures += [(instance.title, instance.error) for instance in tenant.instances]
        for title, error in failures:
            if error:
                report_part(f"{tenant.tenant_code}: {title}", error)


def _rows(tenant: TenantDistribution) -> Iterator[tuple[Any, ...]]:
    if tenant.error:
        yield tenant.tenant_code, "", out.state("failed"), ""
    connected: dict[str, list[str]] = {}
    for each in tenant.instances:
        connected.setdefault(each.app, []).append(f"{each.title} {each.result}")
    for app in tenant.apps:
        told = connected.pop(app.stored_title, ())
        yield tenant.tenant_code, app.title, out.state(app.result.value), ", ".join(told)
    for title, told in connected.items():  # of apps that were there and are not among those that are copied
        yield tenant.tenant_code, title, "", ", ".join(told)
