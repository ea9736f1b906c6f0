"""Runs of playbooks are listed without their steps, and followed with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, InvalidInput, NotFound, RunStatus, TaskCall, Workspace, Zona
from zona_core.domain.playbooks import Step

Make = Callable[..., Any]


@pytest.fixture
def stored(plugin: Any, app_factory: Callable[..., AppDefinition], tmp_path: Path) -> Iterator[Zona]:
    """A Zona on a file, with the app Demo and one instance."""
    plugin.handler.functions["echo"] = lambda call: {"said": call.inputs["text"]}
    with Zona(store=f"sqlite:///{tmp_path}/zona.db", plugins={"function": plugin}, workers=4) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": "k"})
        yield zona


@pytest.fixture
def work(stored: Zona, echo: Make, playbook: Make) -> Workspace:
    """A tenant with a playbook that runs another one, and with one run of it and one of a task."""
    work = stored.tenant()
    work.playbooks.save(playbook(echo("say"), title="Inner"))
    work.playbooks.save(playbook(echo("first"), Step(name="sub", playbook="Inner"), echo("last")))
    assert work.playbooks.run("Enrich").status is RunStatus.SUCCESS
    work.runs.run("Demo", "echo", inputs={"text": "alone"})
    return work


def told(runs: Any) -> list[str]:
    """What each run was, in few words."""
    return [each.step or each.playbook_title or each.task_tag for each in runs.items]


def test_lists_have_whole_runs_unless_more_is_asked_for(work: Workspace) -> None:
    """Steps are among the runs of an app; runs that steps began among those of their playbook."""
    assert told(work.runs.list()) == ["echo", "Enrich"]
    assert told(work.runs.list(playbook="Enrich")) == ["Enrich"]
    assert told(work.runs.list(playbook="Inner")) == ["Inner"]
    assert sorted(told(work.runs.list(app="Demo"))) == ["echo", "first", "last", "say"]
    assert sorted(told(work.runs.list(app="Demo", playbook="Enrich"))) == ["first", "last"]
    assert len(work.runs.list(steps=True).items) == 7
    assert told(work.runs.list(status=RunStatus.SUCCESS)) == ["echo", "Enrich"]
    with pytest.raises(NotFound):
        work.runs.list(playbook="Nothing")
    with pytest.raises(InvalidInput):
        work.runs.list(playbook="Enrich", steps=True)


def test_steps_are_those_of_the_run_alone(work: Workspace) -> None:
    """A run that a step began has its own."""
    [run] = work.runs.list(playbook="Enrich").items
    [inner] = work.runs.list(playbook="Inner").items
    assert told(work.runs.steps(run.id)) == ["first", "sub", "last"]
    assert (told(work.runs.steps(inner.id)), inner.parent_id) == (["say"], run.id)


@pytest.mark.parametrize(
    ("arguments", "index"),
    [({}, "runs.by_parent"), ({"playbook": "Enrich"}, "runs.by_playbook"), ({"app": "Demo"}, "runs.by_app")],
)
def test_a_list_reads_nothing_that_it_does_not_show(
    work: Workspace, stored: Zona, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], index: str
) -> None:
    """Each kind of list has an index that holds its runs alone, in their order: thousands of steps cost it nothing."""
    database = stored._parts.database.tenant("localhost").store._database
    rows, plans = database.rows, []

    def explained(sql: str, parameters: Any = ()) -> Any:
        if sql.startswith("SELECT") and "runs" in sql:
            plans.extend(row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", parameters))
        return rows(sql, parameters)

    monkeypatch.setattr(database, "rows", explained)
    work.runs.list(**arguments, limit=1)
    assert len(plans) == 1, plans
    assert index in plans[0]


def test_progress_tells_each_step_once(stored: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """It waits for news, goes on from its mark, and says when there will be nothing more."""
    go = {text: threading.Event() for text in "abc"}

    def function(call: TaskCall) -> dict[str, Any]:
        assert go[call.inputs["text"]].wait(20)
        return {}

    plugin.handler.functions["echo"] = function
    work = stored.tenant()
    work.playbooks.save(playbook(*(echo(name, name, after=()) for name in "abc")))
    run = work.playbooks.start("Enrich")
    seen, mark = [], ""
    for name in "bca":  # b is begun after a, and ends before it
        go[name].set()
        found = work.runs.progress(run.id, since=mark, seconds=20)
        while not found.steps:
            found = work.runs.progress(run.id, since=found.mark, seconds=20)
        assert work.runs.progress(run.id, since=mark).steps[0] == found.steps[0]
        seen += [each.step for each in found.steps]
        mark = found.mark
    while not found.ended:
        found = work.runs.progress(run.id, since=mark, seconds=20)
        mark = found.mark
        seen += [each.step for each in found.steps]
    assert (seen, found.run.status) == (["b", "c", "a"], RunStatus.SUCCESS)
    again = work.runs.progress(run.id, since=mark, seconds=20)
    assert (again.steps, again.ended, again.mark) == ([], True, mark)


def test_steps_that_end_in_the_same_moment_are_all_told(work: Workspace, stored: Zona) -> None:
    """What was told at a moment is known by the ids, so that what is stored late in it is told, too."""
    runs = stored._parts.database.tenant("localhost").runs
    [run] = work.runs.list(playbook="Enrich").items
    one = runs.one({"parent_id": run.id, "step": "last"})
    first = work.runs.progress(run.id)
    late = runs.insert(evolve(one, id="00000000-0000-5000-8000-000000000001", step="late", revision=0))
    second = work.runs.progress(run.id, since=first.mark)
    assert [each.id for each in second.steps] == [late.id]
    assert work.runs.progress(run.id, since=second.mark).steps == []


def test_progress_of_many_steps_comes_in_parts(stored: Zona, echo: Make, playbook: Make) -> None:
    """No part is longer than 200, none is missing."""
    work = stored.tenant()
    items = list(range(230))
    work.playbooks.save(playbook(Step(name="each", set={"n": "{{ item }}"}, for_each=items, concurrency=50)))
    run = work.playbooks.run("Enrich")
    first = work.runs.progress(run.id)
    second = work.runs.progress(run.id, since=first.mark)
    assert (len(first.steps), first.ended, len(second.steps), second.ended) == (200, False, 31, True)
    assert sorted(each.item for each in first.steps + second.steps if each.item is not None) == items


def test_progress_of_a_single_task_is_its_record(stored: Zona) -> None:
    """Whatever is no mark stands for the beginning."""
    run = stored.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    found = stored.tenant().runs.progress(run.id, since="nonsense")
    assert (found.run, found.steps, found.mark, found.ended) == (run, [], str(run.revision), True)
    with pytest.raises(NotFound):
        stored.tenant().runs.progress("none")
