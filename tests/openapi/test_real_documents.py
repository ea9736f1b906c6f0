"""Documents as they are published, with all their faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from zona_core import FieldKind, InvalidDocument, Zona
from zona_core.ports.importers import ImportedApp
from zona_openapi.importer import OpenApiImporter

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


def documents(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "openapi").glob("*.yaml"))


def test_every_readable_document_becomes_an_app_with_a_task_for_each_operation(
    data_dir: Path, read: Callable[..., ImportedApp]
) -> None:
    """All operations become tasks that the HTTP handler accepts, whatever is wrong around them."""
    seen = 0
    for path in documents(data_dir):
        if path.stem == "aws_network_firewall":
            continue
        data = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        operations = sum(len(METHODS & set(item)) for item in data["paths"].values())
        found = read(path.read_bytes())
        assert len(found.definition.tasks) == operations
        assert found.definition.title == data["info"]["title"]
        seen += 1
    assert seen >= 5


def test_the_same_bytes_give_the_same_app(data_dir: Path) -> None:
    """An import depends on nothing but the document."""
    for path in documents(data_dir)[:6]:
        if path.stem != "aws_network_firewall":
            assert OpenApiImporter().read(path.read_bytes()) == OpenApiImporter().read(path.read_bytes())


def test_another_process_makes_the_same_app(data_dir: Path) -> None:
    """Nothing depends on the order of sets, which differs from process to process."""
    program = (
        "import sys; from zona_openapi.importer import OpenApiImporter;"
        "print([OpenApiImporter().read(open(path, 'rb').read()) for path in sys.argv[1:]])"
    )
    names = ("shodan", "thehive", "recorded_future")
    command = [sys.executable, "-c", program, *(str(data_dir / "openapi" / f"{name}.yaml") for name in names)]
    shown = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True, timeout=120
        ).stdout
        for seed in ("1", "2")
    ]
    assert shown[0] == shown[1]


def test_the_wrong_version_key_is_told(data_dir: Path, read: Callable[..., ImportedApp]) -> None:
    """``swagger: "3.0"`` is read as OpenAPI 3.0, with a warning at its place."""
    found = read((data_dir / "openapi" / "shodan.yaml").read_bytes())
    assert str(found.warnings[0]) == "#/swagger: swagger: 3.0 is read as OpenAPI 3.0 (expected openapi: 3.0.3)"


def test_shodan_is_ready_to_be_connected(data_dir: Path, read: Callable[..., ImportedApp]) -> None:
    """Its key is a secret field, its server the default base URL, the undeclared path parameter an input."""
    app = read((data_dir / "openapi" / "shodan.yaml").read_bytes()).definition
    assert [(field.name, field.kind, field.default) for field in app.fields] == [
        ("api_key", FieldKind.SECRET, None),
        ("base_url", FieldKind.URL, "https://api.shodan.io"),
    ]
    assert app.handler_config["http"]["auth"]["ApiKeyAuth"]["value"] == "{{ instance.api_key }}"
    tasks = {task.task_tag: task for task in app.tasks}
    alert = tasks["get_shodan_alert_id_info"]
    assert [(field.name, field.required) for field in alert.inputs] == [("id", True)]
    assert alert.handler_config["auth"] == [["ApiKeyAuth"], []]


def test_a_generated_body_is_sent_as_its_example_and_header_say(
    data_dir: Path, read: Callable[..., ImportedApp]
) -> None:
    """``in: body`` beside ``content: example`` becomes one JSON input with the parsed example."""
    tasks = {
        task.task_tag: task for task in read((data_dir / "openapi" / "thehive.yaml").read_bytes()).definition.tasks
    }
    create = tasks["post_api_case"]
    assert create.handler_config["body"] == {"type": "json", "content": "{{ input.body }}"}
    assert [(field.name, field.kind, field.example) for field in create.inputs] == [
        ("body", FieldKind.JSON, {"title": "hello"})
    ]


def test_repeated_operation_ids_get_tags_of_their_own(read: Callable[..., ImportedApp]) -> None:
    """The first keeps the operationId, the others are named after method and path, and each is told."""
    same = {"operationId": "Find all", "responses": {}}
    found = read(paths={"/a": {"get": same}, "/b": {"get": same, "post": same}})
    assert [task.task_tag for task in found.definition.tasks] == ["Find_all", "get_b", "post_b"]
    assert [warning.path for warning in found.warnings if "operationId" in warning.path] == [
        "#/paths/~1b/get/operationId",
        "#/paths/~1b/post/operationId",
    ]


def test_what_is_odd_everywhere_hides_nothing(read: Callable[..., ImportedApp]) -> None:
    """The first warning of each sort comes before the second one of any: places and names make no sort of their own."""
    same = {"operationId": "Find all", "responses": {}}
    paths = {f"/a{number}": {"get": same} for number in range(31)}
    paths |= {f"no-slash-{number}": {"get": {"responses": {}}} for number in range(3)}
    found = read(paths=paths).warnings
    places = [warning.path.rpartition("/")[2].rstrip("0123456789") for warning in found]
    assert places == [*["operationId", "no-slash-"] * 3, *["operationId"] * 27]
    assert len({warning.path for warning in found}) == 33


def test_broken_yaml_is_refused_with_line_and_column(data_dir: Path) -> None:
    """What is not YAML is refused in one sentence that says where."""
    path = data_dir / "openapi" / "aws_network_firewall.yaml"
    document = path.read_bytes() if path.exists() else b'swagger: "3.0"\npaths: |x\n  {}\n'
    with pytest.raises(InvalidDocument) as refusal:
        OpenApiImporter().read(document)
    assert refusal.value.message.startswith("The document is not YAML: did not find expected comment or line break")
    assert refusal.value.details["line"] == (21 if path.exists() else 2)
    assert refusal.value.details["column"] >= 6


def test_a_document_is_imported_through_the_library(data_dir: Path) -> None:
    """The format ``openapi`` is at hand in every Zona; the warnings come with the app."""
    with Zona(store="memory://") as zona:
        outcome = zona.tenant().apps.import_document((data_dir / "openapi" / "shodan.yaml").read_bytes())
        assert outcome.tasks_created == 10
        assert outcome.warnings[0].path == "#/swagger"
        again = zona.tenant().apps.import_document(
            (data_dir / "openapi" / "shodan.yaml").read_bytes(), title="Second Shodan"
        )
        assert again.app.title == "Second Shodan"
