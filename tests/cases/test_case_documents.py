"""A case as a whole: the same bytes for programs, and a page for people that nothing in it can abuse."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from zona_core import NotFound, Workspace
from zona_core.domain.alerts import Resolution
from zona_core.domain.cases import Case, CaseStatus, TaskStatus

NASTY = "<script>alert('x')</script>\"'&\u202e\x1b"


@pytest.fixture
def full(here: Workspace, send: Any, line: Any, found: Case) -> Case:
    """A case with something of everything, and what is to be shown as it is in all of it."""
    send(line(4, "odd", text=NASTY, host="<b>web1</b>", ip="192.0.2.9"))
    odd = here.events.list().items[0]
    here.cases.update(found.id, description=NASTY, owner="<i>ann</i>", tags=["<u>", *found.tags])
    here.cases.attach(found.id, events=[odd.id])
    here.cases.add_task(found.id, "<s>Ask</s>")
    here.cases.change_task(found.id, 1, status=TaskStatus.DONE)
    here.cases.comment(found.id, f"{NASTY}\nümlaut")
    here.cases.annotate(found.id, "web1", type_id=1, note="<em>", malicious=True)
    here.evidence.put(found.id, [b"x"], name="<a>.txt", description="</table><img src=x onerror=alert(1)>")
    return here.cases.close(found.id, Resolution.TRUE_POSITIVE, summary="<h1>Done</h1>")


def test_an_export_has_all_of_it(here: Workspace, full: Case) -> None:
    """As JSON that says what it is; events with all that they came with."""
    document = json.loads(b"".join(here.cases.export(full.id)))
    assert (document["format"], document["version"]) == ("zona-case", 1)
    assert document["case"]["title"] == full.title
    assert [event["raw"]["id"] for event in document["events"]] == [1, 2, 3, 4]
    assert [alert["rule"] for alert in document["alerts"]] == ["bad"]
    assert [each["name"] for each in document["evidence"]] == ["_a_.txt"]
    assert len(document["timeline"]) == len(here.cases.timeline(full.id).items)
    assert {each["value"] for each in document["observables"]} >= {"web1", "192.0.2.9"}


def test_an_export_is_the_same_bytes_each_time(here: Workspace, full: Case) -> None:
    """In whichever pieces it comes; without a case there is none, and that is told before the first of them."""
    first = b"".join(here.cases.export(full.id))
    assert b"".join(here.cases.export(full.id)) == first
    assert first.isascii()
    assert len(list(here.cases.export(full.id))) > 5
    with pytest.raises(NotFound):
        here.cases.export(99)


class Page(HTMLParser):
    """Reads a page: its elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_shows_values_as_what_they_are(here: Workspace, full: Case) -> None:
    """Every element is the page's own; what is in the case is text, and what turns it round is gone."""
    page = Page(here.cases.report(full.id))
    assert page.open == []
    own = {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "small", "span", "section", "p", "dl",
        "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "br", "footer",
    }  # fmt: skip
    assert set(page.elements) <= own
    assert {name for name, _ in page.attributes} <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    for shown in ("<script>alert('x')</script>", "<i>ann</i>", "<s>Ask</s>", "<h1>Done</h1>", "<b>web1</b>", "_a_.txt"):
        assert shown in page.text
    assert not set(page.text) & {"\u202e", "\x1b"}


def test_a_report_needs_nothing_from_elsewhere(here: Workspace, full: Case) -> None:
    """It says so itself, and there is no address in it that something could be loaded from."""
    text = here.cases.report(full.id)
    style = text[text.index("<style>") + len("<style>") : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert {("http-equiv", "Content-Security-Policy"), ("content", policy)} <= set(Page(text).attributes)
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r"<(script|link|img|iframe|object|a)\b", text)


def test_a_report_tells_the_case(here: Workspace, full: Case) -> None:
    """What it is, how it ended, tactics, alerts, observables, tasks, what happened, files and events."""
    text = Page(here.cases.report(full.id)).text
    for part in (
        "Case 1", "Bad (host web1)", "true positive", "Execution", "Alerts", "Observables", "192.0.2.9", "malicious",
        "Tasks", "Timeline", "Comment", "ümlaut", "Evidence", "Events", "Tenant localhost",
    ):  # fmt: skip
        assert part in text
    assert here.cases.report(full.id) == here.cases.report(full.id)


def test_a_report_on_a_bare_case_is_one_too(here: Workspace) -> None:
    """What there is nothing of is left out."""
    made = here.cases.create("Bare")
    here.cases.update(made.id, status=CaseStatus.IN_PROGRESS)
    text = Page(here.cases.report(made.id)).text
    assert "Bare" in text
    assert "in progress" in text
    assert "Alerts" not in text
    assert "Observables" not in text


def test_a_report_says_what_it_leaves_out(here: Workspace, full: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """With how much there is; of a long timeline the end is shown."""
    monkeypatch.setattr("zona_core.usecases._case_reports._MOST_EVENTS", 2)
    monkeypatch.setattr("zona_core.usecases._case_reports._MOST", 3)
    text = Page(here.cases.report(full.id)).text
    total = len(here.cases.timeline(full.id).items)
    assert f"3 of {total}; the export of the case has all" in text
    assert "2 of 4; the export of the case has all" in text
    assert "Done" in text
