"""``zona fleet plan|apply|rollback``: from what is wanted to what runs, and back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from zona_cli import _errors
from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._fleet_options import as_json, changing, fleet_option, found_path, source_of, specification_option
from zona_cli._fleet_plan_files import KeptPlan, read_plan, write_plan
from zona_cli._fleet_plans import plan_lines, summary
from zona_cli._fleet_progress import carried_out
from zona_cli._inputs import confirm
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core.domain.fleet.plan import Plan

__all__ = ["apply", "plan", "rollback"]

#: exit codes of ``plan`` alone
_FAILED: Final = 1
_CHANGES: Final = 2


class _UnusableError(click.UsageError):
    """Wrong usage of ``plan``."""

    exit_code = _FAILED


class _Planning(Command):
    """Ends with 1 for whatever went wrong: 2 says that there is something to do, to scripts that ask for just that."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """See click."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as exc:
            raise _UnusableError(exc.format_message(), exc.ctx) from exc

    def invoke(self, ctx: click.Context) -> Any:
        """See click."""
        from zona_core import ZonaError

        try:
            return super().invoke(ctx)
        except click.UsageError as exc:
            raise _UnusableError(exc.format_message(), exc.ctx) from exc
        except ZonaError as exc:
            _errors.report(exc, json=ctx.ensure_object(Session).json)
            ctx.exit(_FAILED)


@click.command(cls=_Planning)
@specification_option
@click.option("-o", "--out", "target", metavar="FILE", help="Write the plan there, for zona fleet apply FILE.")
@as_json
@fleet_option
@pass_session
def plan(session: Session, *, path: str | None, target: str | None, fleet: str) -> None:
    """Show what has to be done so that the fleet is as its specification wants it, and why; nothing is changed.

    Exits with 0 if there is nothing to do, 2 if there is, and 1 for every error.
    """
    from zona_core.usecases._fleet.undertaking import refuse_problems

    where = found_path(session, path, fleet)
    found = _planned(session, where, fleet)
    if target is not None:
        write_plan(target, found, fleet=fleet, specification=where)
    if target != "-":
        _show(session, found)
    refuse_problems(found)
    if not found.empty:
        click.get_current_context().exit(_CHANGES)


@click.command(cls=Command)
@click.argument("planfile", required=False, type=click.File("rb"), metavar="[PLANFILE]")
@specification_option
@changing
@click.option("--yes", is_flag=True, help="Do not ask.")
@fleet_option
@pass_session
def apply(
    session: Session,
    *,
    planfile: BinaryIO | None,
    path: str | None,
    wait: float,
    reason: str,
    yes: bool,
    fleet: str,
) -> None:
    """Have the fleet be as its specification wants it, and show how it comes along.

    Shows the plan and asks first. PLANFILE is what zona fleet plan -o wrote: it is applied without a question, and
    refused if anything has changed since. What fails is changed back. Exits with 20 if all is as it was, 21 if not all
    could be changed back, 22 if it took too long, 23 if somebody else is at the fleet.
    """
    kept = None if planfile is None else read_plan(planfile)
    if kept is not None:
        fleet = fleet or kept.fleet
        where = kept.specification if path is None else path
    else:
        where = found_path(session, path, fleet)
    source, here = source_of(session, where), session.system().fleet
    digest, shown = "", False
    if kept is not None or not yes or sys.stdout.isatty():
        found = here.plan(source, fleet=fleet)
        digest, shown = _agreed(session, found, kept, yes=yes), True
    carried_out(
        session,
        lambda report: here.apply(source, fleet=fleet, digest=digest, reason=reason, wait=wait, report=report),
        plan_shown=shown,
    )


@click.command(cls=Command)
@click.argument("deployment", required=False, default="", metavar="[DEPLOYMENT]")
@changing
@fleet_option
@pass_session
def rollback(session: Session, *, deployment: str, wait: float, reason: str, fleet: str) -> None:
    """Have the fleet be again as DEPLOYMENT left it; without one, as the one before the last that succeeded did.

    Exits as apply does.
    """
    here = session.system().fleet
    carried_out(session, lambda report: here.rollback(deployment, fleet=fleet, wait=wait, reason=reason, report=report))


def _planned(session: Session, where: str, fleet: str) -> Plan:
    source = source_of(session, where)
    with out.working("comparing"):
        return session.system().fleet.plan(source, fleet=fleet)


def _agreed(session: Session, found: Plan, kept: KeptPlan | None, *, yes: bool) -> str:
    """Shows the plan and has it agreed to; the digest that it must still have when it is carried out, if any."""
    from zona_core import Conflict
    from zona_core.usecases._fleet.undertaking import refuse_problems

    if kept is not None and kept.digest != found.digest:
        raise Conflict(
            "the fleet, or what is wanted of it, has changed since the plan was made",
            code="plan_outdated",
            hint="zona fleet plan -o FILE makes a new one",
        )
    if not session.json:
        _show(session, found)
    refuse_problems(found)
    if kept is None and (yes or found.empty):
        return ""
    if kept is None:
        confirm(f"{summary(found)}: apply this?", yes=False)
    return found.digest


def _show(session: Session, found: Plan) -> None:
    if session.json:
        out.document(found)
    else:
        out.lines(plan_lines(found))
