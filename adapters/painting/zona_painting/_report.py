"""A case as a page: what it is, how it ended, what was found, what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_core.domain.alerts import Alert
from zona_core.domain.cases import Case, CaseTask, EntryKind, TimelineEntry
from zona_core.domain.events import SEVERITIES, Event
from zona_core.ports.reports import CaseReport
from zona_painting._page import BREAK, Html, chip, definitions, element, joined, moment, page, section, table, text

__all__ = ["PageReporter"]

_WHAT: Final[Mapping[EntryKind, str]] = {
    EntryKind.CREATED: "Case made",
    EntryKind.ALERT: "Alert",
    EntryKind.EVENTS: "Events",
    EntryKind.COMMENT: "Comment",
    EntryKind.CHANGED: "Changed",
    EntryKind.TASK: "Task",
    EntryKind.EVIDENCE: "Evidence",
    EntryKind.OBSERVABLE: "Observable",
    EntryKind.RUN: "Playbook",
    EntryKind.LOOP: "Playbook stopped",
    EntryKind.BREACH: "Overdue",
    EntryKind.NOTIFIED: "Notified",
    EntryKind.MERGED: "Merged",
}


class PageReporter:
    """See ``zona_core.ports.reports.CaseReporter``."""

    def html(self, report: CaseReport) -> str:
        """See ``CaseReporter.html``."""
        case, totals = report.case, report.totals
        return page(
            f"Case {case.id}: {case.title}",
            _head(case),
            _facts(report),
            _prose("Description", case.description),
            _prose("Summary", case.summary),
            _tactics(report),
            section("Alerts", len(report.alerts), totals["alerts"], _alerts(report)),
            section("Observables", len(report.observables), totals["observables"], _observables(report)),
            section("Tasks", len(case.tasks), len(case.tasks), _tasks(case.tasks)),
            section("Timeline", len(report.timeline), totals["timeline"], _timeline(report)),
            section("Evidence", len(report.evidence), totals["evidence"], _evidence(report)),
            section("Events", len(report.events), totals["events"], _events(report)),
            element("footer", "Tenant ", report.tenant, " · made ", moment(report.made_at), " · all times are UTC"),
        )


def _head(case: Case) -> Html:
    status = case.status.value.replace("_", " ")
    chips = [chip(case.severity, case.severity), chip(status)]
    chips += [chip(case.resolution.value.replace("_", " "))] if case.resolution.value else []
    chips += [chip(f"overdue: {name}", "high") for name in case.breaches]
    return element("header", element("span", f"Case {case.id}", kind="faint"), element("h1", case.title), *chips)


def _facts(report: CaseReport) -> Html:
    case = report.case
    span = joined((moment(case.first_at), " to ", moment(case.last_at))) if case.first_at else ""
    return definitions(
        (
            ("About", case.entity.replace(":", " ", 1)),
            ("Happened", span),
            ("Owner", case.owner),
            ("Made", joined((moment(case.created_at), " by ", case.user_id))),
            ("Begun", _clock(moment(case.responded_at), moment(case.respond_by))),
            ("Closed", _clock(moment(case.closed_at), moment(case.resolve_by))),
            ("Tags", joined(chip(tag) for tag in case.tags if not tag.startswith("attack."))),
        )
    )


def _clock(done: Html, due: Html) -> Html:
    if done and due:
        return joined((done, element("span", f" (due {due})", kind="faint")))
    return done or (joined(("due ", due)) if due else due)


def _prose(title: str, words: str) -> Html:
    return joined((element("h2", title), element("p", words, kind="prose"))) if words.strip() else Html("")


def _tactics(report: CaseReport) -> Html:
    if not report.tactics and not report.techniques:
        return Html("")
    chips = [*(chip(name, "low") for name in report.tactics), *map(chip, report.techniques)]
    return joined((element("h2", "ATT&CK"), element("p", *chips)))


def _alerts(report: CaseReport) -> Html:
    columns = (("First", "time"), ("Last", "time"), ("Severity", ""), ("Alert", ""), ("Hits", "number"), ("State", ""))
    return table(columns, map(_alert, report.alerts))


def _alert(alert: Alert) -> tuple[object, ...]:
    group = ", ".join(f"{name} {value}" for name, value in alert.group.items() if value and name != "entity")
    about = " · ".join(filter(None, (alert.entity.replace(":", " ", 1), group)))
    title = joined((alert.title, BREAK, element("span", about, kind="faint"))) if about else text(alert.title)
    ended = alert.resolution.value.replace("_", " ")
    state = f"{alert.state.value}: {ended}" if ended else alert.state.value
    severity = chip(alert.severity, alert.severity)
    return moment(alert.first_at), moment(alert.last_at), severity, title, f"{alert.count:,}", state


def _observables(report: CaseReport) -> Html:
    columns = (
        ("Type", "word"),
        ("Value", "value"),
        ("Seen", "number"),
        ("First", "time"),
        ("Last", "time"),
        ("Note", ""),
    )
    said = {True: chip("malicious", "high"), False: chip("harmless", "low"), None: Html("")}
    rows = (
        (each.type, each.value, f"{each.count:,}", moment(each.first_at), moment(each.last_at),
         joined((said[each.malicious], each.note)))
        for each in report.observables
    )  # fmt: skip
    return table(columns, rows)


def _tasks(tasks: tuple[CaseTask, ...]) -> Html:
    columns = (("No.", "number"), ("Task", ""), ("Status", ""), ("Owner", ""), ("Due", "time"), ("Done", "time"))
    rows = (
        (each.id, each.title, each.status.value, each.owner, moment(each.due_at), moment(each.done_at))
        for each in tasks
    )
    return table(columns, rows)


def _timeline(report: CaseReport) -> Html:
    rows = ((moment(each.at), _WHAT[each.kind], each.actor, _told(each)) for each in report.timeline)
    return table((("Time", "time"), ("What", "word"), ("By", "word"), ("", "prose")), rows)


def _told(entry: TimelineEntry) -> Html:
    details = entry.details
    if details.get("erased"):
        return element("span", "(erased)", kind="faint")
    lines: list[object] = [entry.text] if entry.text else []
    changes = details.get("changes")
    if isinstance(changes, Mapping):
        lines += [_change(name, change) for name, change in changes.items() if isinstance(change, Mapping)]
    named = ", ".join(
        f"{name} {value}" for name, value in details.items() if isinstance(value, str | int | float) and name != "run"
    )
    if named:
        lines.append(element("span", named, kind="faint"))
    return joined(lines, "\n")


def _change(name: str, change: Mapping[str, Any]) -> str:
    before, after = change.get("before"), change.get("after")
    if isinstance(before, list) and isinstance(after, list):
        moved = [f"+{each}" for each in after if each not in before] + [
            f"−{each}" for each in before if each not in after
        ]
        return f"{name}: {' '.join(moved)}"
    return f"{name}: {_shown(before)} → {_shown(after)}"


def _shown(value: Any) -> str:
    return str(value).replace("_", " ") if value else "none"


def _evidence(report: CaseReport) -> Html:
    columns = (
        ("Came", "time"),
        ("Name", ""),
        ("Bytes", "number"),
        ("SHA-256", "value"),
        ("By", ""),
        ("Description", ""),
    )
    rows = (
        (moment(each.created_at), each.name, f"{each.size:,}", each.sha256, each.user_id, each.description)
        for each in report.evidence
    )
    return table(columns, rows)


def _events(report: CaseReport) -> Html:
    columns = (("Time", "time"), ("Severity", ""), ("Event", ""), ("Host", ""), ("User", ""), ("From", ""), ("To", ""))
    return table(columns, map(_event, report.events))


def _event(event: Event) -> tuple[object, ...]:
    what = f"{event.class_name}: {event.activity_name}" if event.activity_name else event.class_name
    told = joined((what, BREAK, element("span", event.message[:500], kind="faint"))) if event.message else what
    severity = SEVERITIES.get(event.severity_id, "")
    return moment(event.occurred_at), severity, told, event.host, event.user, event.src_ip, event.dst_ip
