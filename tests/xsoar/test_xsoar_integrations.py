"""Integrations of Cortex XSOAR become apps.

Checked against integrations of the public repository ``demisto/content`` (HelloWorld, VirusTotal v3, Slack v3, AMP
with its code, ANY.RUN TI Feed, DNS) and the templates and the schema of ``demisto-sdk`` 1.39. Seen there:

* booleans and numbers are written as texts (``defaultvalue: 'true'``, ``defaultValue: "53"``) as well as bare;
* ``default: true`` of an argument marks the one that may be given without a name, several at times; its value is in
  ``defaultValue``;
* type 9 stands for a user and a password; ``hiddenusername`` with ``displaypassword`` makes a lone key of it, whose
  ``display`` is empty or absent;
* ``hidden`` is a boolean, or (by the schema) a list of products in which the parameter is not shown;
* ``KEY:xsoar``, ``KEY:marketplacev2`` and ``KEY_x2`` are variants of a key for one product;
* options may be the bare word ``None``; a default may be a date;
* ``display: ''`` stands for parameters whose label the product makes (types 1 and 17);
* commands without ``arguments`` or ``outputs``, outputs without ``type``, types in either case;
* integrations with ``feed: true`` and no commands at all; ``script`` is the code, ``-`` or empty.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml

from zona_core import AppStatus, Field, FieldKind, InvalidDocument, TaskDefinition, Zona
from zona_core.ports.importers import ImportedApp
from zona_xsoar.importer import XsoarImporter

SAMPLE = (Path(__file__).resolve().parent.parent / "data" / "written" / "xsoar" / "northwatch.yml").read_bytes()


def read(**changes: Any) -> ImportedApp:
    """A small integration with ``changes``."""
    data = {"name": "Small", "script": {"commands": [{"name": "small-do", "description": "Does."}]}, **changes}
    return XsoarImporter().read(yaml.safe_dump(data, allow_unicode=True).encode())


def argument(**entry: Any) -> Field:
    """The one input of an argument."""
    return task_of(read(script={"commands": [{"name": "c", "arguments": [{"name": "a", **entry}]}]})).inputs[0]


def output(**entry: Any) -> Any:
    """The outputs of one entry."""
    return task_of(read(script={"commands": [{"name": "c", "outputs": [entry]}]})).outputs


def task_of(found: ImportedApp) -> TaskDefinition:
    return found.definition.tasks[0]


def told(found: ImportedApp) -> dict[str, str]:
    """Warnings by place, without the one that every integration has."""
    return {warning.path: warning.message for warning in found.warnings if warning.path != "#/script/script"}


def refusal(data: Any) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        XsoarImporter().read(yaml.safe_dump(data).encode())
    return caught.value


def test_an_integration_is_stored_and_its_tasks_are_there() -> None:
    """Fields, drafts and what describes them survive the store; bringing it up to date changes nothing."""
    with Zona(store="memory://") as zona:
        here = zona.tenant()
        outcome = here.apps.import_document(SAMPLE, format="xsoar")
        assert (outcome.app.title, outcome.app.category, outcome.tasks_created) == ("Northwatch v2", "Endpoint", 4)
        task = here.tasks.get("Northwatch v2", "northwatch-host-isolate")
        assert (task.status, task.task_handler, task.timeout) == (AppStatus.DRAFT, "draft", 300)
        assert [field.kind for field in task.inputs] == [FieldKind.TEXT, FieldKind.SECRET]
        again = here.apps.import_document(SAMPLE, format="xsoar", update=True)
        assert (again.created, again.tasks_updated, again.tasks_retired) == (False, 0, ())


def test_an_instance_takes_the_parameters() -> None:
    """The fields are such that an instance can be made at once."""
    with Zona(store="memory://") as zona:
        here = zona.tenant()
        here.apps.import_document(SAMPLE, format="xsoar", title="Watch")
        values = {"credentials_identifier": "ann", "credentials_password": "s3cret"}
        instance = here.instances.add("Watch", title="main", values=values)
        assert instance.values["min_severity"] == "Medium"


def test_what_has_no_place_is_told_with_its_place() -> None:
    """Each warning names what was left out or repaired."""
    assert told(XsoarImporter().read(SAMPLE)) == {
        "#/configuration/3": "the parameter is hidden; it is left out",
        "#/configuration/4/defaultvalue": "a secret has no default; it is left out",
        "#/configuration/9/defaultvalue": "the default is taken as 'Medium'",
        "#/image": "the logo is left out",
        "#/script/commands/1/outputs/0/contextPath": "what selects among several values is left out of the path",
        "#/script/ismappable": "mirroring of incidents is left out",
    }


def test_the_code_is_told_to_be_left_out() -> None:
    """Nobody should take a draft for a task that works."""
    assert [warning.message for warning in read().warnings] == [
        "the code is not taken over: each task is a draft until its work is described"
    ]


@pytest.mark.parametrize(
    ("entry", "kind", "default"),
    [
        ({"type": 0, "defaultvalue": "a"}, FieldKind.TEXT, "a"),
        ({"type": 0, "defaultvalue": 10}, FieldKind.TEXT, "10"),
        ({"type": 0, "defaultvalue": ""}, FieldKind.TEXT, None),
        ({"type": "0", "defaultvalue": "a"}, FieldKind.TEXT, "a"),
        ({"type": 1, "defaultvalue": "5"}, FieldKind.NUMBER, 5),
        ({"type": 4, "defaultvalue": ""}, FieldKind.SECRET, None),
        ({"type": 8, "defaultvalue": "true"}, FieldKind.BOOLEAN, True),
        ({"type": 8, "defaultvalue": False}, FieldKind.BOOLEAN, False),
        ({"type": 12}, FieldKind.TEXT, None),
        ({"type": 13, "defaultvalue": "Unclassified"}, FieldKind.TEXT, "Unclassified"),
        ({"type": 14}, FieldKind.SECRET, None),
        ({"type": 15, "options": ["a", "b"], "defaultvalue": "b"}, FieldKind.CHOICE, "b"),
        ({"type": 15, "options": ["true", "false"], "defaultvalue": "true"}, FieldKind.BOOLEAN, True),
        ({"type": 16, "options": ["a", "b"], "defaultvalue": "a, b"}, FieldKind.LIST, ["a", "b"]),
        ({"type": 16, "options": ["a", "b"], "defaultvalue": ["b"]}, FieldKind.LIST, ["b"]),
        ({"type": 17, "options": ["never", "interval"], "defaultvalue": "never"}, FieldKind.CHOICE, "never"),
        ({"type": 18, "options": ["None", "Bad"], "defaultvalue": "Bad"}, FieldKind.CHOICE, "Bad"),
        ({"type": 19, "defaultvalue": "120"}, FieldKind.NUMBER, 120),
        ({"type": 21, "defaultvalue": "3"}, FieldKind.TEXT, "3"),
    ],
)
def test_types_of_parameters_become_kinds(entry: dict[str, Any], kind: FieldKind, default: Any) -> None:
    """With defaults of the field's kind, however they are written; an empty text is none."""
    found = read(configuration=[{"name": "p", **entry}])
    field = found.definition.fields[0]
    assert (field.kind, field.default) == (kind, default)
    assert type(field.default) is type(default)
    assert told(found) == {}


@pytest.mark.parametrize(
    ("entry", "key", "message"),
    [
        ({"type": 8, "defaultvalue": "perhaps"}, "defaultvalue", "does not fit boolean"),
        ({"type": 1, "defaultvalue": "soon"}, "defaultvalue", "does not fit number"),
        ({"type": 0, "defaultvalue": {"a": 1}}, "defaultvalue", "does not fit text"),
        ({"type": 15, "options": ["a"], "defaultvalue": "z"}, "defaultvalue", "does not fit choice"),
        ({"type": 16, "options": ["a"], "defaultvalue": "a,z"}, "defaultvalue", "does not fit list"),
        ({"type": 15}, "options", "no options"),
        ({"type": 15, "options": "a"}, "options", "no list"),
        ({"type": 15, "options": ["a", "", {}]}, "options", "left out"),
        ({"type": 99}, "type", "not known"),
        ({"type": None}, "type", "not known"),
        ({"type": 0, "required": "perhaps"}, "required", "not a boolean"),
        ({"type": 0, "display": ["x"]}, "display", "a list stands here"),
        ({"type": 0, "colour": "red"}, "colour", "is not known"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_warning(entry: dict[str, Any], key: str, message: str) -> None:
    """The parameter itself is kept."""
    found = read(configuration=[{"name": "p", **entry}])
    assert message in told(found)[f"#/configuration/0/{key}"]
    assert len(found.definition.fields) == 1


def test_a_secret_never_has_a_default() -> None:
    """Neither in the field nor in what is told of it."""
    found = read(configuration=[{"name": "p", "type": 4, "defaultvalue": "canary-91f"}])
    assert found.definition.fields[0].default is None
    assert "canary-91f" not in repr(found)


@pytest.mark.parametrize(
    ("entry", "names", "labels"),
    [
        ({"display": "User"}, ["p_identifier", "p_password"], ["User", "Password"]),
        ({"display": "User", "displaypassword": "Key"}, ["p_identifier", "p_password"], ["User", "Key"]),
        ({"display": "", "displaypassword": "Key", "hiddenusername": True}, ["p_password"], ["Key"]),
        ({"display": "Key", "hiddenusername": True}, ["p_password"], ["Key"]),
        ({"display": "User", "hiddenpassword": True}, ["p_identifier"], ["User"]),
        ({"display": "User", "hiddenpassword": True, "hiddenusername": True}, [], []),
    ],
)
def test_credentials_become_a_user_and_a_secret(entry: dict[str, Any], names: list[str], labels: list[str]) -> None:
    """Two fields, or one where the other half is hidden."""
    fields = read(configuration=[{"name": "p", "type": 9, "required": True, **entry}]).definition.fields
    assert [field.name for field in fields] == names
    assert [field.label for field in fields] == labels
    assert all(field.required for field in fields)
    assert {field.name: field.kind for field in fields}.get("p_password", FieldKind.SECRET) is FieldKind.SECRET


@pytest.mark.parametrize(
    ("hidden", "kept"), [(True, False), (False, True), (["marketplacev2"], True), (["xsoar", "marketplacev2"], False)]
)
def test_hidden_parameters_are_left_out(hidden: Any, kept: bool) -> None:
    """Those hidden in XSOAR: other products do not count."""
    assert bool(read(configuration=[{"name": "p", "type": 0, "hidden": hidden}]).definition.fields) is kept


@pytest.mark.parametrize("kind", [11, 20, 22, 23])
def test_parameters_that_hold_no_value_are_left_out(kind: int) -> None:
    """Links, headings and places in a form."""
    found = read(configuration=[{"name": "p", "type": kind}])
    assert found.definition.fields == ()
    assert "no value" in told(found)["#/configuration/0"]


def test_the_variant_for_xsoar_counts() -> None:
    """Those for its sister products do not, and nothing is said of them."""
    entry = {"name": "p", "type": 0, "defaultvalue": "a", "defaultvalue:xsoar": "b", "defaultvalue:marketplacev2": "c"}
    found = read(configuration=[{**entry, "hidden_x2": True}])
    assert (found.definition.fields[0].default, told(found)) == ("b", {})


@pytest.mark.parametrize(
    ("entry", "kind", "default"),
    [
        ({}, FieldKind.TEXT, None),
        ({"defaultValue": 65}, FieldKind.TEXT, "65"),
        ({"defaultValue": False}, FieldKind.TEXT, "false"),
        ({"default": True}, FieldKind.TEXT, None),
        ({"isArray": True, "defaultValue": "a, b"}, FieldKind.LIST, ["a", "b"]),
        ({"isArray": True, "defaultValue": '["a", 1]'}, FieldKind.LIST, ["a", "1"]),
        ({"predefined": ["a", "b", "a"], "defaultValue": "a"}, FieldKind.CHOICE, "a"),
        ({"predefined": ["true", "false"], "defaultValue": "true"}, FieldKind.BOOLEAN, True),
        ({"predefined": [True, False]}, FieldKind.BOOLEAN, None),
        ({"predefined": ["True", "False"], "defaultValue": "False"}, FieldKind.BOOLEAN, False),
        ({"predefined": ["a", "b"], "isArray": True, "defaultValue": "b"}, FieldKind.LIST, ["b"]),
        ({"predefined": [1, 2], "defaultValue": 2}, FieldKind.CHOICE, "2"),
        ({"secret": True}, FieldKind.SECRET, None),
        ({"type": "Boolean", "defaultValue": "true"}, FieldKind.BOOLEAN, True),
        ({"type": "number", "defaultValue": "5"}, FieldKind.NUMBER, 5),
    ],
)
def test_arguments_become_inputs(entry: dict[str, Any], kind: FieldKind, default: Any) -> None:
    """Choices from ``predefined``, lists from ``isArray``, secrets from ``secret``; texts else, as XSOAR hands them."""
    field = argument(**entry)
    assert (field.kind, field.default) == (kind, default)


def test_the_options_of_a_list_are_kept_in_its_schema() -> None:
    """A list has no choices: what its items may be is told there."""
    assert argument(isArray=True, predefined=["a", "b"]).schema == {
        "type": "array",
        "items": {"type": "string", "enum": ["a", "b"]},
    }


def test_names_become_identifiers_and_stay_apart() -> None:
    """The label tells what an input is called in XSOAR."""
    entries = [{"name": "user-id"}, {"name": "user_id"}, {"name": "user-id"}, {"name": "7z"}, {"name": "ü"}]
    fields = task_of(read(script={"commands": [{"name": "c", "arguments": entries}]})).inputs
    assert [field.name for field in fields] == ["user_id", "user_id_2", "user_id_3", "_7z", "value"]
    assert [field.label for field in fields] == ["user-id", "user_id", "user-id", "7z", "ü"]


def test_what_a_command_is_stands_with_its_draft() -> None:
    """For whoever describes the work: the command, its marks, and the argument that goes without a name."""
    command = {
        "name": "x-y",
        "prettyname": "X of y",
        "deprecated": True,
        "execution": "true",
        "polling": False,
        "arguments": [{"name": "a-b", "default": True}, {"name": "c", "default": True}],
    }
    task = task_of(read(script={"commands": [command]}))
    assert (task.name, task.task_tag) == ("X of y", "x-y")
    told_of = {"command": "x-y", "deprecated": True, "execution": True, "default_argument": "a_b"}
    assert task.handler_config == told_of


@pytest.mark.parametrize(("timeout", "seconds"), [(300, 300), (None, 60), ("soon", 60), (0, 60), (10**9, 60)])
def test_a_timeout_is_taken_where_it_is_one(timeout: Any, seconds: float) -> None:
    """In seconds, at most a day."""
    found = read(script={"commands": [{"name": "c", "timeout": timeout}]})
    assert task_of(found).timeout == seconds
    assert ("#/script/commands/0/timeout" in told(found)) is (seconds == 60 and timeout is not None)


def test_commands_of_one_name_stay_apart() -> None:
    """Both are kept, with a warning."""
    found = read(script={"commands": [{"name": "c"}, {"name": "c"}]})
    assert [task.task_tag for task in found.definition.tasks] == ["c", "c_2"]
    assert "#/script/commands/1/name" in told(found)


@pytest.mark.parametrize(
    ("flag", "tag", "ingests"),
    [
        ("isfetch", "fetch-incidents", True),
        ("isfetchevents", "fetch-events", False),
        ("isfetchassets", "fetch-assets", False),
        ("feed", "fetch-indicators", False),
        ("longRunning", "long-running-execution", False),
    ],
)
def test_fetches_become_drafts(flag: str, tag: str, ingests: bool) -> None:
    """XSOAR calls them by names of its own; incidents become cases."""
    task = task_of(read(script={flag: True}))
    assert (task.task_tag, task.status, task.ingest_cases) == (tag, AppStatus.DRAFT, ingests)
    assert bool(task.case_ingestion_config) is ingests


def test_a_fetch_that_is_a_command_already_is_not_added_again() -> None:
    """The command itself ingests cases."""
    found = read(script={"isfetch": True, "commands": [{"name": "fetch-incidents", "description": "Own words."}]})
    (task,) = found.definition.tasks
    assert (task.description, task.ingest_cases) == ("Own words.", True)


@pytest.mark.parametrize(
    ("context_path", "name", "path"),
    [
        ("hello", "hello", "hello"),
        ("IP.Address", "IP_Address", "IP.Address"),
        ("A.risk-score", "A_risk_score", 'A."risk-score"'),
        ("A.b c.1d", "A_b_c_1d", 'A."b c"."1d"'),
        ("A.items[0].x", "A_items_0_x", "A.items[0].x"),
        ("File(val.MD5 == obj.MD5).Name", "File_Name", "File.Name"),
        ("F(val.a && (val.b == obj.b)).c", "F_c", "F.c"),
        ("A..b.", "A_b", "A.b"),
        ("A(b", "A_b", ""),
        ("A.[x]", "A_x", ""),
        ("...", "output", ""),
    ],
)
def test_context_paths_become_names_and_expressions(context_path: str, name: str, path: str) -> None:
    """What is not understood has an empty path; the path as it stands is the label."""
    (found,) = output(contextPath=context_path, description="It.", type="String")
    assert (found.name, found.path, found.label, found.kind) == (name, path, context_path, FieldKind.TEXT)
    if path:
        jmespath.compile(path)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("String", FieldKind.TEXT),
        ("string", FieldKind.TEXT),
        ("Number", FieldKind.NUMBER),
        ("Boolean", FieldKind.BOOLEAN),
        ("Date", FieldKind.TEXT),
        ("Unknown", FieldKind.JSON),
        (None, FieldKind.JSON),
        ("Unkown", FieldKind.JSON),
    ],
)
def test_types_of_outputs_become_kinds(kind: Any, wanted: FieldKind) -> None:
    """In either case; anything may stand where the type is not known."""
    assert output(contextPath="a", type=kind)[0].kind is wanted


def test_outputs_that_cannot_be_told_apart_or_lead_nowhere_are_left_out() -> None:
    """Each with a warning; ``contentPath`` is read where there is no ``contextPath``."""
    entries = [{"contextPath": "a"}, {"contextPath": "a"}, {"description": "No path."}, {"contentPath": "b"}]
    found = read(script={"commands": [{"name": "c", "outputs": entries}]})
    assert [each.name for each in task_of(found).outputs] == ["a", "b"]
    assert set(told(found)) == {
        "#/script/commands/0/outputs/1/contextPath",
        "#/script/commands/0/outputs/2/contextPath",
    }


def test_what_belongs_nowhere_else_is_kept_as_metadata() -> None:
    """Where the app came from, and what ran it there."""
    metadata = XsoarImporter().read(SAMPLE).definition.metadata
    assert metadata["imported_from"] == "Cortex XSOAR integration"
    assert (metadata["language"], metadata["docker_image"]) == ("python3", "demisto/python3:3.11.10.113941")
    assert (metadata["from_version"], metadata["provider"]) == ("6.10.0", "Northwatch")
    assert metadata["detailed_description"].startswith("### How to connect\n")


def test_every_problem_is_told_at_once() -> None:
    """Whatever stands where a list or mapping must, and names that are missing."""
    error = refusal(
        {
            "configuration": [{"type": 0}, 5],
            "script": {"commands": [{"arguments": {}}, "x", {"name": "c", "arguments": [{}], "outputs": "y"}]},
        }
    )
    assert sorted(fault.path for fault in error.faults) == [
        "#/configuration/0/name",
        "#/configuration/1",
        "#/display",
        "#/script/commands/0/name",
        "#/script/commands/1",
        "#/script/commands/2/arguments/0/name",
        "#/script/commands/2/outputs",
    ]


@pytest.mark.parametrize("script", [None, 5, {}, {"commands": []}, {"commands": None, "isfetch": False}])
def test_an_integration_with_nothing_to_do_is_refused(script: Any) -> None:
    """There is nothing to make a task of."""
    assert refusal({"name": "x", "configuration": [], "script": script}).faults[0].path.startswith("#/script")


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        ({"openapi": "3.0.0", "paths": {}}, "OpenAPI", "openapi"),
        ({"app_version": "1", "name": "x", "actions": []}, "Shuffle", "shuffle"),
        ({"id": "x", "starttaskid": "0", "tasks": {}}, "playbook", ""),
        ({"commonfields": {}, "script": "-", "args": []}, "automation script", ""),
        ({"fromversion": "6", "rules": ""}, "something else", ""),
    ],
)
def test_documents_of_other_formats_are_told_apart(data: Any, what: str, hint: str) -> None:
    """The error says what the document is, and who reads it if anybody does."""
    error = refusal(data)
    assert what in error.message
    assert hint in error.hint
