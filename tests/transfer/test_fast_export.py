"""Exports take the short way where documents allow it: it leads where the long one leads, past no secret."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_apps import app, exported, ingesting, task

from zona_core import Actor, Field, FieldKind, OutputField, RetryPolicy, Task, TaskDefinition, Zona
from zona_core.domain.references import TaskRef
from zona_core.errors import StoreUnavailable
from zona_core.persistence import notes
from zona_core.persistence.collections import TASKS
from zona_core.persistence.converter import new_converter
from zona_core.persistence.copying import copied, tenant_sides
from zona_core.persistence.database import TenantData
from zona_core.persistence.display import as_data
from zona_core.persistence.notes import CLEAN, is_known_clean, noted
from zona_core.persistence.tenancy import tenant_collection
from zona_core.usecases._changes import portable_name
from zona_core.usecases._portable import is_direct, reference_record, stored_task_record, task_record
from zona_core.usecases._references import TaskName

CONVERTER = new_converter(text_datetimes=True)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
TOKEN = "ghp_" + "a1" * 20
NAMES = {
    1: TaskName("Mine", "one"),
    2: TaskName("Other", "two"),
    3: TaskName("Other", TOKEN),
    4: TaskName("user:pw@host=", "x"),
}
WORDS = st.sampled_from([
    "name", "value", "in", "header", "password", "X-Api-Key", "headers", "auth", "type", "token", "text", "",
    "default", "a=b", "--password=hunter2", "-p", "hunter2", TOKEN, "Bearer abcdefgh12345678", "description", "id",
    "https://u:p@example.com", "{{ instance.api_key }}", "?key=hunter22", "enum", "schema", "properties",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99_999) | st.floats(0, 10) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.builds(
    Field,
    id=st.integers(0, 9),
    name=WORDS,
    label=WORDS,
    kind=st.sampled_from(FieldKind),
    default=VALUES,
    help=WORDS,
    choices=st.lists(VALUES, max_size=2).map(tuple),
    schema=st.none() | st.dictionaries(WORDS, VALUES, max_size=3),
)
REFERENCES = st.builds(TaskRef, task_id=st.sampled_from(list(NAMES))) | st.builds(
    TaskRef, task=st.sampled_from(["one", TOKEN]), app=st.sampled_from(["", "Mine", "Other", "a=b&password=c"])
)
STORED_TASKS = st.builds(
    Task,
    name=WORDS,
    task_tag=st.sampled_from(["lookup", TOKEN]),
    task_handler=st.just("http"),
    description=WORDS,
    inputs=st.lists(FIELDS, max_size=3).map(tuple),
    outputs=st.lists(st.builds(OutputField, name=WORDS, path=WORDS), max_size=2).map(tuple),
    handler_config=st.dictionaries(WORDS, VALUES, max_size=4),
    timeout=st.sampled_from([60.0, 5.0]),
    error_handling=st.sampled_from([RetryPolicy(), RetryPolicy(attempts=3)]),
    execution_order=st.integers(0, 1),
    depends_on=st.lists(REFERENCES, max_size=3).map(tuple),
    ingest_cases=st.booleans(),
    id=st.integers(1, 9),
    integration_id=st.integers(1, 9),
    created_ts=st.just(NOW),
    updated_ts=st.just(NOW),
    revision=st.integers(1, 9),
)


def document_of(stored: Task) -> dict[str, Any]:
    """What a store has of a task."""
    document: dict[str, Any] = CONVERTER.unstructure(stored)
    return document


def needed_by(stored: Task) -> list[dict[str, Any]]:
    """The references of a task as they travel."""
    named = (NAMES.get(each.task_id) or TaskName(each.app, each.task) for each in stored.depends_on)
    return [reference_record(name, "Mine") for name in named]


@settings(max_examples=400)
@given(STORED_TASKS)
def test_the_short_way_leads_where_the_long_one_leads(stored: Task) -> None:
    """From a task's document to the record and the places of its secrets, with a note and without one."""
    told = task_record(stored, lambda reference: portable_name(reference, NAMES, "Mine"))
    assert is_direct(document_of(stored))
    for document in (document_of(stored), noted(document_of(stored))):
        found = stored_task_record(document, needed_by(stored))
        assert found.record == told.record
        assert sorted(found.left_out) == sorted(told.left_out)


@pytest.fixture
def zona() -> Iterator[Zona]:
    """A tenant with an app that has a secret in one of its tasks."""
    with Zona(store="memory://") as made:
        workspace = made.tenant()
        workspace.apps.upsert(
            app("Mine", task("clean"), leaking("dirty"), task("later", "clean"), ingesting("cases", ("clean",)))
        )
        yield made


def data_of(zona: Zona) -> TenantData:
    """What lies below all that notes or shows anything."""
    return zona.tenant().packages._context.data


def leaking(tag: str) -> TaskDefinition:
    """A task with a literal secret."""
    return evolve(task(tag), description=f"Send {TOKEN}.")


def documents(zona: Zona) -> dict[str, dict[str, Any]]:
    """The tasks of the tenant as they are stored, by tag."""
    return {each["task_tag"]: each for each in data_of(zona).tasks.documents({}).items}


def rewritten(zona: Zona, tag: str, **parts: Any) -> None:
    """Changes a stored document behind the back of all that notes anything."""
    tenant_collection(data_of(zona).store, TASKS.spec, "localhost").load([{**documents(zona)[tag], **parts}])


def test_whatever_is_stored_is_noted(zona: Zona) -> None:
    """A task without secrets has a note, one with a secret has none, and each change makes it anew."""
    assert {tag: is_known_clean(each) for tag, each in documents(zona).items()} == {
        "clean": True, "dirty": False, "later": True, "cases": True,
    }  # fmt: skip
    zona.tenant().apps.upsert(app("Mine", leaking("clean"), task("dirty")), app_id=1)
    assert CLEAN not in documents(zona)["clean"]
    assert is_known_clean(documents(zona)["dirty"])


def test_a_change_in_place_takes_the_note_away(zona: Zona) -> None:
    """What alters a stored document without having it as a whole cannot know of all of it."""
    data_of(zona).tasks.modify({"task_tag": "clean"}, handler_config={"password": "hunter2"})
    assert CLEAN not in documents(zona)["clean"]
    assert b"hunter2" not in exported(zona.tenant(), "Mine", format="json")


def test_the_note_is_in_nothing_that_is_given_out(zona: Zona) -> None:
    """No answer, revision, record of the audit trail or package has it, and nobody can send it."""
    workspace = zona.tenant()
    workspace.apps.upsert(app("Mine", evolve(task("clean"), description="anew")), app_id=1)
    told = [
        workspace.tasks.get("Mine", "clean"),
        *data_of(zona).audit.all(),
        *data_of(zona).revisions.all(),
    ]
    package = io.BytesIO()
    workspace.packages.export_apps(None, package, format="json")
    assert CLEAN not in package.getvalue().decode() + repr([as_data(each) for each in told])


def test_newer_rules_look_again(zona: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """A note of other rules counts for nothing: what slipped through these is left out of the next package."""
    workspace, before = zona.tenant(), exported(zona.tenant())
    config = documents(zona)["clean"]["handler_config"]
    rewritten(zona, "clean", handler_config={"password": "hunter2"})
    monkeypatch.setattr(notes, "RULES", notes.RULES + 1)
    package = io.BytesIO()
    report = workspace.packages.export_apps(None, package, format="json")
    assert b"hunter2" not in package.getvalue()
    assert [each.path for each in report.left_out] == [
        "Mine/clean: handler_config.password", "Mine/dirty: description",
    ]  # fmt: skip
    rewritten(zona, "clean", handler_config=config)
    assert exported(workspace) == before


def test_documents_from_before_notes_make_the_same_package(zona: Zona) -> None:
    """The same bytes, and the same that was left out."""
    before, first = io.BytesIO(), io.BytesIO()
    report = zona.tenant().packages.export_apps(None, before)
    for tag in documents(zona):
        rewritten(zona, tag, **{CLEAN: None})
    assert zona.tenant().packages.export_apps(None, first) == report
    assert first.getvalue() == before.getvalue()


def test_a_name_that_looks_secret_is_found_where_it_is_referred_to() -> None:
    """A note tells of the task itself; the names of those that it needs come from elsewhere."""
    with Zona(store="memory://") as zona:
        workspace, named = zona.tenant(), evolve(task("plain"), task_tag=TOKEN)
        workspace.apps.upsert(app("Mine", task("needing", TOKEN), named))
        assert all(map(is_known_clean, documents(zona).values()))
        report = workspace.packages.export_apps(None, io.BytesIO())
        assert [each.path for each in report.left_out] == ["Mine/needing: depends_on[0].task"]


def test_a_copy_in_another_store_is_noted(zona: Zona) -> None:
    """Documents that move are noted where they come to, whatever they said where they were."""
    rewritten(zona, "dirty", **{CLEAN: notes.RULES})
    with Zona(store="memory://") as other:
        data = [data_of(each).store for each in (zona, other)]
        for source, target in tenant_sides(*data, "localhost"):
            copied(source, target)
        assert [is_known_clean(each) for each in documents(other).values()] == [True, False, True, True]


@pytest.mark.parametrize("parts", [{"inputs": ["text"]}, {"inputs": 7}, {"depends_on": [7]}])
def test_a_damaged_document_is_told(zona: Zona, parts: dict[str, Any]) -> None:
    """By its key, whichever way it goes."""
    rewritten(zona, "clean", **parts)
    with pytest.raises(StoreUnavailable, match="cannot be read") as refused:
        exported(zona.tenant())
    assert refused.value.code == "document_damaged"


def test_who_reads_one_app_exports_no_other(zona: Zona) -> None:
    """The short way asks for the same permissions."""
    zona.tenant().apps.upsert(app("Other", task("x")))
    actor = Actor(name="ann", permissions=frozenset({"apps:read@apps/2", "tasks:read@apps/2"}))
    assert zona.tenant(actor=actor).packages.export_apps(None, io.BytesIO()).apps == ("Other",)
