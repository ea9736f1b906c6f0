"""``zona policies``: what becomes of what rules find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import click

from zona_cli import _output as out
from zona_cli._commands import Group
from zona_cli._completion import policy_titles
from zona_cli._inputs import confirm, file_name
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core.domain.policies import CaseOption, EscalationStep, Policy, PolicyDefinition
    from zona_core.usecases._policy_explaining import Explanation

__all__ = ["policies"]

_title = click.argument("policy", shell_complete=policy_titles)


@click.group(cls=Group)
def policies() -> None:
    """Say what becomes of what rules find: alerts, who is told, cases, playbooks."""


@policies.command()
@click.argument("files", nargs=-1, required=True, type=click.File("rb"), metavar="FILE...")
@pass_session
def save(session: Session, files: tuple[BinaryIO, ...]) -> None:
    """Keep the policies in the files, each a new one or in the place of the one with its title.

    FILE is JSON or YAML, - for standard input. All files are read before anything is kept. Their playbooks run in the
    name of whoever keeps them.
    """
    here = session.workspace().policies
    read = [(file_name(file), _read(session, file)) for file in files]
    kept = []
    for name, definition in read:
        with _naming(name):
            kept.append(here.save(definition))
    if session.json:
        out.document(kept)
        return
    for each in kept:
        out.done(session, each, f"kept {each.title} (policy {each.id}, revision {each.revision})")


@policies.command("list")
@paged()
@pass_session
def list_policies(session: Session, limit: int | None, after: str | None) -> None:
    """List the policies in the order in which they are looked at: the first that is for a rule counts."""
    here = session.workspace().policies
    items, rest = gathered(lambda cursor, size: here.list(after=cursor, limit=size), after, limit)
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("ID", right=True),
            out.Column("Title"),
            out.Column("Order", right=True),
            out.Column("Status"),
            out.Column("For", "wrap"),
            out.Column("Tells", "wrap"),
            out.Column("Cases"),
            out.Column("Description", "cut"),
        ],
        lambda each: (
            each.id,
            each.title,
            each.order,
            out.state("active" if each.enabled else "inactive"),
            _scope(each),
            ", ".join(_channels(each.escalation)),
            "no" if each.case is None else f"from {each.case.severity}" if each.case.severity else "by number",
            each.description,
        ),
        none="there is no policy yet, and the default counts: zona policies save FILE makes one",
    )


@policies.command()
@_title
@pass_session
def show(session: Session, policy: str) -> None:
    """Show POLICY (a title or an id)."""
    found = session.workspace().policies.get(policy)
    if session.json:
        out.document(found)
        return
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Description", found.description),
            ("Order", found.order),
            ("Status", out.state("active" if found.enabled else "inactive")),
            ("For", _scope(found)),
            ("Alerts", f"one for each {', '.join(found.group_by)} and rule" if found.alerts else "none"),
            ("Window", f"{found.window:g} s"),
            ("Severity", found.severity or "the rule's level"),
            ("Playbooks", ", ".join(call.playbook for call in found.playbooks)),
            ("In the name of", found.user_id),
            ("Changed", out.moment(found.updated_ts)),
            ("Revision", found.revision),
        ]
    )
    if found.escalation:
        click.echo("\nEscalation, while an alert is open:")
        columns = [out.Column("After"), out.Column("Tells", "wrap"), out.Column("Severity, at least")]
        rows = [(_after(step), ", ".join(step.channels), step.severity) for step in found.escalation]
        out.table(columns, rows)
    click.echo("\nCases:")
    out.details(_case_lines(found.case))


@policies.command()
@click.argument("file", type=click.File("rb"))
@pass_session
def check(session: Session, file: BinaryIO) -> None:
    """Tell everything that is wrong with the policy in FILE; keep nothing.

    FILE is JSON or YAML, - for standard input. Exits with 3 if something is wrong.
    """
    definition = _read(session, file)
    session.workspace().policies.check(definition)
    out.done(session, definition, f"{definition.title} is in order")


@policies.command()
@_title
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, policy: str, yes: bool) -> None:
    """Remove POLICY; its alerts escalate no further."""
    here = session.workspace().policies
    found = here.get(policy)
    confirm(f"Remove the policy {found.title}?", yes=yes)
    removed = here.remove(found.id)
    out.done(session, removed, f"removed the policy {removed.title} (policy {removed.id})")


@policies.command()
@click.argument("rule")
@click.option("--source", default="", metavar="NAME", help="The stream that events come by.")
@pass_session
def explain(session: Session, rule: str, source: str) -> None:
    """Tell which policy counts for RULE (an id), why others do not, and what becomes of its hits."""
    told = session.workspace().policies.explain(rule, source=source)
    if session.json:
        out.document(told)
        return
    if told.problem:
        out.warn(session, f"nothing comes of it: {told.problem}")
    out.details(_explained(told))
    if told.policies:
        click.echo()
        columns = [out.Column("ID", right=True), out.Column("Policy"), out.Column("Order", right=True)]
        columns += [out.Column("Counts"), out.Column("Because", "wrap")]
        rows = [
            (each.id, each.title, each.order, "yes" if each.counts else "no", each.reason) for each in told.policies
        ]
        out.table(columns, rows)


def _explained(told: Explanation) -> Iterable[tuple[str, object]]:
    policy = told.policy
    yield "Rule", f"{told.title} ({told.level or 'no level'})"
    yield "Policy", f"{policy.title} (policy {policy.id})" if policy.id else f"{policy.title}: no other is for it"
    if not told.alerts:
        yield "Alerts", "none"
        return
    yield "Alerts", f"of severity {told.severity}, one for each {', '.join(policy.group_by)} within {policy.window:g} s"
    yield "Tells at once", ", ".join(told.told_at_once) or "nobody"
    yield "Later", counted(told.later_steps, "step") if told.later_steps else ""
    yield "Playbooks", ", ".join(told.playbooks)
    if policy.case is None:
        yield "Case", "none"
    else:
        yield "Case", "for each alert" if told.makes_case else _conditions(policy.case)
        yield "Its playbooks", ", ".join(told.case_playbooks)
    yield "Silenced by", ", ".join(told.silences)


def _conditions(case: CaseOption) -> str:
    found = [f"{case.rules} different rules"] if case.rules else []
    found += [f"{case.hits} hits of one alert"] if case.hits else []
    return f"for {' or '.join(found)}" if found else "none by itself"


def _case_lines(case: CaseOption | None) -> Iterable[tuple[str, object]]:
    if case is None:
        yield "Made", "none"
        return
    graver = [f"an alert of {case.severity} or above"] if case.severity else []
    yield "Made for", " or ".join([*graver, _conditions(case).removeprefix("for ")])
    yield "Group", f"one for each {', '.join(case.group_by)}"
    yield "Window", f"{case.window:g} s"
    yield "Title", case.title
    yield "Owner", case.owner
    yield "Tasks", "\n".join(case.tasks)
    yield "Playbooks", ", ".join(call.playbook for call in case.playbooks)
    yield "When changed", ", ".join(call.playbook for call in case.on_change)
    yield "Begun within", f"{case.respond_within:g} s" if case.respond_within else ""
    yield "Closed within", f"{case.resolve_within:g} s" if case.resolve_within else ""


def _scope(policy: Policy) -> str:
    parts = [counted(len(policy.rules), "rule")] if policy.rules else []
    parts += [", ".join(each) for each in (policy.levels, policy.tags, policy.sources) if each]
    return "; ".join(parts) or "all rules"


def _channels(steps: Iterable[EscalationStep]) -> list[str]:
    return list(dict.fromkeys(title for step in steps for title in step.channels))


def _after(step: EscalationStep) -> str:
    return f"{step.after:g} s" if step.after else "at once"


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Says in errors which file they are about."""
    from zona_core import ZonaError

    try:
        yield
    except ZonaError as exc:
        exc.message = f"{name}: {exc.message}"
        raise


def _read(session: Session, file: BinaryIO) -> PolicyDefinition:
    with _naming(file_name(file)):
        return session.workspace().policies.read_document(file.read())
