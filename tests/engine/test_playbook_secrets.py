"""Secrets of playbooks' runs are shown nowhere (SPEC §5): not in records, errors, answers, logs or files."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import falcon.testing
import pytest

from zona_core import (
    AppDefinition,
    Conflict,
    RunStatus,
    Secret,
    TaskCall,
    TaskFailed,
    Workspace,
    Zona,
    ZonaError,
    as_data,
)
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.playbooks import Approval, OnError, PlaybookDefinition, Step, StepRetry, StepTask
from zona_http import HttpSettings, create_app

#: an instance's secret, one that the run is given, and one that a handler learns meanwhile
INSTANCE, INPUT, LATE = "canary-instance-3d7", "canary-input-81f", "canary-late-5be"
PASSWORD = "correct horse battery"


def forms(text: str) -> list[str]:
    """How a secret could be written."""
    data = text.encode()
    return [text, base64.b64encode(data).decode().rstrip("="), quote(text), data.hex(), text[::-1]]


def echo(call: TaskCall) -> dict[str, Any]:
    """Gives back all that it is given, in results, errors or exceptions."""
    values = (*call.connection.values.values(), *call.inputs.values())
    clear = [value.reveal() for value in values if isinstance(value, Secret)]
    call.connection.conceal(LATE)
    told = {"back": clear, "deep": [{LATE: " ".join(clear)}], "text": call.inputs["text"]}
    if call.inputs["text"].startswith("fail"):
        raise TaskFailed(f"refused {told}", code="refused", headers={"Authorization": clear})
    if call.inputs["text"].startswith("break"):
        raise RuntimeError(told)
    return told


def task(name: str, text: str, **more: Any) -> Step:
    """A step that runs the task with the run's secret."""
    inputs = {"text": text, "token": "{{ inputs.token }}"}
    return Step(name=name, task=StepTask(app="Demo", task="echo"), inputs=inputs, **more)


#: the secret goes wherever a template can put it
PLAYBOOK = PlaybookDefinition(
    title="Secretive",
    inputs=(Field(name="token", kind=FieldKind.SECRET, required=True), Field(name="mode", default="well")),
    steps=(
        task("first", "{{ inputs.mode }} {{ inputs.token }}"),
        Step(name="mix", set={"all": "{{ inputs }}", "said": "x{{ inputs.token }}y", "back": "{{ steps.first }}"}),
        task("each", "{{ item }}", for_each=["{{ inputs.token }}", "fail", "break"], collect_errors=True),
        task("retried", "fail", on_error=OnError.CONTINUE, retry=StepRetry(attempts=2, initial=0.001, on=("refused",))),
        Step(name="ask", approval=Approval(message="Use {{ inputs.token }} for {{ steps.mix.outputs.said }}?")),
        Step(name="sub", playbook="Inner", inputs={"token": "{{ inputs.token }}", "mode": "{{ inputs.mode }}"}),
        Step(name="open", playbook="Inner", inputs={"token": "x", "mode": "text {{ inputs.token }}"}),
        Step(name="bad", set={"x": "{{ inputs.token.nothing }}"}, when="inputs.token"),
        Step(name="list", set={"x": 1}, for_each="inputs.token", on_error=OnError.CONTINUE),
        Step(
            name="lost",
            task=StepTask(app="Demo", task="echo", instance="{{ inputs.token }}"),
            inputs={"text": "x"},
            on_error=OnError.CONTINUE,
        ),
        Step(
            name="unfit",
            task=StepTask(app="Demo", task="echo"),
            inputs={"text": "x", "count": "{{ inputs.token }}"},
            on_error=OnError.CONTINUE,
        ),
        Step(name="sleep", wait="{{ inputs.token }}", on_error=OnError.CONTINUE),
    ),
    outputs={"token": "{{ inputs.token }}", "all": "{{ steps }}"},
)  # fmt: skip
INNER = PlaybookDefinition(
    title="Inner",
    inputs=PLAYBOOK.inputs,
    steps=(task("say", "{{ inputs.mode }}"),),
    outputs={"o": "{{ steps.say }} {{ inputs }}"},
)


@pytest.fixture
def zona(tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition]) -> Zona:
    """A Zona on a file, with the app, an instance and both playbooks; the test closes it."""
    plugin.handler.functions["echo"] = echo
    zona = Zona(store=f"sqlite:///{tmp_path}/zona.db", plugins={"function": plugin}, workers=4)
    work = zona.tenant()
    work.apps.upsert(app_factory())
    work.instances.add("Demo", title="main", values={"api_key": INSTANCE})
    work.playbooks.save(INNER)
    work.playbooks.save(PLAYBOOK)
    return zona


def waited(work: Workspace, run_id: str) -> list[Any]:
    """What the run is seen to wait for, once it asks."""
    mark, shown = "", []
    while not (waiting := work.runs.waiting(run_id)):
        found = work.runs.progress(run_id, since=mark, seconds=1)
        mark = found.mark
        shown.append(found)
        assert not found.ended, found.run.error
    return [*shown, *waiting]


def everything(zona: Zona, mode: str) -> list[Any]:
    """A run from its rehearsal to its repetition, with all that is shown meanwhile."""
    work = zona.tenant()
    inputs = {"token": Secret(INPUT), "mode": mode}
    shown: list[Any] = [work.playbooks.rehearse("Secretive", inputs=inputs)]
    run = work.playbooks.start("Secretive", inputs=inputs)
    if mode == "well":
        shown += waited(work, run.id)
        shown.append(work.runs.decide(run.id, "ask", approved=True, comment="yes"))
    ended = work.runs.wait(run.id, seconds=30)
    assert ended.status is (RunStatus.SUCCESS if mode == "well" else RunStatus.FAILURE), ended.error
    shown += [run, ended, work.runs.steps(run.id), work.runs.progress(run.id), work.runs.list(steps=True)]
    with pytest.raises(Conflict) as caught:
        work.runs.replay(run.id)
    assert caught.value.code == "inputs_not_kept"
    for wrong in ({"token": [INPUT]}, {"token": INPUT, "nothing": INPUT}, {"mode": INPUT, "token": {"x": INPUT}}):
        with pytest.raises(ZonaError) as refused:
            work.playbooks.start("Secretive", inputs=wrong)
        shown.append(refused.value.as_dict())
    return shown


def over_http(zona: Zona, run_id: str) -> list[str]:
    """The same record as the service shows it."""
    zona.system().users.add("root", PASSWORD, roles=["admin"])
    client = falcon.testing.TestClient(create_app(zona, HttpSettings(stream_seconds=1)))
    login = client.simulate_post("/auth/v1/login", json={"name": "root", "password": PASSWORD}).json["data"]
    headers = {"Authorization": f"Bearer {login['access_token']}"}
    body = {"inputs": {"token": INPUT, "mode": "fail"}}
    answers = [
        *(client.simulate_get(f"/api/v1/runs/{run_id}{part}", headers=headers) for part in ("", "/steps", "/events")),
        client.simulate_post("/api/v1/playbooks/2/runs", json=body, headers=headers),
        client.simulate_post("/api/v1/playbooks/2/rehearsal", json=body, headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 201, 200]
    return [answer.text for answer in answers]


def stored(folder: Path, when: str) -> dict[str, str]:
    """What stands in the store's files."""
    files = (file for file in folder.iterdir() if file.name.startswith("zona.db"))
    return {f"{when} {file.name}": file.read_bytes().decode("latin-1") for file in files}


@pytest.mark.parametrize("mode", ["well", "fail", "break"])
def test_canaries_are_nowhere(zona: Zona, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str) -> None:
    """Whatever a run does with its secrets, and however it ends, they stay where they are used."""
    caplog.set_level(logging.DEBUG)
    shown = everything(zona, mode)
    texts = [f"{each!r} {as_data(each)}" for each in shown]
    if mode == "fail":
        texts += over_http(zona, zona.tenant().runs.list(playbook="Secretive").items[0].id)
    texts += [str(as_data(record)) for record in zona.tenant().audit.search().items]
    places = {"shown": "\n".join(texts), "log": "\n".join(record.getMessage() for record in caplog.records)}
    places |= stored(tmp_path, "before")
    zona.close()
    places |= stored(tmp_path, "after")
    found = [
        (place, form, content[max(0, content.index(form) - 200) : content.index(form) + 60])
        for place, content in places.items()
        for canary in (INSTANCE, INPUT, LATE)
        for form in forms(canary)
        if form in content
    ]
    assert found == []
    assert "Secretive" in places["shown"]
    assert any("Secretive" in text for place, text in places.items() if place.startswith("after"))
