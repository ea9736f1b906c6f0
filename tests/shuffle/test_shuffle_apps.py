"""Apps of Shuffle become apps.

Checked against apps of the public repository ``Shuffle/python-apps`` (http 1.4.0, MISP, Azure Sentinel, email 1.3.0,
Active Directory 1.1.0, isMalicious, PassiveTotal, Shuffle Tools 1.2.0, oauth2-example) and the Go types that Shuffle
reads them with. Seen there:

* all values are texts at the end: ``schema.type`` is ``string`` nearly everywhere; ``bool`` stands for time-outs and
  addresses of proxies, too, as their examples show;
* options are bare booleans (``True``, ``false``) or texts (``"true"``);
* an action may lack ``parameters`` or ``returns``;
* no mark says what is secret: examples of asterisks and names such as ``apikey`` and ``password`` do;
* keys run into their values (``multiline true:``), and keys that stand twice (``returns:``);
* descriptions and examples that are empty; ``authentication.type: oauth2`` with addresses for the sign-in;
* files named like an app that hold an OpenAPI document.

``configuration``, ``multiselect`` and ``value`` of a parameter are known from the Go types alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from zona_core import AppStatus, Field, FieldKind, InvalidDocument, TaskDefinition, Zona
from zona_core.ports.importers import ImportedApp
from zona_shuffle.importer import ShuffleImporter

SAMPLE = (Path(__file__).resolve().parent.parent / "data" / "written" / "shuffle" / "northwatch.yaml").read_bytes()


def read(**changes: Any) -> ImportedApp:
    """A small app with ``changes``."""
    data = {"name": "Small", "app_version": "1.0.0", "actions": [{"name": "do"}], **changes}
    return ShuffleImporter().read(yaml.safe_dump(data, allow_unicode=True).encode())


def signing_in(*parameters: dict[str, Any], required: bool = True) -> ImportedApp:
    """An app with these parameters of authentication."""
    return read(authentication={"required": required, "parameters": list(parameters)})


def acting(*parameters: dict[str, Any], **changes: Any) -> ImportedApp:
    """An app whose one action has these parameters."""
    return read(actions=[{"name": "do", "parameters": list(parameters)}], **changes)


def inputs(found: ImportedApp) -> tuple[Field, ...]:
    return task_of(found).inputs


def task_of(found: ImportedApp) -> TaskDefinition:
    return found.definition.tasks[0]


def told(found: ImportedApp) -> dict[str, str]:
    """Warnings by place, without the one that every app has."""
    return {warning.path: warning.message for warning in found.warnings if warning.path != "#/actions"}


def refusal(data: Any) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        ShuffleImporter().read(yaml.safe_dump(data).encode())
    return caught.value


def test_an_app_is_stored_and_its_tasks_are_there() -> None:
    """Fields, drafts and what describes them survive the store; bringing it up to date changes nothing."""
    with Zona(store="memory://") as zona:
        here = zona.tenant()
        outcome = here.apps.import_document(SAMPLE, format="shuffle")
        app = outcome.app
        assert (app.title, app.version, app.category, outcome.tasks_created) == ("Northwatch", "1.1.0", "EDR", 3)
        task = here.tasks.get("Northwatch", "set_password")
        assert (task.name, task.status, task.task_handler) == ("Set a password", AppStatus.DRAFT, "draft")
        assert [field.kind for field in task.inputs] == [FieldKind.SECRET, FieldKind.TEXT]
        again = here.apps.import_document(SAMPLE, format="shuffle", update=True)
        assert (again.created, again.tasks_updated, again.tasks_retired) == (False, 0, ())


def test_an_instance_takes_what_signs_in() -> None:
    """The fields are such that an instance can be made at once."""
    with Zona(store="memory://") as zona:
        here = zona.tenant()
        here.apps.import_document(SAMPLE, format="shuffle", title="Watch")
        values = {"url": "https://console.example.com", "apikey": "s3cret", "use_tls": True}
        assert here.instances.add("Watch", title="main", values=values).values["use_tls"] is True


def test_what_has_no_place_is_told_with_its_place() -> None:
    """Each warning names what was left out or repaired."""
    assert told(ShuffleImporter().read(SAMPLE)) == {
        "#/actions/0/parameters/0": "no input is made of it: a field of the instance has that name",
        "#/actions/0/parameters/5/schema": "the example is no boolean; the value is taken as text",
        "#/actions/1/parameters/0/value": "a secret has no default; it is left out",
        "#/actions/2/parameters/0/multiline true": "the key 'multiline true' is not known; it is left out",
        "#/actions/2/returns": "the key stands twice (line 115); the last one counts",
        "#/authentication/parameters/2/name": "nothing says whether 'access' is secret; it is taken for a secret",
        "#/large_image": "the logo is left out",
    }


def test_the_code_is_told_to_be_left_out() -> None:
    """Nobody should take a draft for a task that works."""
    assert [warning.message for warning in read().warnings] == [
        "the code is not taken over: each task is a draft until its work is described"
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("apikey", FieldKind.SECRET),
        ("api_key", FieldKind.SECRET),
        ("apiKey", FieldKind.SECRET),
        ("password", FieldKind.SECRET),
        ("client_secret", FieldKind.SECRET),
        ("access_token", FieldKind.SECRET),
        ("user_password", FieldKind.SECRET),
        ("access_key", FieldKind.SECRET),
        ("whatever", FieldKind.SECRET),
        ("url", FieldKind.TEXT),
        ("token_url", FieldKind.TEXT),
        ("username", FieldKind.TEXT),
        ("login_user", FieldKind.TEXT),
        ("client_id", FieldKind.TEXT),
        ("base_dn", FieldKind.TEXT),
        ("region", FieldKind.TEXT),
    ],
)
def test_what_signs_in_is_secret_unless_its_name_says_otherwise(name: str, kind: FieldKind) -> None:
    """A setting that is hidden for nothing harms less than a key that is shown."""
    found = signing_in({"name": name, "example": "x", "value": "canary-3b1", "schema": {"type": "string"}})
    (field,) = found.definition.fields
    assert field.kind is kind
    if kind is FieldKind.SECRET:
        assert (field.default, field.example) == (None, None)
        assert "canary-3b1" not in repr(found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("password", FieldKind.SECRET),
        ("new_password", FieldKind.SECRET),
        ("newPassword", FieldKind.SECRET),
        ("apikey", FieldKind.SECRET),
        ("next_token", FieldKind.TEXT),
        ("key", FieldKind.TEXT),
        ("whatever", FieldKind.TEXT),
    ],
)
def test_inputs_are_secret_if_their_names_say_so(name: str, kind: FieldKind) -> None:
    """Where nothing says so, they are not."""
    assert inputs(acting({"name": name}))[0].kind is kind


@pytest.mark.parametrize(
    ("entry", "kind", "default", "example"),
    [
        ({"schema": {"type": "string"}, "value": "a", "example": "b"}, FieldKind.TEXT, "a", "b"),
        ({"schema": {"type": "int"}, "value": "5", "example": 7}, FieldKind.NUMBER, 5, 7),
        ({"schema": {"type": "bool"}, "example": "false"}, FieldKind.BOOLEAN, None, False),
        ({"schema": {"type": "bool"}, "example": "10"}, FieldKind.TEXT, None, "10"),
        ({"schema": {"type": "string"}, "options": [True, False], "value": "true"}, FieldKind.BOOLEAN, True, None),
        ({"options": ["a", "b"], "value": "B", "example": "a"}, FieldKind.CHOICE, "b", "a"),
        ({"options": ["a", "b"], "multiselect": True, "value": "a,b"}, FieldKind.LIST, ["a", "b"], None),
        ({"schema": {"type": "dict"}, "example": {"a": 1}}, FieldKind.JSON, None, {"a": 1}),
        ({"schema": {"type": "list"}, "value": "a, b"}, FieldKind.LIST, ["a", "b"], None),
        ({"schema": "string", "example": "*****"}, FieldKind.TEXT, None, None),
        ({"example": 2**70}, FieldKind.TEXT, None, str(float(2**70))),
        ({"schema": {"type": "dict"}, "example": [2**63]}, FieldKind.JSON, None, None),
        ({}, FieldKind.TEXT, None, None),
    ],
)
def test_parameters_become_inputs(entry: dict[str, Any], kind: FieldKind, default: Any, example: Any) -> None:
    """Kinds from the schema and the options; defaults and examples where they are of that kind."""
    (field,) = inputs(acting({"name": "p", **entry}))
    assert (field.kind, field.default, field.example) == (kind, default, example)


@pytest.mark.parametrize(
    ("entry", "key", "message"),
    [
        ({"schema": {"type": "blob"}}, "schema", "is not known"),
        ({"schema": 5}, "schema", "a number stands here"),
        ({"options": "a"}, "options", "no list"),
        ({"options": ["a"], "value": "z"}, "value", "does not fit choice"),
        ({"required": "yes"}, "required", "not a boolean"),
        ({"colour": "red"}, "colour", "is not known"),
        ({"description": {"a": 1}}, "description", "a mapping stands here"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_warning(entry: dict[str, Any], key: str, message: str) -> None:
    """The parameter itself is kept."""
    found = acting({"name": "p", **entry})
    assert message in told(found)[f"#/actions/0/parameters/0/{key}"]
    assert len(inputs(found)) == 1


def test_parameters_that_sign_in_are_no_inputs() -> None:
    """Those of the same name as one of the authentication, and those marked as configuration."""
    found = acting(
        {"name": "apikey", "required": True},
        {"name": "server", "configuration": True, "required": True},
        {"name": "host"},
        authentication={"required": True, "parameters": [{"name": "apikey", "required": True}]},
    )
    assert [field.name for field in inputs(found)] == ["host"]
    assert [field.name for field in found.definition.fields] == ["apikey", "server"]


@pytest.mark.parametrize(("required", "wanted"), [(True, True), (False, False)])
def test_nothing_is_required_where_signing_in_is_not(required: bool, wanted: bool) -> None:
    """``authentication.required`` is about all of its parameters."""
    assert signing_in({"name": "apikey", "required": True}, required=required).definition.fields[0].required is wanted


def test_the_sign_in_by_oauth2_is_kept_as_metadata() -> None:
    """Its addresses and scopes, with a warning that the sign-in itself is left out."""
    authentication = {"type": "oauth2", "token_uri": "https://login.example.com/token", "scope": ["read"]}
    found = read(authentication=authentication)
    assert found.definition.metadata["authentication"] == authentication
    assert "OAuth 2.0" in told(found)["#/authentication/type"]


def test_what_an_action_gives_is_one_output() -> None:
    """Its example is kept with the draft, for whoever describes the work."""
    returns = {"schema": {"type": "string"}, "example": '{"success": true}', "description": "All."}
    task = task_of(read(actions=[{"name": "do", "returns": returns, "auth_not_required": True}]))
    (output,) = task.outputs
    assert (output.name, output.kind, output.path, output.help) == ("result", FieldKind.JSON, "", "All.")
    assert task.handler_config == {"action": "do", "auth_not_required": True, "example": '{"success": true}'}


@pytest.mark.parametrize("returns", [None, {}, {"schema": None}, {"example": 5}, "text"])
def test_an_action_need_not_say_what_it_gives(returns: Any) -> None:
    """There is an output all the same."""
    assert [output.name for output in task_of(read(actions=[{"name": "do", "returns": returns}])).outputs] == ["result"]


def test_actions_and_parameters_of_one_name_stay_apart() -> None:
    """Actions are kept both; of parameters the first counts, as code knows them by their names alone."""
    found = read(
        actions=[{"name": "do", "parameters": [{"name": "a"}, {"name": "a"}, {"name": "a-b"}, {"name": "a_b"}]}] * 2
    )
    assert [task.task_tag for task in found.definition.tasks] == ["do", "do_2"]
    assert [field.name for field in inputs(found)] == ["a", "a_b", "a_b_2"]
    assert {"#/actions/0/parameters/1/name", "#/actions/1/name"} <= set(told(found))


def test_actions_that_send_requests_are_drafts_as_well() -> None:
    """The handler ``http`` takes no host from an input, and headers in lines of text are none of its."""
    entries = [{"name": "url", "required": True}, {"name": "headers", "multiline": True}, {"name": "body"}]
    found = read(
        name="http", actions=[{"name": "GET", "parameters": entries[:2]}, {"name": "POST", "parameters": entries}]
    )
    assert {(task.task_handler, task.status) for task in found.definition.tasks} == {("draft", AppStatus.DRAFT)}


def test_what_belongs_nowhere_else_is_kept_as_metadata() -> None:
    """Where the app came from and who made it."""
    metadata = ShuffleImporter().read(SAMPLE).definition.metadata
    assert metadata == {
        "imported_from": "Shuffle app",
        "categories": ["EDR", "Endpoint"],
        "tags": ["EDR"],
        "environment": "onprem",
        "contact_name": "@northwatch",
        "contact_url": "https://example.com/northwatch",
        "contact_email": "apps@example.com",
    }


def test_every_problem_is_told_at_once() -> None:
    """Whatever stands where a list or mapping must, and names that are missing."""
    error = refusal(
        {
            "authentication": {"parameters": {}},
            "actions": [{"parameters": [{}, 5]}, "x", {"name": "do", "parameters": "y"}],
        }
    )
    assert sorted(fault.path for fault in error.faults) == [
        "#/actions/0/name",
        "#/actions/0/parameters/0/name",
        "#/actions/0/parameters/1",
        "#/actions/1",
        "#/actions/2/parameters",
        "#/authentication/parameters",
        "#/name",
    ]


@pytest.mark.parametrize("actions", [None, [], {}, "x"])
def test_an_app_without_actions_is_refused(actions: Any) -> None:
    """There is nothing to make a task of."""
    assert refusal({"name": "x", "actions": actions}).faults[0].path == "#/actions"


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        ({"openapi": "3.0.0", "info": {"title": "x"}, "paths": {}}, "OpenAPI", "openapi"),
        ({"commonfields": {"id": "x"}, "script": {}}, "XSOAR", "xsoar"),
        ({"name": "x", "actions": [], "branches": [], "start": "1"}, "workflow", ""),
        ({"name": "x"}, "no actions", ""),
    ],
)
def test_documents_of_other_formats_are_told_apart(data: Any, what: str, hint: str) -> None:
    """The error says what the document is, and who reads it if anybody does."""
    error = refusal(data)
    assert what in error.message
    assert hint in error.hint
