"""What people are told of a package: what was exported, what became of its apps, what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli import _output as out
from zona_cli._diffs import show_differences
from zona_cli._errors import report_part
from zona_cli._session import Session
from zona_cli._text import counted

if TYPE_CHECKING:
    from zona_core import SignatureFinding
    from zona_core.usecases._export import ExportReport
    from zona_core.usecases._import import AppImport, ImportReport
    from zona_core.usecases._inspect import PackageContents

__all__ = ["remark", "show_contents", "show_export", "show_import"]

#: remarks on one package; ``--output json`` shows all
_MOST_REMARKS: Final = 20
#: characters of a fingerprint that tell keys apart
_SHORT: Final = 16


def show_contents(session: Session, found: PackageContents) -> None:
    """What is in a package."""
    out.details(
        [
            ("Form", f"{found.format}, version {found.version}"),
            ("Digest", found.digest),
            ("Signature", _signature(found.signature)),
        ]
    )
    if found.apps:
        click.echo()
        out.table(
            [
                out.Column("App"),
                out.Column("Version"),
                out.Column("Tasks", right=True),
                out.Column("Playbooks", right=True),
                out.Column("Schedules", right=True),
                out.Column("Description", "cut"),
            ],
            [
                (
                    app.title,
                    app.version,
                    len(app.tasks),
                    len(app.playbooks) or "",
                    len(app.schedules) or "",
                    app.description,
                )
                for app in found.apps
            ],
        )
    remark(session, _of_no_use(found.left_out))


def show_export(session: Session, report: ExportReport, place: str) -> None:
    """What was written to ``place``, and what was not; on standard error, as the package may be on the other one."""
    signed = f", signed by {report.signed_by[:_SHORT]}…" if report.signed_by else ""
    more = {"playbook": report.playbooks, "schedule": report.schedules}
    what = [counted(report.tasks, "task"), *(counted(count, kind) for kind, count in more.items() if count)]
    listed = " and ".join(filter(None, (", ".join(what[:-1]), what[-1])))
    parts = f"{counted(len(report.apps), 'app')} with {listed}"
    out.note(session, f"wrote {parts} to {place}{signed}")
    out.note(session, f"digest: {report.digest}")
    remark(session, [f"there is no app {each}" for each in report.missing])
    remark(session, map(str, report.left_out))


def show_import(session: Session, report: ImportReport) -> None:
    """What became of each app, and, for a dry run, what would be changed; what is to be seen to on standard error."""
    if report.apps:
        out.table(
            [
                out.Column("App"),
                out.Column("Result"),
                out.Column("ID", right=True),
                out.Column("Tasks", "wrap"),
                out.Column("Stored as"),
            ],
            [
                (
                    app.title,
                    out.state(app.result.value),
                    app.integration_id or "",
                    _tasks(app),
                    app.stored_title if app.stored_title != app.title else "",
                )
                for app in report.apps
            ],
        )
    if report.dry_run:
        _show_changes(report)
    _tell(session, report)
    for app in report.failed:
        report_part(app.title, app.error or {})


def _show_changes(report: ImportReport) -> None:
    for app in report.apps:
        if app.differences:
            out.lines([_plain(""), _plain(app.stored_title, style="bold")])
            show_differences(app.differences)
            if app.more_differences:
                out.lines([_plain(f"… and {app.more_differences:,} more")])


def _tell(session: Session, report: ImportReport) -> None:
    """What goes beyond the table: what was done on the whole, and what is to be seen to."""
    results = Counter(app.result.value for app in report.apps)
    done = ", ".join(f"{count:,} {result}" for result, count in results.items()) or "nothing in it"
    dry = "dry run, nothing was changed: " if report.dry_run else ""
    out.note(session, f"{dry}{counted(len(report.apps), 'app')}: {done}; {_signature(report.signature)}")
    for app in report.apps:
        lacks = [
            f"{_named(lack.app, lack.task, app)} is missing, and waited for: {lack.path}"
            for lack in app.missing
            if not lack.path.startswith("playbooks")
        ]
        broken = [f"the instance {title} cannot be used as it is" for title in app.instances_broken]
        kept = [f"the task {tag} is not in the package, and stays: other apps need it" for tag in app.tasks_kept]
        texts = (*lacks, *broken, *kept, *_playbooks(app), *_schedules(app))
        remark(session, (f"{app.title}: {text}" for text in texts))
        for old, new in app.playbooks_renamed.items():
            out.note(session, f"{app.title}: the playbook {old} is {new} here")
        for old, new in app.schedules_renamed.items():
            out.note(session, f"{app.title}: the schedule {old} is {new} here")
        for each in app.mapped:
            out.note(session, f"{app.title}: {each.app}/{each.task} now leads to {each.to}: {each.path}")
    remark(session, _of_no_use(report.left_out))


def _tasks(app: AppImport) -> str:
    counts = [
        (app.tasks_created, "made"),
        (app.tasks_updated, "updated"),
        (len(app.tasks_retired), "retired"),
        (len(app.tasks_kept), "kept"),
    ]
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def _playbooks(app: AppImport) -> Iterator[str]:
    """What became of an app's playbooks that is to be seen to."""
    for draft in app.drafts:
        more = f" (and {len(draft.reasons) - 1} more)" if len(draft.reasons) > 1 else ""
        yield f"the playbook {draft.title} is a draft: {draft.reasons[0]}{more}"
    for title in app.playbooks_removed:
        yield f"the playbook {title} is not in the package, and was removed"


def _schedules(app: AppImport) -> Iterator[str]:
    """What became of the schedules of an app's playbooks that is to be seen to."""
    for title in app.schedules_paused:
        yield f"the schedule {title} is paused: zona schedules resume has it fire"
    for each in app.schedules_unready:
        more = f" (and {len(each.reasons) - 1} more)" if len(each.reasons) > 1 else ""
        yield f"the schedule {each.title} cannot run as it is: {each.reasons[0]}{more}"


def _signature(finding: SignatureFinding) -> str:
    key = f"{finding.fingerprint[:_SHORT]}…"
    return {
        "missing": "not signed",
        "valid": f"signed with the {'own' if finding.own else 'trusted'} key {finding.name} ({key})",
        "unchecked": f"signed with the key {key}, which was not checked",
        "unknown": f"signed with the key {key}, which is not trusted here",
    }[finding.status.value]


def _of_no_use(left_out: dict[str, int]) -> list[str]:
    return [f"passed over, as this release has no use for it: {counted(n, kind)}" for kind, n in left_out.items()]


def _named(app: str, task: str, importing: AppImport) -> str:
    return f"{app or importing.stored_title}/{task}"


def remark(session: Session, texts: Iterable[str]) -> None:
    """Warns of the first few, and tells how many more there are."""
    remarks = list(texts)
    for text in remarks[:_MOST_REMARKS]:
        out.warn(session, text)
    if len(remarks) > _MOST_REMARKS:
        out.note(session, f"… and {len(remarks) - _MOST_REMARKS:,} more: --output json shows all")


def _plain(text: str, style: str = "") -> Any:
    from rich.text import Text

    return Text(text, style=style)
