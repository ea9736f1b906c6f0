"""Export, import into an empty tenant on another store, export: the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_apps import EVERYTHING, app, exported, imported, ingesting, task
from sample_playbooks import running, schedule

from zona_core import AppDefinition, Field, FieldKind, InvalidDocument, Workspace, Zona
from zona_core.domain.apps import AppStatus
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.schedules import MissedRuns, Overlap, ScheduleDefinition, ScheduleStatus
from zona_core.usecases._import import ImportResult

Tenants = Callable[..., Workspace]


def there_and_back(source: Workspace, target: Workspace) -> bytes:
    """Moves all apps of ``source`` to ``target``; what comes out of both is the same, and it is given."""
    package = exported(source)
    report = imported(target, package)
    assert [each.error for each in report.apps] == [None] * len(report.apps)
    assert {each.result for each in report.apps} <= {ImportResult.CREATED}
    assert [each.missing for each in report.apps] == [()] * len(report.apps)
    assert exported(target) == package
    return package


@pytest.mark.parametrize(("source", "target"), [("memory", "sqlite"), ("sqlite", "memory"), ("sqlite", "sqlite")])
def test_every_attribute_and_reference_survives(tenants: Tenants, source: str, target: str) -> None:
    """Whatever an app can have, from one store to another; a second import changes nothing."""
    one, other = tenants(source), tenants(target)
    for definition in EVERYTHING:
        one.apps.upsert(definition)
    package = there_and_back(one, other)
    again = imported(other, package, on_conflict="overwrite")
    assert [each.result for each in again.apps] == [ImportResult.UNCHANGED, ImportResult.UNCHANGED]
    before, after = ([each.apps.get(title) for title in ("Base", EVERYTHING[1].title)] for each in (one, other))
    for old, new in zip(before, after, strict=True):
        assert (old.fields, old.metadata, old.service) == (new.fields, new.metadata, new.service)


def test_every_real_document_survives(tenants: Tenants, data_dir: Path) -> None:
    """Each OpenAPI document, imported as an app, moved to a tenant on another store."""
    source, target = tenants(), tenants("sqlite")
    refused = set()
    documents = {document.stem: document for document in (data_dir / "openapi").glob("*.y*ml")}
    for title, document in documents.items():
        try:
            source.apps.import_document(document.read_bytes(), title=title)
        except InvalidDocument:
            refused.add(title)
    assert refused <= {"aws_network_firewall"}  # which is no YAML
    there_and_back(source, target)
    found = {each.title for each in target.apps.list(limit=1_000).items}
    assert found
    assert found == documents.keys() - refused


titles = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
json_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@st.composite
def graphs(draw: st.DrawFn) -> list[AppDefinition]:
    """Apps whose tasks need others, in any app, without a circle."""
    names = draw(st.lists(titles, min_size=1, max_size=4, unique=True))
    where = [(title, f"t{number}") for title in names for number in range(draw(st.integers(0, 4)))]
    order = draw(st.permutations(where))
    tasks: dict[str, list[object]] = {title: [] for title in names}
    for position, (title, tag) in enumerate(order):
        needed = draw(st.lists(st.sampled_from(order[:position]), max_size=3)) if position else []
        needs = [each[1] if each[0] == title and draw(st.booleans()) else "/".join(each) for each in needed]
        made = ingesting(tag, tuple(needs[1:]), "".join(needs[:1])) if draw(st.booleans()) else task(tag, *needs)
        tasks[title].append(made)
    return [app(title, *tasks[title], metadata={"data": draw(json_data)}) for title in names]


@st.composite
def playbooks_of(draw: st.DrawFn, definitions: list[AppDefinition]) -> list[PlaybookDefinition]:
    """Playbooks of these apps that run their tasks, and one another without a circle."""
    places = [f"{each.title}/{one.task_tag}" for each in definitions for one in each.tasks]
    steps = st.one_of(
        st.builds(lambda data: {"set": {"data": data}}, json_data.filter(_is_plain)),
        st.builds(lambda seconds: {"wait": seconds}, st.integers(0, 60)),
        *([st.builds(lambda place: {"run": place}, st.sampled_from(places))] if places else []),
    )
    found: list[PlaybookDefinition] = []
    for title in draw(st.lists(titles, max_size=3, unique=True)):
        wanted = draw(st.lists(steps, min_size=1, max_size=4))
        wanted += [{"playbook": each.title} for each in found if draw(st.booleans())]
        made = [
            running(f"s{index}", each["run"]) if "run" in each else Step(name=f"s{index}", **each)
            for index, each in enumerate(wanted)
        ]
        status = draw(st.sampled_from([AppStatus.ACTIVE, AppStatus.INACTIVE, AppStatus.DRAFT]))
        app_title = draw(st.sampled_from([each.title for each in definitions]))
        found.append(PlaybookDefinition(title=title, app=app_title, steps=tuple(made), status=status, inputs=INPUTS))
    return found


#: what every playbook takes
INPUTS = (Field(name="data", kind=FieldKind.JSON), Field(name="text"))
moments = st.none() | st.integers(0, 10**13).map(
    lambda at: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
)


@st.composite
def schedules_of(draw: st.DrawFn, playbooks: list[PlaybookDefinition]) -> list[ScheduleDefinition]:
    """Schedules of those playbooks that can be run."""
    active = [each.title for each in playbooks if each.status is AppStatus.ACTIVE]
    found = []
    for title in draw(st.lists(titles, max_size=4, unique=True)) if active else ():
        starts, ends = draw(st.tuples(moments, moments).filter(lambda both: None in both or both[0] < both[1]))
        given_data, text = draw(json_data), draw(st.text(max_size=8))
        times = draw(st.fixed_dictionaries({"every": st.floats(1, 1e6)}) | st.fixed_dictionaries({
            "cron": st.sampled_from(["* * * * *", "0 3 * * MON-FRI", "*/7 1-5 1,15 * *"]),
        }))  # fmt: skip
        found.append(schedule(
            title, draw(st.sampled_from(active)), **times,
            inputs={"data": given_data, "text": text} if draw(st.booleans()) else {},
            time_zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"])),
            jitter=draw(st.floats(0, 86_400)), overlap=Overlap.ALLOW, missed=draw(st.sampled_from(MissedRuns)),
            starts_at=starts, ends_at=ends, status=draw(st.sampled_from(["active", "inactive"]).map(ScheduleStatus)),
        ))  # fmt: skip
    return found


def _is_plain(value: object) -> bool:
    """Whether a playbook's expressions have nothing to say to it."""
    return "{{" not in repr(value) and "}}" not in repr(value)


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_apps_and_graphs_survive(data: st.DataObject) -> None:
    """Whatever needs whatever, in whichever order the apps come, with playbooks of any of them, and their schedules."""
    definitions = data.draw(graphs())
    with Zona(store="memory://") as one, Zona(store="memory://") as other:
        source, target = one.tenant(), other.tenant()
        for definition in definitions:  # first the tasks, then what they need
            bare = [task(each.task_tag) for each in definition.tasks]
            source.apps.upsert(app(definition.title, *bare))
        for definition in definitions:
            source.apps.upsert(definition, app_id=source.apps.get(definition.title).integration_id)
        playbooks = data.draw(playbooks_of(definitions))
        for playbook in playbooks:
            source.playbooks.save(playbook)
        for each in data.draw(schedules_of(playbooks)):
            source.schedules.save(each)
        there_and_back(source, target)
        assert [(each.title, each.status) for each in source.playbooks.list().items] == [
            (each.title, each.status) for each in target.playbooks.list().items
        ]
        assert [(each.title, "inactive") for each in source.schedules.list().items] == [
            (each.title, each.status.value) for each in target.schedules.list().items
        ]
