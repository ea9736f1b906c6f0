"""Feeds whose events are cases already."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from event_server import EventServer
from feed_samples import INPUTS, MAPPING, app, data_of, feed, made_events
from waiting import until

from zona_core import CaseIngestionConfig, DependentTask, EventsApiConfig, InvalidInput, TaskRef, Zona
from zona_core.domain.cases import EntryKind
from zona_core.domain.item_cases import ItemCase, ItemTask

CASE = ItemCase(
    title="{{ event.id }} on {{ event.host }}",
    description="It came at {{ event.at }}.",
    severity="{{ event.grade }}",
    owner="soc",
    tags=("feed", "{{ event.host }}"),
    respond_within=600.0,
)
ENRICH = ItemTask(app="Source", task="fetch", inputs={"after": "{{ event.id }}", "since": "{{ case.title }}"})


def graded(count: int, *grades: str) -> list[dict[str, Any]]:
    return [{**event, "grade": grade} for event, grade in zip(made_events(count), grades, strict=True)]


def test_each_new_event_is_a_case(zona: Zona, source: EventServer) -> None:
    """Made of the event by templates, with the event and its observables in it; fetched again it is no other."""
    source.events = graded(3, "High", "critical", "whatever")
    work = zona.tenant()
    work.feeds.save(feed(case=CASE))
    assert work.feeds.poll("Feed").events.cases == (1, 2, 3)
    cases = data_of(zona).cases.all(sort=[("id", 1)])
    assert [case.title for case in cases] == ["e0 on host-0", "e1 on host-1", "e2 on host-2"]
    assert [case.severity for case in cases] == ["high", "critical", "medium"]
    first = cases[0]
    assert (first.description, first.owner, first.tags) == (
        "It came at 2026-01-01T00:00:00.000Z.", "soc", ("feed", "host-0"),
    )  # fmt: skip
    assert first.respond_by is not None
    assert (first.respond_by - first.created_at).total_seconds() == 600
    assert (first.breach_at, first.entity) == (first.respond_by, "host:host-0")
    [link] = data_of(zona).event_links.all({"holder": "cases/1"})
    assert data_of(zona).events.get(link.event_id).raw["id"] == "e0"
    work.feeds.reset("Feed")
    again = work.feeds.poll("Feed").events
    assert (again.stored, again.cases, data_of(zona).cases.count()) == (0, (), 3)


def test_a_condition_says_which_events_are_cases(zona: Zona, source: EventServer) -> None:
    """The others are events, and no more; what the condition cannot judge is a case."""
    source.events = [*graded(3, "low", "high", "high"), {**made_events(1, 9)[0], "grade": 5}]
    zona.tenant().feeds.save(feed(case=evolve(CASE, when="starts_with(event.grade, 'h')")))
    report = zona.tenant().feeds.poll("Feed").events
    assert (report.stored, len(report.cases)) == (4, 3)


def test_tasks_are_run_for_each_case(zona: Zona, source: EventServer) -> None:
    """With what their templates make of event and case; the case's timeline names the runs."""
    source.events = graded(2, "low", "low")
    work = zona.tenant()
    kept = work.feeds.save(feed(case=evolve(CASE, tasks=(ENRICH,))))
    assert kept.case is not None
    assert (kept.case.tasks[0].app, kept.case.tasks[0].instance) == ("1", "1")
    work.feeds.poll("Feed")
    data = data_of(zona)
    runs = until(lambda: [run for run in data.runs.all() if run.status.ended][:2][1:] and data.runs.all())
    assert {run.inputs["after"]: run.inputs["since"] for run in runs} == {"e0": "e0 on host-0", "e1": "e1 on host-1"}
    assert {run.trigger for run in runs} == {"cases/1", "cases/2"}
    told = [entry.details["run"] for entry in data.case_entries.all({"kind": EntryKind.RUN.value})]
    assert sorted(told) == sorted(run.id for run in runs)


def test_a_task_that_cannot_be_run_is_told_in_the_timeline(zona: Zona, source: EventServer) -> None:
    """The case is there all the same."""
    source.events = graded(1, "low")
    work = zona.tenant()
    work.feeds.save(feed(case=evolve(CASE, tasks=(evolve(ENRICH, inputs={"page": "{{ event.grade }}"}),))))
    assert work.feeds.poll("Feed").events.cases == (1,)
    [entry] = data_of(zona).case_entries.all({"kind": EntryKind.RUN.value})
    assert entry.text.startswith("1/1 was not run: ")
    assert entry.details["error"] == "invalid_input"


def test_a_case_is_read_strictly(zona: Zona) -> None:
    """Every fault at once, with its path."""
    tasks = (ItemTask(app="Source", task="nothing"), ItemTask(app="Source", task="fetch", inputs={"odd": 1}))
    odd = ItemCase(title="{{ case.id }}", severity="{{ 1 +", when="outputs", resolve_within=-1.0, tasks=tasks)
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().feeds.save(feed(case=odd))
    assert sorted(fault.path for fault in caught.value.faults) == [
        "case.resolve_within", "case.severity", "case.tasks[0]", "case.tasks[1].inputs.odd", "case.title", "case.when",
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match=r"case\.title"):
        zona.tenant().feeds.save(feed(case=ItemCase(title=" ")))


def test_a_task_that_ingests_cases_says_how(zona: Zona, source: EventServer) -> None:
    """``from_task`` reads field mapping, dependent tasks and clocks of a task that creates cases by itself."""
    config = EventsApiConfig(
        polling_interval=60, endpoint={"inputs": INPUTS, "lookback": 3_660 * 86_400.0},
        data_mapping={"events": "outputs.events", "cursor": "outputs.next", "time": "event.at", "mapper": "generic",
                      "options": MAPPING},
    )  # fmt: skip
    ingesting = CaseIngestionConfig(
        dependent_tasks=(DependentTask(task=TaskRef(task="look"), inputs={"after": "{{ event.id }}"}),),
        field_mapping={"title": "{{ event.id }}", "severity": "high", "tags": ["source"]},
        auto_create_cases=True,
        escalation={"resolve_within": 3_600},
    )
    fetch = evolve(app().tasks[0], events_api_config=config, ingest_cases=True, case_ingestion_config=ingesting)
    look = evolve(app().tasks[0], name="Look", task_tag="look")
    zona.tenant().apps.upsert(evolve(app(), tasks=(fetch, look)), app_id=1)
    made = zona.tenant().feeds.from_task("Source", "fetch", title="Cases")
    assert made.case is not None
    assert (made.case.title, made.case.resolve_within, len(made.case.tasks)) == ("{{ event.id }}", 3_600, 1)
    source.events = made_events(2)
    assert zona.tenant().feeds.poll("Cases").events.cases == (1, 2)
    without = evolve(ingesting, field_mapping={"headline": "x"})
    zona.tenant().apps.upsert(evolve(app(), tasks=(evolve(fetch, case_ingestion_config=without), look)), app_id=1)
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().feeds.from_task("Source", "fetch", title="Other")
    mapping = "case_ingestion_config.field_mapping"
    assert [fault.path for fault in caught.value.faults] == [f"{mapping}.headline", f"{mapping}.title"]
