"""``zona rules add`` and its like: the rules of a tenant, which are asked of the events that it takes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._inputs import confirm
from zona_cli._paging import gathered, paged
from zona_cli._session import Session, pass_session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core.domain.rules import Rule

__all__ = ["KEPT"]

#: as the core has them, which help does not wait for
_LEVELS: Final = ("informational", "low", "medium", "high", "critical")
_KINDS: Final = ("rule", "correlation", "filter")
_MOST_TOLD: Final = 5
_rule = click.argument("rule", metavar="RULE")


@click.command(cls=Command)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True))
@click.option("--disabled", is_flag=True, help="New ones are not asked before zona rules enable.")
@pass_session
def add(session: Session, *, paths: Sequence[str], disabled: bool) -> None:
    """Take the rules in files or folders in: they are asked of events from now on.

    One with the id of a rule that is there takes its place. Those that cannot be used are kept, and told; the exit code
    is 15 then.
    """
    with out.working("reading rules"):
        texts = session.zona.rule_files.texts(paths)
        added = session.workspace().rules.add(texts.texts, enabled=not disabled)
    sentence = f"{added.added:,} new, {added.updated:,} replaced, {added.unchanged:,} as they were"
    out.done(session, added, f"{counted(added.added + added.updated + added.unchanged, 'rule')}: {sentence}")
    troubles = [f"{each.file} ({each.message})" for each in texts.unreadable]
    _warn(session, troubles, "file could not be read", "files could not be read")
    troubles = [f"{each.title or each.rule} ({each.message})" for each in added.unusable]
    _warn(session, troubles, "rule cannot be used", "rules cannot be used")
    if texts.unreadable or added.unusable:
        from zona_cli._errors import PARTLY

        click.get_current_context().exit(PARTLY)


@click.command("list", cls=Command)
@click.option("--search", metavar="WORDS", help="Only those with all these words, the most relevant first.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only those of this kind.")
@click.option("--level", type=click.Choice(_LEVELS), help="Only those of this level.")
@click.option("--product", default="", metavar="NAME", help="Only those whose log source is of this product.")
@click.option("--enabled/--disabled", default=None, help="Only those that are asked, or are not.")
@click.option("--unusable", is_flag=True, help="Only those that cannot be used.")
@paged()
@pass_session
def list_rules(
    session: Session,
    *,
    search: str | None,
    kind: str | None,
    level: str | None,
    product: str,
    enabled: bool | None,
    unusable: bool,
    limit: int | None,
    after: str | None,
) -> None:
    """List the rules by title."""
    from zona_core.domain.detection import RuleKind

    here, usable = session.workspace().rules, False if unusable else None
    if search is not None:
        if kind or level or product or enabled is not None or unusable or after:
            raise click.UsageError("--search goes with --limit alone")
        items: Sequence[Rule] = here.search(search, limit=limit or 1_000)
        rest = None
    else:
        items, rest = gathered(
            lambda cursor, size: here.list(
                kind=RuleKind(kind) if kind else None, level=level or "", product=product, enabled=enabled,
                usable=usable, after=cursor, limit=size,
            ),
            after,
            limit,
        )  # fmt: skip
    out.listing(
        session,
        items,
        rest,
        [
            out.Column("Level"),
            out.Column("Title", "wrap"),
            out.Column("Kind"),
            out.Column("Log source", "wrap"),
            out.Column("State"),
            out.Column("ID", "spare"),
        ],
        lambda each: (out.state(each.level), each.title, each.kind, _source(each), out.state(_state(each)), each.id),
        none="there is no such rule: zona rules add PATH takes rules in",
    )


@click.command(cls=Command)
@_rule
@click.option("--text", is_flag=True, help="The YAML document as it was given, and nothing else.")
@pass_session
def show(session: Session, rule: str, text: bool) -> None:
    """Show RULE (an id, or the name of one that has none)."""
    found = session.workspace().rules.get(rule)
    if session.json:
        out.document(found)
        return
    if text:
        click.echo(found.text, nl=not found.text.endswith("\n"))
        return
    definition = found.definition
    out.details(
        [
            ("ID", found.id),
            ("Title", found.title),
            ("Kind", found.kind),
            ("Level", out.state(found.level)),
            ("Log source", _source(found)),
            ("State", out.state(_state(found))),
            ("Cannot be used", definition.unusable.message if definition.unusable else ""),
            ("Questionable", "; ".join(each.message for each in definition.warnings)),
            ("Tags", ", ".join(definition.tags)),
            ("Description", definition.description.strip()),
            ("False positives", "; ".join(definition.false_positives)),
            ("Author", definition.author),
            ("Brought by", found.user_id),
            ("Since", out.moment(found.created_ts)),
            ("Changed", out.moment(found.updated_ts)),
            ("Revision", found.revision),
        ]
    )


@click.command(cls=Command)
@_rule
@pass_session
def enable(session: Session, rule: str) -> None:
    """Have RULE asked from now on."""
    found = session.workspace().rules.enable(rule)
    out.done(session, found, f"{found.title} is asked from now on")


@click.command(cls=Command)
@_rule
@pass_session
def disable(session: Session, rule: str) -> None:
    """Have RULE asked no more."""
    found = session.workspace().rules.disable(rule)
    out.done(session, found, f"{found.title} is asked no more")


@click.command(cls=Command)
@_rule
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def remove(session: Session, rule: str, yes: bool) -> None:
    """Delete RULE; what it has found stays."""
    here = session.workspace().rules
    found = here.get(rule)
    confirm(f"Delete the rule {found.title}?", yes=yes)
    here.remove(found.id)
    out.done(session, {"removed": found.id}, f"deleted the rule {found.title}")


#: what stands in the group ``rules``
KEPT: Final[tuple[click.Command, ...]] = (add, list_rules, show, enable, disable, remove)


def _source(rule: Rule) -> str:
    return " ".join(filter(None, (rule.product, rule.category, rule.service)))


def _state(rule: Rule) -> str:
    if not rule.usable:
        return "unusable"
    return "enabled" if rule.enabled else "disabled"


def _warn(session: Session, troubles: Sequence[str], one: str, several: str) -> None:
    if troubles:
        more = f"; and {len(troubles) - _MOST_TOLD:,} more" if len(troubles) > _MOST_TOLD else ""
        what = one if len(troubles) == 1 else several
        out.warn(session, f"{len(troubles):,} {what}: {'; '.join(troubles[:_MOST_TOLD])}{more}")
