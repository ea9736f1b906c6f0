"""Apps written by hand: the format ``zona``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core import FieldKind, InvalidDocument, Zona
from zona_definition.importer import DefinitionImporter

APP = """
title: Demo
fields:
  - {name: api_key, kind: secret, required: true}
  - {name: base_url, kind: url, default: "https://api.example.com"}
handler_config:
  http: {base_url: "{{ instance.base_url }}"}
health_check: {task: ping, inputs: {}}
tasks:
  - name: Ping
    task_tag: ping
    task_handler: http
    timeout: 5
    inputs:
      - {name: count, kind: number, default: 1, rules: {minimum: 1, integer: true}}
    outputs:
      - {name: ok, kind: boolean, path: body.ok}
    handler_config: {method: GET, path: /ping}
    error_handling: {attempts: 3, factor: 1.5}
"""


def refusal(text: str) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        DefinitionImporter().read(text.encode())
    return caught.value


def test_a_file_becomes_an_app_and_is_stored() -> None:
    """Its keys are the definition's attributes, its tasks stand in it."""
    definition = DefinitionImporter().read(APP.encode()).definition
    assert definition.fields[0].kind is FieldKind.SECRET
    task = definition.tasks[0]
    assert (task.timeout, task.error_handling.attempts, task.error_handling.factor) == (5, 3, 1.5)
    assert (task.inputs[0].rules.minimum, task.outputs[0].path) == (1, "body.ok")
    with Zona(store="memory://") as zona:
        outcome = zona.tenant().apps.import_document(APP.encode(), format="zona", title="Other")
        assert (outcome.app.title, outcome.tasks_created, outcome.warnings) == ("Other", 1, ())


def test_json_is_read_as_well() -> None:
    """The same data as JSON is the same app."""
    data = {"title": "J", "tasks": [{"name": "A", "task_tag": "a", "task_handler": "http"}]}
    assert DefinitionImporter().read(json.dumps(data).encode()).definition.tasks[0].task_tag == "a"


def test_the_example_is_a_valid_definition() -> None:
    """The file in ``examples`` has no fault."""
    path = Path(__file__).resolve().parents[2] / "examples" / "no_code_app" / "app.yaml"
    assert DefinitionImporter().read(path.read_bytes()).definition.title == "AbuseIPDB"


def test_every_fault_is_told_at_once_with_its_path() -> None:
    """Unknown keys, wrong types, missing and misspelled values."""
    error = refusal(
        """
title: X
version: 1.0
colour: red
fields: {}
tasks:
  - {name: A, task_tag: a, task_handler: http, inputs: abc, timeout: "3", status: asleep}
  - 5
  - {name: B, inputs: [{name: c, kind: foo, id: 3, required: 1, rules: {minimum: x, integer: 1}}]}
"""
    )
    assert {fault.path: (fault.message, fault.expected.split(",")[0]) for fault in error.faults} == {
        "version": ("a number stands here", "a text (numbers in quotes)"),
        "colour": ("is not a known key", "one of category"),
        "fields": ("a mapping stands here", "a list"),
        "tasks[0].inputs": ("a text stands here", "a list"),
        "tasks[0].timeout": ("a text stands here", "a number"),
        "tasks[0].status": ("'asleep' is not known", "one of active"),
        "tasks[1]": ("a number stands here", "a mapping"),
        "tasks[2].task_tag": ("is missing", "a value"),
        "tasks[2].task_handler": ("is missing", "a value"),
        "tasks[2].inputs[0].kind": ("'foo' is not known", "one of text"),
        "tasks[2].inputs[0].id": ("is not a known key", "one of choices"),
        "tasks[2].inputs[0].required": ("a number stands here", "true or false"),
        "tasks[2].inputs[0].rules.minimum": ("a text stands here", "a number"),
        "tasks[2].inputs[0].rules.integer": ("a number stands here", "true or false"),
    }
    assert error.code == "invalid_document"


def test_the_rules_of_definitions_are_checked_too() -> None:
    """What has the right shape may still be no app."""
    error = refusal(APP.replace("task: ping", "task: pong").replace("default: 1", "default: 0"))
    assert {fault.path for fault in error.faults} == {"health_check.task", "tasks[0].inputs[0].default"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: A\ntitle: B\n", "#/title: the key stands twice (line 2)"),
        ("[]", "is a list"),
        ("title: [", "is not YAML"),
        ("tasks: []", "title: is missing"),
        ("title: ''", "title: is empty"),
    ],
)
def test_nothing_is_repaired(text: str, said: str) -> None:
    """A file with a fault is refused as a whole."""
    assert said in refusal(text).message


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["title", "fields", "tasks", "name", "kind", "rules", "inputs", "task_tag", "task_handler"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_data_is_an_app_or_is_refused(data: object) -> None:
    """No other error ever leaves the importer."""
    try:
        found = DefinitionImporter().read(json.dumps(data).encode())
    except InvalidDocument:
        return
    assert found.definition.title
