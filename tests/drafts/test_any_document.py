"""Whatever the bytes are, the importers make a valid app of them or say why not."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zona_core import InvalidDocument, Zona
from zona_core.domain.definitions import app_faults
from zona_core.ports.importers import AppImporter, ImportedApp
from zona_documents import read_mapping
from zona_drafts.handler import DraftTaskHandler
from zona_shuffle.importer import ShuffleImporter
from zona_xsoar.importer import XsoarImporter

WRITTEN = Path(__file__).resolve().parent.parent / "data" / "written"
IMPORTERS: dict[str, AppImporter] = {"shuffle": ShuffleImporter(), "xsoar": XsoarImporter()}
DOCUMENTS = {
    "shuffle": (WRITTEN / "shuffle" / "northwatch.yaml").read_bytes(),
    "xsoar": (WRITTEN / "xsoar" / "northwatch.yml").read_bytes(),
}
TREES = {name: read_mapping(text)[0] for name, text in DOCUMENTS.items()}
#: what people and programs write where something else belongs
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1e308, 2**63, "", " ", "true", "not a number", "\x00\u2028", "ü" * 300, "*****"),
    *([], {}, [None], [[]], [{}], {"": None}, {"type": []}, ["a", "a"], [1, {}], "[", '["\\ud800"]', "(" * 50, "a..b"),
]


def outcome(name: str, document: bytes) -> ImportedApp | None:
    """What became of a document: a definition without faults, or nothing; any other error fails the test."""
    try:
        found = IMPORTERS[name].read(document)
    except InvalidDocument:
        return None
    definition = found.definition
    assert app_faults(definition) == []
    handler = DraftTaskHandler()
    assert [fault for task in definition.tasks for fault in handler.task_faults(task, definition)] == []
    assert all(warning.path.startswith("#") and warning.message for warning in found.warnings)
    repr(definition).encode()
    return found


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every mapping and list of ``tree`` with each of its keys."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        found += ((node, key) for key in keys)
        waiting += (node[key] for key in keys)
    return found


def mutated(name: str, chance: random.Random) -> Any:
    """The document with one to four places changed: replaced, removed, doubled or moved."""
    tree = copy.deepcopy(TREES[name])
    for _ in range(chance.randint(1, 4)):
        node, key = chance.choice(places(tree))
        other, there = chance.choice(places(tree))
        change = chance.randrange(4)
        if change == 0:
            node[key] = copy.deepcopy(chance.choice(ODD))
        elif change == 1:
            del node[key]
        elif change == 2 and isinstance(node, list):
            node.append(copy.deepcopy(node[key]))
        else:
            node[key] = copy.deepcopy(other[there])
        if not places(tree):
            break
    return tree


@pytest.mark.parametrize("name", sorted(IMPORTERS))
@given(seed=st.integers(0, 2**32))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_document_with_changed_places_is_imported_or_refused(name: str, seed: int) -> None:
    """No change of keys, values and order brings out any other error."""
    outcome(name, json.dumps(mutated(name, random.Random(seed))).encode())


@pytest.mark.parametrize("name", sorted(IMPORTERS))
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_document_with_changed_bytes_is_imported_or_refused(name: str, data: st.DataObject) -> None:
    """Cut anywhere, with bytes of anything in the midst."""
    document = DOCUMENTS[name]
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, len(document)))
    outcome(name, document[:start] + data.draw(st.binary(max_size=30)) + document[end:])


@pytest.mark.parametrize("name", sorted(IMPORTERS))
@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "name",
                        "script",
                        "commands",
                        "arguments",
                        "outputs",
                        "configuration",
                        "type",
                        "actions",
                        "parameters",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=30,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_data_is_imported_or_refused(name: str, data: Any) -> None:
    """Right keys in wrong places are no other error either."""
    outcome(name, json.dumps(data).encode())


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_what_is_imported_of_changed_documents_can_be_stored(name: str) -> None:
    """Each definition is one that the store takes, and gives back as it was."""
    stored = 0
    with Zona(store="memory://") as zona:
        here = zona.tenant()
        for number in range(60):
            document = json.dumps(mutated(name, random.Random(number))).encode()
            if outcome(name, document) is None:
                continue
            title = f"App {number}"
            app = here.apps.import_document(document, format=name, title=title).app
            assert here.apps.get(title).fields == app.fields
            stored += 1
    assert stored > 10


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_equal_bytes_give_equal_apps(name: str) -> None:
    """An import is a function of the document."""
    assert IMPORTERS[name].read(DOCUMENTS[name]) == IMPORTERS[name].read(DOCUMENTS[name])


def large(name: str, *, tasks: int, inputs: int) -> bytes:
    """A document with as many tasks, each with as many inputs, all of the same name."""
    given = [{"name": "a"}] * inputs
    if name == "shuffle":
        data: dict[str, Any] = {"name": "x", "actions": [{"name": "t", "parameters": given}] * tasks}
    else:
        data = {"name": "x", "script": {"commands": [{"name": "t", "arguments": given}] * tasks}}
    return json.dumps(data).encode()


@pytest.mark.parametrize("name", sorted(IMPORTERS))
@pytest.mark.parametrize(
    ("tasks", "inputs", "told"),
    [(1, 100_000, "at most 1,000"), (5_001, 0, "at most 5,000")],
)
def test_lists_without_measure_are_refused(name: str, tasks: int, inputs: int, told: str) -> None:
    """The place and the limit are named."""
    with pytest.raises(InvalidDocument) as caught:
        IMPORTERS[name].read(large(name, tasks=tasks, inputs=inputs))
    assert told in str(caught.value)


def test_all_inputs_together_have_a_limit() -> None:
    """A thousand inputs in each of some hundred tasks are too many, though each task is within its bounds."""
    with pytest.raises(InvalidDocument, match="more than 100,000 inputs and outputs"):
        IMPORTERS["xsoar"].read(large("xsoar", tasks=101, inputs=1_000))


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_a_document_that_unfolds_without_measure_is_refused(name: str) -> None:
    """Aliases count as what they stand for."""
    levels = "\n".join(f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
    head = {"shuffle": "actions: []", "xsoar": "script: {}"}[name]
    with pytest.raises(InvalidDocument, match="2,000,000"):
        IMPORTERS[name].read(f"{head}\nk0: &a0 [x]\n{levels}\n".encode())


@pytest.mark.parametrize("name", sorted(IMPORTERS))
def test_a_document_nested_without_measure_is_refused(name: str) -> None:
    """No depth of nesting ends in an error of the interpreter."""
    with pytest.raises(InvalidDocument, match="200 levels"):
        IMPORTERS[name].read(b"actions: " + b"[" * 5_000 + b"]" * 5_000)


def test_a_thousand_inputs_of_one_name_stay_apart() -> None:
    """Each gets a number, in a time that grows with their number and not with its square."""
    found = IMPORTERS["xsoar"].read(large("xsoar", tasks=50, inputs=1_000))
    names = [field.name for field in found.definition.tasks[-1].inputs]
    assert names[:2] == ["a", "a_2"]
    assert len(set(names)) == 1_000
    assert len({task.task_tag for task in found.definition.tasks}) == 50
