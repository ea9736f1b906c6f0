"""Every use-case is served, and every operation says of itself what is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import attrs
import jsonschema_rs
import msgspec
import pytest
from falcon.testing import TestClient

from zona_core import Zona
from zona_core.domain.identity import ApiKey, Session, SigningKey, User
from zona_core.domain.package_keys import PackageKey
from zona_core.usecases.registry import use_cases
from zona_http import create_app
from zona_http._answers import encoded
from zona_http._schemas import Schemas
from zona_http.app import operations
from zona_http.operation import Access, Operation
from zona_http.routes import operations_of

#: use-cases that no operation serves, with the reason
EXEMPT = {
    "events.ingest": "POST /api/v1/events takes the same as bytes, by events.ingest_stream",
    "events.ingest_files": "files are the client's: it sends them to POST /api/v1/events",
    "fleet.begin": "POST /api/v1/platform/fleet/apply calls fleet.apply, and answers when that has begun",
    "fleet.watch": "goes on for as long as somebody watches: the command line has it",
    "packages.inspect": "a dry run of the import tells more",
    "playbooks.read_document": "a playbook comes as JSON there: this reads files for the command line",
    "policies.read_document": "a policy comes as JSON there: this reads files for the command line",
    "playbooks.start": "POST /api/v1/playbooks/{playbook_id}/runs calls it instead of playbooks.run",
    "runs.start": "POST /api/v1/runs calls it instead of runs.run where the body says not to wait",
    "runs.wait": "the events of a run come by runs.progress, which tells the steps, too",
    "tasks.read_document": "a task comes as JSON there: this reads files for the command line",
    "store.copy": "the service does not run while its store is copied: the command line has it",
    "tenants.migrate": "takes as long as the data needs, and whoever does it watches: the command line has it",
}

OPERATIONS = tuple(operations_of())
SCHEMAS = Schemas(
    dict.fromkeys(operation.body for operation in OPERATIONS if operation.body),
    dict.fromkeys(operation.result for operation in OPERATIONS if operation.result is not None),
)
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, Any]]:
    """The OpenAPI document that is served."""
    with Zona(store="memory://") as zona:
        yield TestClient(create_app(zona)).simulate_get("/openapi.json").json


def plain(value: Any) -> Any:
    """What the encoder makes of an example."""
    return msgspec.json.decode(encoded(value))


def test_every_use_case_is_served_or_exempt() -> None:
    """None is forgotten, and none is exempt that is served or that there is not."""
    served = {operation.use_case for operation in OPERATIONS if operation.use_case}
    assert served <= set(use_cases())
    assert set(use_cases()) - served == set(EXEMPT)
    assert all(EXEMPT.values())


def test_ids_and_places_are_unique() -> None:
    """No operation hides another."""
    ids = [operation.id for operation in OPERATIONS]
    places = [(operation.method, re.sub(r"{\w+}", "{}", operation.path)) for operation in OPERATIONS]
    assert len(ids) == len(set(ids))
    assert len(places) == len(set(places))


def test_what_is_served_is_what_is_declared() -> None:
    """Without plugins these operations are all there are."""
    with Zona(store="memory://") as zona:
        assert [each.id for each in operations(zona)] == [each.id for each in OPERATIONS]


def test_no_name_tells_of_modules_of_the_core(document: dict[str, Any]) -> None:
    """Where the fleet and something else have one word for two things, clients get two short names."""
    names = document["components"]["schemas"]
    assert [name for name in names if name.startswith("zona_core.")] == []
    assert {"Step", "FleetStep"} <= set(names)


@EACH
def test_path_parameters_are_declared(operation: Operation) -> None:
    """Each name in the path is an attribute of the parameters' class."""
    in_path = set(re.findall(r"{(\w+)}", operation.path))
    declared = {item.name for item in attrs.fields(operation.params)} if operation.params else set()
    assert in_path <= declared


@EACH
def test_an_operation_of_the_platform_names_no_tenant(operation: Operation) -> None:
    """At the platform's door no tenant can be named; at a tenant's door one always can."""
    kinds = [kind for kind in (operation.params, operation.body) if kind is not None]
    named = any(item.name == "tenant_code" for kind in kinds for item in attrs.fields(kind))
    if operation.use_case and use_cases()[operation.use_case].door == "tenant":
        assert named
    elif operation.use_case:
        assert operation.path.startswith("/api/v1/platform/")
        assert operation.method == "POST" or not named  # a body's is the tenant that is added


@EACH
def test_examples_are_valid(operation: Operation) -> None:
    """What is shown as an example is what is taken and given."""
    if operation.body is not None:
        assert operation.example is not None or operation.multipart
        if operation.example is not None:
            jsonschema_rs.validate(SCHEMAS.standalone(operation.body), plain(operation.example))
    if operation.result is not None:
        assert operation.answer_example is not None
        jsonschema_rs.validate(SCHEMAS.standalone(operation.result), plain(operation.answer_example))


def test_a_validator_is_given_only_what_its_body_refers_to() -> None:
    """A service has a hundred of them, and each keeps all that it is given in memory."""
    kept = [len(SCHEMAS.standalone(each.body)["components"]["schemas"]) for each in OPERATIONS if each.body]
    assert sum(kept) / len(kept) < len(SCHEMAS.components) / 10


@EACH
def test_refusals_are_documented(operation: Operation, document: dict[str, Any]) -> None:
    """Whoever is not let in is told so in a way that the document knows."""
    described = document["paths"][operation.path][operation.method.lower()]
    assert described["summary"]
    assert str(operation.status) in described["responses"]
    if operation.access is not Access.PUBLIC:
        assert {"401", "403", "429"} <= set(described["responses"])
        assert described["security"]
    if operation.locks:
        assert {"412", "428"} <= set(described["responses"])
        assert "If-Match" in [parameter["name"] for parameter in described["parameters"]]


@EACH
def test_no_answer_shows_how_somebody_is_known(operation: Operation) -> None:
    """Users, keys and sessions are shown by views that have no secrets, not even masked ones."""
    if operation.result is not None:
        names = {kind.__name__ for kind in (User, ApiKey, Session, SigningKey, PackageKey)}
        assert names.isdisjoint(_components(SCHEMAS.of(operation.result), set()))


def _components(schema: Any, seen: set[str]) -> set[str]:
    """The names of all components that a schema refers to, by whatever way."""
    if isinstance(schema, list):
        for part in schema:
            _components(part, seen)
    elif isinstance(schema, dict):
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            _components(SCHEMAS.components[name], seen)
        _components(list(schema.values()), seen)
    return seen
