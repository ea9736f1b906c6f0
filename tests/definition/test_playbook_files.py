"""Playbooks in files: read strictly, every fault with its path."""

from __future__ import annotations

import pytest

from zona_core import Approval, InvalidDocument, Join, NotFound, PlaybookDefinition, Step, StepRetry, StepTask, Zona

DOCUMENT = b"""
title: Everything
description: One of each.
inputs:
  - {name: ip, kind: text, required: true}
steps:
  - name: look
    task: {app: Demo, task: echo, instance: main}
    inputs: {text: "{{ inputs.ip }}", count: 2}
    retry: {attempts: 3, on: [busy, 429-ish]}
    timeout: 2.5
  - {name: ask, after: ["look:success"], when: "inputs.ip", approval: {message: Sure?, expires: 60}}
  - {name: rest, after: [], wait: 1.5}
  - name: each
    join: any
    after: [ask, rest]
    for_each: [1, 2]
    set: {n: "{{ item }}"}
    concurrency: 2
    collect_errors: true
  - {name: sub, playbook: Other, on_error: continue}
outputs: {ip: "{{ inputs.ip }}"}
status: draft
timeout: 60
concurrency: 3
tags: [a, b]
"""


def test_a_file_says_what_the_library_says() -> None:
    """Every attribute of a playbook and of a step can be written; what is left out has its default."""
    with Zona(store="memory://") as zona:
        found = zona.tenant().playbooks.read_document(DOCUMENT)
    assert isinstance(found, PlaybookDefinition)
    assert (found.title, found.status.value, found.timeout, found.concurrency, found.tags) == (
        *("Everything", "draft", 60, 3, ("a", "b")),
    )
    assert [each.name for each in found.inputs] == ["ip"]
    look, ask, rest, each, sub = found.steps
    assert look == Step(
        name="look",
        task=StepTask(app="Demo", task="echo", instance="main"),
        inputs={"text": "{{ inputs.ip }}", "count": 2},
        retry=StepRetry(attempts=3, on=("busy", "429-ish")),
        timeout=2.5,
    )
    assert (ask.after, ask.approval) == (("look:success",), Approval(message="Sure?", expires=60))
    assert (rest.after, rest.wait, sub.after) == ((), 1.5, None)
    assert (each.join, each.for_each, each.collect_errors) == (Join.ANY, [1, 2], True)
    assert (sub.kind.value, sub.on_error.value) == ("playbook", "continue")


def test_every_fault_of_the_shape_is_told() -> None:
    """Unknown and repeated keys, wrong types, words that there are not."""
    wrong = b"""
title: 3
steps:
  - {name: a, task: {app: D}, inputs: [], retry: {attempts: "3", onn: [a]}, after: x, timeout: "5"}
  - {nam: b, set: [], join: anyy, on_error: x, approval: {expires: x}}
inputs: [{name: ip, kind: zz}]
stepz: 1
"""
    with Zona(store="memory://") as zona, pytest.raises(InvalidDocument) as caught:
        zona.tenant().playbooks.read_document(wrong)
    assert sorted(fault.path for fault in caught.value.faults) == [
        "inputs[0].kind", "steps[0].after", "steps[0].inputs", "steps[0].retry.attempts", "steps[0].retry.onn",
        "steps[0].task.task", "steps[0].timeout", "steps[1].approval.expires", "steps[1].approval.message",
        "steps[1].join", "steps[1].nam", "steps[1].name", "steps[1].on_error", "steps[1].set", "stepz", "title",
    ]  # fmt: skip


def test_what_is_no_playbook_is_refused() -> None:
    """No mapping, a key twice, or a format without playbooks."""
    with Zona(store="memory://") as zona:
        playbooks = zona.tenant().playbooks
        for document in (b"[1]", b"", b"{title: a, title: b}", b"\xff"):
            with pytest.raises(InvalidDocument):
                playbooks.read_document(document)
        with pytest.raises(NotFound):
            playbooks.read_document(DOCUMENT, format="openapi")
