"""Canary secrets, set wherever a secret can be set, are in no package, in no form and no encoding (SPEC §4.2, §5)."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from sample_apps import app as sample
from sample_apps import ingesting, task

from zona_core import AppDefinition, Field, FieldKind, Secret, TaskDefinition, Zona, as_data
from zona_core.domain.playbooks import Approval, PlaybookDefinition, Step, StepTask
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.domain.services import ServiceDefinition
from zona_core.ports.packages import PackageLimits
from zona_packages._zstd import decompressed

#: where a canary is → the canary, which no other text holds
SECRETS: dict[str, str] = {}
FORMS = ("zona", "json", "folder")


def canary(place: str) -> str:
    """A secret of its own for each place."""
    return SECRETS.setdefault(place, f"cnry{len(SECRETS):02}x{place.encode().hex()[:6]}q7")


def spellings(text: str) -> list[bytes]:
    """How a secret could be written."""
    data = text.encode()
    # base64 of a text within another begins at one of three places
    encoded = [base64.b64encode(bytes(shift) + data)[4:-4] for shift in range(3)]
    return [data, *encoded, quote(text).encode(), data.hex().encode(), data[::-1]]


def connection() -> dict[str, Any]:
    """The app's part of the HTTP handler with a literal secret wherever one could be."""
    return {
        "base_url": f"https://user:{canary('url')}@api.example.com",
        "headers": {
            "X-Api-Key": canary("header"),
            "Authorization": f"Token {canary('authorization')}",
            "Cookie": f"session={canary('cookie')}",
            "X-Vendor": f"Bearer {canary('shape')}",
        },
        "auth": {
            "basic": {"type": "basic", "username": "{{ instance.user }}", "password": canary("basic")},
            "bearer": {"type": "bearer", "token": canary("bearer")},
            "key": {"type": "api_key", "in": "query", "name": "k", "value": canary("api_key")},
            "oauth": {
                "type": "oauth2_client_credentials",
                "token_url": f"https://auth.example.com/token?client_secret={canary('token_url')}",
                "client_id": "zona",
                "client_secret": canary("oauth"),
            },
            "literal": {"type": "bearer", "token": f"{{{{ '{canary('in_a_template')}' }}}}"},
        },
    }


def tasks() -> Iterator[TaskDefinition]:
    """Tasks with literal secrets in all that they have."""
    yield evolve(
        task("request"),
        handler_config={
            "method": "POST",
            "path": "/things",
            "parameters": [
                {"in": "header", "name": "X-Token", "value": canary("parameter")},
                {"in": "cookie", "name": "session_token", "value": canary("cookie_parameter")},
            ],
            "body": {"type": "json", "content": {"login": {"password": canary("body")}}},
        },
        inputs=(
            Field(name="password", default=canary("default"), example=canary("example")),
            Field(
                name="token",
                schema={
                    "type": "string",
                    "default": canary("schema"),
                    "examples": [canary("schema_example")],
                    "anyOf": [{"type": "string", "const": canary("alternative")}],
                },
            ),
            Field(
                name="settings",
                kind=FieldKind.JSON,
                default={"nested": [{"client_secret": canary("nested")}]},
                schema={"type": "object", "properties": {"passwd": {"type": "string", "example": canary("property")}}},
            ),
            Field(name="tokens", kind=FieldKind.LIST, item_kind=FieldKind.TEXT, default=[canary("list")]),
        ),
    )
    ingest = ingesting("cases", ("request",))
    config = ingest.case_ingestion_config
    assert config is not None
    yield evolve(
        ingest,
        case_ingestion_config=evolve(
            config,
            dependent_tasks=tuple(
                evolve(each, inputs={"password": canary("dependent"), "id": "{{ input.id }}"})
                for each in config.dependent_tasks
            ),
            filters={"api_key": canary("filter")},
            schedule={"webhook": f"https://hook:{canary('webhook')}@example.com/x"},
            escalation={"auth": {"token": canary("escalation")}},
        ),
    )


def playbook() -> PlaybookDefinition:
    """A playbook of that app by the same author."""
    token = f"Bearer {canary('step_token')}0123456789"
    return PlaybookDefinition(
        title="Leaky playbook",
        app="Leaky",
        description=f"Send {token}.",
        inputs=(
            Field(name="x"),
            Field(name="password", default=canary("playbook_default")),
            Field(name="sealed", kind=FieldKind.SECRET),
        ),
        steps=(
            Step(
                name="call",
                task=StepTask(app="Leaky", task="request", instance="{{ inputs.x }}"),
                inputs={
                    "password": canary("step_input"),
                    "settings": {"url": f"https://u:{canary('step_url')}@example.com/{{{{ inputs.x }}}}"},
                    "token": f"{{{{ inputs.x || '{canary('step_fallback')}' }}}}",
                },
                when=f"contains(inputs.x, '?token={canary('step_condition')}')",
            ),
            Step(name="keep", set={"headers": {"X-Api-Key": canary("step_header")}}, for_each=f"['{token}']"),
            Step(name="ask", approval=Approval(message=f"Call https://u:{canary('step_message')}@example.com?")),
        ),
        outputs={"client_secret": canary("playbook_output"), "all": [{"auth": {"token": canary("playbook_auth")}}]},
    )


def schedule() -> ScheduleDefinition:
    """A schedule of that playbook by the same author."""
    return ScheduleDefinition(
        title="Leaky schedule",
        playbook="Leaky playbook",
        description=f"With Bearer {canary('schedule_description')}0123456789.",
        every=60.0,
        inputs={
            "x": f"https://u:{canary('schedule_url')}@example.com",
            "password": canary("schedule_input"),
            "sealed": Secret(canary("schedule_secret")),
        },
    )


def definition() -> AppDefinition:
    """An app whose author knew no better."""
    return evolve(
        sample("Leaky", *tasks()),
        handler_config={"http": connection()},
        fields=(
            Field(name="user"),
            Field(name="secret", kind=FieldKind.SECRET),
            Field(name="refresh_token", default=canary("field_default"), example=canary("field_example")),
        ),
        health_check={"task": "request", "inputs": {"password": canary("health_check")}},
        metadata={"password": canary("metadata"), "links": [f"https://a:{canary('metadata_url')}@example.com"]},
        service=ServiceDefinition(
            image="ghcr.io/team/connector:1.2",
            parameters={"api_key": canary("service")},
            environment={"DB_PASSWORD": canary("environment"), "URL": f"postgres://u:{canary('database')}@db/x"},
        ),
    )


@pytest.fixture
def zona(tmp_path: Path) -> Iterator[Zona]:
    """A tenant with a database of its own, in which everything has canaries."""
    with Zona.embedded(tmp_path / "home") as made:
        store = f"sqlite:///{tmp_path}/{canary('store')}.db"
        made.system().tenants.add("acme", store=Secret(store))
        here = made.tenant("acme")
        here.credentials.add("shared", {"secret": canary("credential")})
        here.apps.upsert(definition())
        here.playbooks.save(playbook())
        here.schedules.save(schedule())
        here.instances.add(
            "Leaky", title=canary("title"), values={"user": canary("value"), "secret": canary("instance")}
        )
        here.users.add("ann", canary("password"))
        here.package_keys.create("releases")
        yield made


def exported(zona: Zona, form: str, folder: Path) -> tuple[Any, dict[str, bytes]]:
    """The report of an export, and all files of the package; what is compressed also as it was before."""
    packages = zona.tenant("acme").packages
    if form == "folder":
        report = packages.export_apps(None, folder / "tree", format=form, sign_with="releases")
        files = (file for file in (folder / "tree").rglob("*") if file.is_file())
        return report, {str(file): str(file).encode() + file.read_bytes() for file in files}
    target = io.BytesIO()
    report = packages.export_apps(None, target, format=form, sign_with="releases")
    found = {form: target.getvalue()}
    if form == "zona":
        target.seek(0)
        found["records"] = b"".join(decompressed(target, PackageLimits()))
    return report, found


def private_key(zona: Zona) -> list[bytes]:
    """The private key that signs, in the forms that it could have."""
    key = zona._parts.database.tenant("acme").package_keys.one({"name": "releases"})
    assert key is not None
    text = key.secrets["private"].reveal()
    encoded = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    raw = base64.b64decode(encoded)[-32:]
    return [encoded.encode(), raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")]


@pytest.mark.parametrize("form", FORMS)
def test_no_canary_is_in_a_package(zona: Zona, form: str, tmp_path: Path) -> None:
    """Not as it is, not encoded; what is no secret is in it, so that the search would have found one."""
    report, files = exported(zona, form, tmp_path)
    assert len(SECRETS) > 35
    found = {
        place
        for place, text in SECRETS.items()
        for each in spellings(text)
        if any(each in data for data in files.values())
    }
    assert found == set()
    assert not [each for each in private_key(zona) if any(each in data for data in files.values())]
    assert any(b"https://api.example.com" in data and b"{{ instance.user }}" in data for data in files.values())
    assert any(report.signed_by.encode() in data for data in files.values())


def test_nor_is_one_in_what_is_told_of_it(zona: Zona, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in reports, of an import too, nor in the trail, nor in logs; every place is told."""
    report, files = exported(zona, "zona", tmp_path)
    here, other = zona.tenant("acme"), zona.tenant()
    shown: list[Any] = [report, here.packages.inspect(io.BytesIO(files["zona"]))]
    for workspace, options in (
        (other, {"signature": "ignored"}),
        (here, {"on_conflict": "overwrite", "dry_run": True}),
    ):
        shown.append(workspace.packages.import_apps(io.BytesIO(files["zona"]), **options))
    shown += here.audit.search(action="packages.export_apps").items
    text = "\n".join([json.dumps(as_data(shown)), repr(shown), *(each.getMessage() for each in caplog.records)])
    assert [place for place, secret in SECRETS.items() if secret in text] == []
    assert len(report.left_out) > 30
    assert {fault.message for fault in report.left_out} == {"a literal secret was left out", "a secret was left out"}


def test_the_search_would_find_one(zona: Zona, tmp_path: Path) -> None:
    """In all its spellings, and in each form: a text that is no secret is found."""
    text = "cnry-open-text"
    zona.tenant("acme").apps.upsert(evolve(sample("Open", task("x")), description=text))
    for form in ("zona", "folder"):
        _, files = exported(zona, form, tmp_path)
        assert any(spellings(text)[0] in data for data in files.values())
    for shift, spelling in enumerate(spellings(text)[1:4]):
        assert spelling in base64.b64encode(b"x" * (9 + shift) + text.encode() + b"yyyyyy")
