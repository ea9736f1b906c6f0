"""Results that are too large for a record are in the blob store, and nobody need know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, NotFound, RunStatus, Zona
from zona_core.domain.playbooks import Approval, Step
from zona_core.usecases._engine.results import blob_keys

Make = Callable[..., Any]

INLINE, MOST = 2_048, 20_000


def open_zona(plugin: Any, store: str, **more: Any) -> Zona:
    sizes = {"max_result_bytes": INLINE, "max_blob_bytes": MOST}
    return Zona(store=store, plugins={"function": plugin}, workers=4, **(sizes | more))


@pytest.fixture
def zona(plugin: Any, app_factory: Callable[..., AppDefinition], tmp_path: Path) -> Iterator[Zona]:
    """A Zona that keeps 2 KiB in a record and 20 kB at all; ``echo`` gives as many characters as it is told."""
    plugin.handler.functions["echo"] = lambda call: {"text": call.inputs["text"][0] * int(call.inputs["text"][1:])}
    with open_zona(plugin, f"sqlite:///{tmp_path / 'zona.db'}") as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        yield zona


def blobs_of(zona: Zona, run: Any) -> list[str]:
    """The keys of the run's blobs that are there."""
    found = []
    for key in blob_keys(run):
        try:
            zona._parts.blobs.info("localhost", key)
        except NotFound:
            continue
        found.append(key)
    return found


def test_small_results_stay_in_the_record(zona: Zona) -> None:
    """Nothing is in the blob store, and ``results`` gives what the record shows."""
    work = zona.tenant()
    run = work.runs.run("Demo", "echo", inputs={"text": "x9"})
    assert (run.results, run.results_blob, run.blobs) == ({"text": "x" * 9}, None, 0)
    assert work.runs.results(run.id) == {"text": "x" * 9}


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_large_results_are_kept_whole_elsewhere(zona: Zona, letter: str) -> None:
    """The record says where they are, how large, and how they begin; ``results`` gives them whole."""
    work = zona.tenant()
    run = work.runs.run("Demo", "echo", inputs={"text": f"{letter}3000"})
    whole = {"text": letter * 3_000}
    encoded = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    assert (run.status, run.results) == (RunStatus.SUCCESS, None)
    assert run.results_blob is not None
    assert (run.results_blob.size, run.results_blob.digest) == (
        len(encoded), f"sha256:{hashlib.sha256(encoded).hexdigest()}",
    )  # fmt: skip
    assert run.results_blob.excerpt.startswith('{"text":"' + letter * 900)
    assert len(run.results_blob.excerpt) <= 1_000
    assert work.runs.results(run.id) == whole
    assert blobs_of(zona, run) == [run.results_blob.key]
    assert work.runs.get(run.id) == run


def test_what_is_too_large_for_that_has_failed(zona: Zona, echo: Make, playbook: Make) -> None:
    """A task, a whole list and a playbook that give too much fail with a code of its own, and nothing is kept."""
    work = zona.tenant()
    single = work.runs.run("Demo", "echo", inputs={"text": f"x{MOST}"})
    work.playbooks.save(playbook(echo("each", "{{ item }}", for_each=["a9000", "b9000", "c9000"])))
    listed = work.playbooks.run("Enrich")
    twice = {"all": ["{{ steps.a.outputs }}", "{{ steps.b.outputs }}"]}
    work.playbooks.save(playbook(echo("a", "a12000"), echo("b", "b12000"), title="Whole", outputs=twice))
    whole = work.playbooks.run("Whole")
    for run, blobs in ((single, 0), (listed, 3), (whole, 2)):
        assert run.status is RunStatus.FAILURE
        assert run.error is not None
        assert run.error["code"] == "result_too_large"
        assert (run.results, run.results_blob) == (None, None)
        assert len(blobs_of(zona, run)) == run.blobs == blobs
    assert single.attempts[0].status is RunStatus.SUCCESS


def test_later_steps_see_large_results_whole(zona: Zona, echo: Make, playbook: Make) -> None:
    """Also those of another playbook that a step ran, and all items of a list."""
    work = zona.tenant()
    inner = {"text": "{{ steps.big.outputs.text }}"}
    work.playbooks.save(playbook(echo("big", "i5000"), title="Inner", outputs=inner))
    lengths = {"each": "{{ length(steps.each.outputs.items[1].text) }}", "sub": "{{ length(steps.sub.outputs.text) }}"}
    steps = (echo("each", "{{ item }}", for_each=["a4000", "b4001"]), Step(name="sub", playbook="Inner"))
    work.playbooks.save(playbook(*steps, outputs=lengths))
    run = work.playbooks.run("Enrich")
    assert run.results == {"each": 4_001, "sub": 5_000}
    assert len(blobs_of(zona, run)) == run.blobs == 4  # both items, the list as a whole, what the other playbook gave
    step = next(each for each in work.runs.steps(run.id).items if each.step == "sub" and each.step_kind)
    assert work.runs.results(step.id) == {"text": "i" * 5_000}


def test_another_process_goes_on_with_them(zona: Zona, plugin: Any, tmp_path: Path, echo: Make, playbook: Make) -> None:
    """What a worker that is no more has left in the blob store counts for whoever goes on, and is not made again."""
    outputs = {"length": "{{ length(steps.big.outputs.text) }}"}
    work = zona.tenant()
    work.playbooks.save(
        playbook(echo("big", "x7000"), Step(name="ask", approval=Approval(message="?")), outputs=outputs)
    )
    run = work.playbooks.start("Enrich", patience=0.0)
    while work.runs.get(run.id).status is not RunStatus.WAITING:
        work.runs.wait(run.id, since=run.revision, seconds=5)
    zona.close()
    plugin.handler.functions["echo"] = lambda call: {"text": "made again"}
    with open_zona(plugin, f"sqlite:///{tmp_path / 'zona.db'}") as other:
        other._parts.engine.work()
        other.tenant().runs.decide(run.id, "ask", approved=True)
        ended = other.tenant().runs.wait(run.id, seconds=20)
        assert (ended.status, ended.results, ended.blobs) == (RunStatus.SUCCESS, {"length": 7_000}, 1)


def test_results_that_are_lost_fail_the_run_that_needs_them(
    zona: Zona, plugin: Any, tmp_path: Path, echo: Make, playbook: Make
) -> None:
    """Nobody goes on with less than there was: the run says what is missing."""
    work = zona.tenant()
    work.playbooks.save(playbook(echo("big", "x7000"), Step(name="ask", approval=Approval(message="?"))))
    run = work.playbooks.start("Enrich")
    while work.runs.get(run.id).status is not RunStatus.WAITING:
        work.runs.wait(run.id, since=run.revision, seconds=5)
    zona._parts.blobs.delete("localhost", f"runs/{run.id}/1")
    zona.close()
    with open_zona(plugin, f"sqlite:///{tmp_path / 'zona.db'}") as other:
        other._parts.engine.work()
        other.tenant().runs.decide(run.id, "ask", approved=True)
        ended = other.tenant().runs.wait(run.id, seconds=20)
        assert ended.error is not None
        assert (ended.status, ended.error["code"]) == (RunStatus.FAILURE, "results_lost")


def test_a_number_is_never_used_twice(zona: Zona, plugin: Any, echo: Make, playbook: Make) -> None:
    """Whoever has lost the claim gets no number for a blob any more, so it replaces nobody's."""
    from zona_core.usecases._engine.book import Book, ClaimLost

    work = zona.tenant()
    work.playbooks.save(playbook(Step(name="ask", approval=Approval(message="?"))))
    run = work.playbooks.start("Enrich")
    while work.runs.get(run.id).status is not RunStatus.WAITING:
        work.runs.wait(run.id, since=run.revision, seconds=5)
    data = work._context.data
    mine = data.jobs.modify({"_id": run.id}, worker="one", count="token")
    assert mine is not None
    book = Book(data, work.runs.get(run.id), mine)
    assert [book.number_blob(), book.number_blob()] == [1, 2]
    theirs = data.jobs.modify({"_id": run.id}, worker="two", count="token")
    assert theirs is not None
    with pytest.raises(ClaimLost):
        book.number_blob()
    assert Book(data, work.runs.get(run.id), theirs).number_blob() == 3


def test_blobs_may_be_files(plugin: Any, app_factory: Make, tmp_path: Path) -> None:
    """The same with another blob store: the record points there."""
    plugin.handler.functions["echo"] = lambda call: {"text": "x" * 5_000}
    with open_zona(plugin, "memory://", blobs=f"file:{tmp_path}") as zona:
        work = zona.tenant()
        work.apps.upsert(app_factory())
        work.instances.add("Demo", title="main", values={"api_key": "s3cret-value"})
        run = work.runs.run("Demo", "echo", inputs={"text": "x"})
        assert run.results_blob is not None
        assert work.runs.results(run.id) == {"text": "x" * 5_000}
        assert any(b"xxxxx" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
