"""Runs as pictures: what is drawn of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from zona_core import NotFound, RunStatus, TaskFailed, Zona
from zona_core.domain.playbooks import Approval, Step, StepRetry
from zona_core.ports.drawing import Look, PictureFormat
from zona_core.usecases._waterfall import MOST_ROWS, waterfall_of

Make = Callable[..., Any]
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> list[str]:
    return [text.text or "" for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_steps_items_and_attempts_are_drawn(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """A bar for the run, each step and each item; attempts as blocks; what was skipped is named below."""

    def function(call: Any) -> dict[str, Any]:
        if call.inputs["text"] == "flaky" and call.attempt < 2:
            raise TaskFailed("away", retryable=True, code="remote_away")
        return {}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    work.playbooks.save(
        playbook(
            echo("flaky", "flaky", retry=StepRetry(attempts=3, initial=0.01)),
            echo("each", for_each=["a", "b"]),
            echo("never", when="`false`"),
            Step(name="made", set={"a": 1}),
        )
    )
    run = work.playbooks.run("Enrich")
    waterfall = waterfall_of(work._context.data, run)
    assert [(bar.label, bar.depth) for bar in waterfall.bars[:3]] == [("Enrich", 0), ("flaky", 1), ("each", 1)]
    assert sorted((bar.label, bar.depth) for bar in waterfall.bars[3:]) == [("[0]", 2), ("[1]", 2), ("made", 1)]
    assert [stretch.look for stretch in waterfall.bars[1].stretches] == [Look.FAILED, Look.DONE]
    assert waterfall.notes == ["Skipped: never."]
    svg = work.runs.picture(run.id)
    assert {"Enrich", "flaky", "each", "[0]", "[1]", "Skipped: never."} <= set(texts(svg))
    assert work.runs.picture(run.id) == svg
    assert work.runs.picture(run.id, format=PictureFormat.PNG).startswith(b"\x89PNG")


def test_a_step_that_waits_is_drawn_as_waiting(zona: Zona, playbook: Make) -> None:
    """Of a run that is under way there is what it waits for, up to now, and a line that says so."""
    work = zona.tenant()
    work.playbooks.save(playbook(Step(name="ask", approval=Approval(message="Block it?"))))
    run = work.playbooks.start("Enrich")
    since = run.revision
    while run.status is not RunStatus.WAITING:
        run = work.runs.wait(run.id, since=since, seconds=20)
        since = run.revision
    waterfall = waterfall_of(work._context.data, run)
    assert [(bar.label, bar.look, bar.stretches) for bar in waterfall.bars[1:]] == [("ask", Look.WAITING, ())]
    assert "under way" in waterfall.notes[-1]
    assert "Block it?" not in work.runs.picture(run.id).decode()
    work.runs.cancel(run.id)
    ended = work.runs.wait(run.id, seconds=20)
    assert waterfall_of(work._context.data, ended).bars[0].look is Look.STOPPED


def test_a_picture_has_so_many_rows_and_no_more(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """Of a long list those that failed are drawn first, and a line says how many are left out."""

    def function(call: Any) -> dict[str, Any]:
        if call.inputs["text"] == "i395":
            raise TaskFailed("no", code="bad_item")
        return {}

    plugin.handler.functions["echo"] = function
    work = zona.tenant()
    items = list(range(400))
    work.playbooks.save(playbook(echo("each", "i{{ index }}", for_each=items, collect_errors=True)))
    run = work.playbooks.run("Enrich")
    waterfall = waterfall_of(work._context.data, run)
    assert len(waterfall.bars) == MOST_ROWS
    assert [bar.label for bar in waterfall.bars if bar.look is Look.FAILED] == ["[395]"]
    assert waterfall.notes[0].startswith("102 more items")


def test_a_single_run_is_drawn_too(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """It is one bar with its attempts; a step's record is drawn as well, and nobody else's run."""
    plugin.handler.functions["echo"] = lambda call: {}
    work = zona.tenant()
    run = work.runs.run("Demo", "echo", inputs={"text": "x"})
    assert "Demo echo" in texts(work.runs.picture(run.id))
    work.playbooks.save(playbook(echo("one")))
    [step] = work.runs.steps(work.playbooks.run("Enrich").id).items
    assert "Enrich: one" in texts(work.runs.picture(step.id))
    zona.system().tenants.add("acme")
    with pytest.raises(NotFound):
        zona.tenant("acme").runs.picture(run.id)


def test_a_step_begins_with_its_first_item(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """Its own record says so, however long the others took."""
    plugin.handler.functions["echo"] = lambda call: {}
    work = zona.tenant()
    work.playbooks.save(playbook(echo("each", for_each=[1, 2, 3], concurrency=1)))
    records = work.runs.steps(work.playbooks.run("Enrich").id).items
    [whole] = [record for record in records if record.item is None]
    assert whole.started_at == min(record.started_at for record in records if record.started_at)
