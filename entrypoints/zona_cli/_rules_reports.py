"""What is told of detection rules: hits, failed tests, and what cannot be used."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

from zona_cli import _output as out
from zona_cli._session import Session
from zona_cli._text import counted, one_line

if TYPE_CHECKING:
    from zona_core.domain.rule_files import RuleCheck, RuleHits, RuleProblem, ScanReport, TestReport, UnreadEvent

__all__ = ["is_at_least", "show_check", "show_scan", "show_test"]

#: faults and strange hits that people are shown
_MOST_SHOWN: Final = 5
_MOST_STRAYS: Final = 20


def is_at_least(level: str, least: str) -> bool:
    """Whether a rule of that level is as grave."""
    from zona_core.usecases.rule_files import gravity

    return gravity(level) >= gravity(least)


def show_scan(session: Session, report: ScanReport) -> None:
    """A line for each rule with hits, the gravest first; what was not read or not asked as warnings."""
    if session.json:
        out.document(report)
    else:
        _show_hits(report.hits)
        asked = counted(report.rules, "rule")
        if report.correlations:
            asked += f" and {counted(report.correlations, 'correlation')}"
        held = len({each.rule for each in report.hits})
        found = f"{counted(_count(report.hits), 'hit')} of {counted(held, 'rule')}"
        out.note(session, f"{counted(report.events, 'event')}, {asked}: {found if report.hits else 'no hit'}")
    if report.faults:
        some = "; ".join(_where_unread(each) for each in report.first_faults[:_MOST_SHOWN])
        out.warn(session, f"{counted(report.faults, 'event')} could not be read: {some}{_more(report.faults)}")
    if report.unusable:
        some = "; ".join(f"{each.title or each.file} ({each.message})" for each in report.unusable[:_MOST_SHOWN])
        is_not = "is" if len(report.unusable) == 1 else "are"
        told = f"{counted(len(report.unusable), 'rule')} {is_not} not asked: {some}{_more(len(report.unusable))}"
        out.warn(session, told)
    if report.untimed:
        out.warn(session, f"{counted(report.untimed, 'hit')} without a time could not be correlated")
    if report.late:
        out.warn(session, f"{counted(report.late, 'hit')} came too late to be correlated: order the files by time")


def show_test(session: Session, report: TestReport) -> None:
    """What failed, then what fires on events of other rules, then what cannot be used."""
    if session.json:
        out.document(report)
        return
    if report.failures:
        out.table(
            [out.Column("Failed", "wrap"), out.Column("Rule"), out.Column("Why", "wrap"), out.Column("Entry", "wrap")],
            [(each.title or each.name, each.rule, each.reason, each.entry) for each in report.failures],
        )
    if report.false_fires:
        _parted(bool(report.failures))
        out.table(
            [
                out.Column("Fires on others' events", "wrap"),
                out.Column("Times", right=True),
                out.Column("Rule", "spare"),
            ],
            [(each.title, f"{each.count:,}", each.rule) for each in report.false_fires[:_MOST_STRAYS]],
        )
    if report.unusable:
        _parted(bool(report.failures or report.false_fires))
        _show_problems("Unusable", report.unusable)
    left = len(report.false_fires) - _MOST_STRAYS
    if left > 0:
        out.note(session, f"{counted(left, 'more rule')} on others' events: --output json shows all")
    usable = f"{report.usable:,} of {counted(report.rules, 'rule')} can be used"
    out.note(session, f"{report.passed:,} of {counted(report.entries, 'test')} passed, {usable}")


def show_check(session: Session, report: RuleCheck) -> None:
    """What cannot be used, then what is questionable."""
    if session.json:
        out.document(report)
        return
    if report.unusable:
        _show_problems("Unusable", report.unusable)
    if report.warnings:
        _parted(bool(report.unusable))
        _show_problems("Questionable", report.warnings)
    files = counted(report.files, "file")
    out.note(session, f"{files}: {report.usable:,} of {counted(report.rules, 'rule')} can be used")


def _show_hits(hits: Sequence[RuleHits]) -> None:
    by_rule: dict[str, list[RuleHits]] = {}
    for each in hits:
        by_rule.setdefault(each.rule, []).append(each)
    if not by_rule:
        return
    from zona_core.usecases.rule_files import gravity

    ordered = sorted(by_rule.values(), key=lambda found: (-gravity(found[0].level), -_count(found)))
    several = len({(each.file, each.member) for each in hits}) > 1
    out.table(
        [
            out.Column("Level"),
            out.Column("Rule", "wrap"),
            out.Column("Hits", right=True),
            out.Column("First", "spare"),
            out.Column("Last", "spare"),
            *([out.Column("File", "wrap")] if several else []),
            out.Column("Line", right=True),
        ],
        [_row(found, several=several) for found in ordered],
    )


def _row(found: Sequence[RuleHits], *, several: bool) -> Sequence[object]:
    first = found[0]
    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    return (
        out.state(first.level),
        first.title or first.rule,
        f"{_count(found):,}",
        out.moment(min((each.first for each in found if each.first), default=None)),
        out.moment(max((each.last for each in found if each.last), default=None)),
        *([f"{os.path.basename(first.member or first.file)}{more}"] if several else []),
        f"{first.line:,}",
    )


def _count(found: Sequence[RuleHits]) -> int:
    return sum(each.count for each in found)


def _file(place: RuleHits | UnreadEvent) -> str:
    return f"{place.file}/{place.member}" if place.member else place.file


def _where_unread(fault: UnreadEvent) -> str:
    return f"{_file(fault)}, line {fault.line}: {fault.message}"


def _more(count: int) -> str:
    left = count - _MOST_SHOWN
    return f"; and {left:,} more" if left > 0 else ""


def _show_problems(heading: str, problems: Iterable[RuleProblem]) -> None:
    """A line each, beginning with the file, as compilers write them: editors find the place."""
    click.secho(heading, bold=sys.stdout.isatty())
    for each in problems:
        at = f" at {each.path}" if each.path else ""
        title = f" ({each.title})" if each.title else ""
        click.echo(one_line(f"{each.file}: {each.code}{at}: {each.message}{title}"))


def _parted(after: bool) -> None:
    if after:
        click.echo()
