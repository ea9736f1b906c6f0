"""Isolation as a property (SPEC §2): whatever others do, a tenant sees what it would see if it were alone.

Random sequences of all use-cases, by all kinds of actors of several tenants and of the platform, are carried out in
one installation. Then the calls of each tenant alone are repeated, with the same arguments at the same moments, in an
installation where the other tenants have never been. Nothing is masked: time and chance are the same in both, so that
results, errors, log lines, cache entries and ids have to be equal to the letter.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from attrs import define, evolve, fields, has
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from zona_core import (
    Actor,
    AppDefinition,
    AppDescription,
    AppStatus,
    Field,
    FieldKind,
    NewInstance,
    Recipient,
    Secret,
    TaskDefinition,
    TenantStatus,
    Zona,
)
from zona_core.domain.alerts import Alert, AlertState, Resolution
from zona_core.domain.apps import Integration, RetryPolicy, Task
from zona_core.domain.cases import Case, CaseStatus, EntryKind, Evidence, TaskStatus, TimelineEntry
from zona_core.domain.dead_letters import DeadLetter
from zona_core.domain.detection import RuleKind
from zona_core.domain.events import Event
from zona_core.domain.feeds import Feed, FeedDefinition
from zona_core.domain.fleet.selection import Selection
from zona_core.domain.fleet.specification import FleetSpecification, SecretMount, SecretSource, Service
from zona_core.domain.identity import (
    BUILT_IN_ROLES,
    ApiKey,
    KeyStatus,
    Session,
    SigningKey,
    User,
    UserStatus,
    granted_by,
)
from zona_core.domain.instances import Credential, Instance, InstanceStatus
from zona_core.domain.notifications import Delivery
from zona_core.domain.package_keys import PackageKey
from zona_core.domain.playbooks import Playbook, PlaybookDefinition, StepTask
from zona_core.domain.playbooks import Step as PlaybookStep
from zona_core.domain.policies import Channel, EscalationStep, Policy, PolicyDefinition
from zona_core.domain.references import EventsApiConfig
from zona_core.domain.rules import Rule, RuleException
from zona_core.domain.runs import Execution, RunStatus
from zona_core.domain.schedules import Schedule, ScheduleDefinition, ScheduleStatus
from zona_core.domain.silences import Silence, SilenceDefinition
from zona_core.errors import NotFound
from zona_core.persistence import snapshots
from zona_core.persistence.collections import AUDIT
from zona_core.persistence.database import CORE, Database
from zona_core.persistence.placement import Placements
from zona_core.persistence.repository import Listing
from zona_core.persistence.snapshots import Snapshot, Snapshots
from zona_core.persistence.tenancy import STAMP, TenantCollection, tenant_spec
from zona_core.ports.packages import PACKAGE_NAME, PACKAGE_VERSION, PackageLimits
from zona_core.usecases._alert_search import AlertFilter
from zona_core.usecases._engine.book import Book
from zona_core.usecases._event_search import EventFilter
from zona_core.usecases._fleet.source import FleetSource
from zona_core.usecases._import import AppImport
from zona_core.usecases._portable import app_record, task_record
from zona_core.usecases.api_keys import IssuedKey
from zona_core.usecases.evidence import OpenEvidence
from zona_core.usecases.gate import Gate, Tokens
from zona_core.usecases.registry import use_cases
from zona_packages.zona_form import ZonaForm

THOROUGH: Final = bool(os.environ.get("ZONA_TEST_THOROUGH"))
#: the most acts of a sequence
LONGEST: Final = 60 if THOROUGH else 40
#: modes of tenancy, stores (see ``STORES`` in conftest.py), and how many sequences are tried with them
EXAMPLES: Final = {
    ("shared", "memory"): 20,
    ("mssp", "memory"): 10,
    ("shared", "sqlite"): 6,
    ("mssp", "sqlite"): 6,
}

USE_CASES: Final = use_cases()
TENANTS: Final = ("acme", "zeta", "omega")
PASSWORD: Final = "battery horse staple"
WRONG: Final = "staple horse battery"

# what stands in the place of an argument, and is made when the call is


@define(frozen=True)
class Given:
    """What a tenant was given earlier: the ``at``-th id, token or cursor of a kind.

    ``whose`` counts on from the tenant that calls: with 1 or 2 it is another's.
    """

    kind: str
    whose: int = 0
    at: int = 0


@define(frozen=True)
class Own:
    """A text that only the tenant that calls knows: seen by another, or by a later one of its code, it has got out."""

    note: str = "note"


@define(frozen=True)
class Realm:
    """The realm of the caller, or that of another tenant."""

    whose: int = 0


@define(frozen=True)
class Elsewhere:
    """Where a tenant's data is not in this mode."""


@define(frozen=True)
class Made:
    """What a function makes of a text that only the caller knows."""

    make: Callable[[str], Any]
    note: str = "note"


class _Absent:
    """Stands for an argument that is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def app(title: str, *tags: str) -> Made:
    """The definition of a small app with tasks of those tags."""

    def make(note: str) -> AppDefinition:
        return AppDefinition(
            title=title,
            description=note,
            category=note,
            fields=(
                Field(name="base_url", kind=FieldKind.URL, default="https://api.example.com"),
                Field(name="api_key", kind=FieldKind.SECRET),
            ),
            tasks=tuple(task(tag).make(note) for tag in tags or ("echo",)),
        )

    return Made(make)


#: what a task says of how it is polled
POLLED: Final = EventsApiConfig(
    endpoint={"inputs": {"text": "x"}, "instance": "main"}, data_mapping={"events": "[outputs]"}
)


def task(tag: str) -> Made:
    """The definition of a task."""

    def make(note: str) -> TaskDefinition:
        return TaskDefinition(
            name=note,
            task_tag=tag,
            task_handler="function",
            inputs=(Field(name="text", required=True), Field(name="token", kind=FieldKind.SECRET)),
            error_handling=RetryPolicy(attempts=1),
            events_api_config=POLLED,
        )

    return Made(make)


def playbook(title: str) -> Made:
    """A playbook that runs a task and keeps what it gave."""

    def make(note: str) -> PlaybookDefinition:
        return PlaybookDefinition(
            title=title,
            description=note,
            inputs=(Field(name="text", required=True), Field(name="token", kind=FieldKind.SECRET)),
            steps=(
                PlaybookStep(name="say", task=StepTask(app="Main", task="echo"), inputs={"text": "{{ inputs.text }}"}),
                PlaybookStep(name="keep", set={"note": note, "said": "{{ steps.say.outputs }}"}),
            ),
            outputs={"kept": "{{ steps.keep.outputs }}"},
        )

    return Made(make)


def schedule(title: str) -> Made:
    """A schedule of a task, with the tenant's own text and secret."""

    def make(note: str) -> ScheduleDefinition:
        inputs = {"text": note, "token": f"{note}-token"}
        return ScheduleDefinition(
            title=title, description=note, app="Main", task="echo", instance="main", inputs=inputs, cron="0 2 * * *"
        )

    return Made(make)


def told_policy(title: str) -> Made:
    """A policy that tells a channel."""
    steps = (EscalationStep(channels=("Hook",)), EscalationStep(after=86_400, severity="critical"))
    return Made(lambda note: PolicyDefinition(title=title, description=note, escalation=steps))


def policy_document(note: str) -> bytes:
    """A policy as a file."""
    return json.dumps({"title": "Read", "description": note}).encode()


def quiet(title: str) -> Made:
    """A silence that covers nothing that there is."""
    return Made(lambda note: SilenceDefinition(title=title, reason=note, rules=("nosuch",)))


def polled(title: str) -> Made:
    """A feed that polls a task, with the tenant's own text and secret."""

    def make(note: str) -> FeedDefinition:
        return FeedDefinition(
            title=title, description=note, app="Main", task="echo", instance="main", events="[outputs]",
            inputs={"text": note, "token": f"{note}-token"}, mapper="generic", mapper_options={"time": "received"},
            source=f"{note}-feed"[:100],
        )  # fmt: skip

    return Made(make)


def raw_event(number: int) -> Made:
    """An event that a rule may find; the one of number 0 cannot be taken."""
    return Made(lambda note: {"id": number, "at": 1_577_836_800 + number if number else note, "host": note, "w": "x"})


def event_lines(note: str) -> list[bytes]:
    """A stream of an event and of what is none."""
    return [json.dumps(raw_event(3).make(note)).encode() + b"\n", note.encode() + b"\n"]


def rule_text(rule_id: str) -> Made:
    """A rule that finds each of these events; graver ones make cases."""
    source = "logsource: {product: testing}\n"
    asked = "detection: {s: {w: x}, condition: s}\nlevel: critical\n"
    return Made(lambda note: (f"{note}.yml", f"title: {note}\nid: {rule_id}\n{source}{asked}"))


def filter_text(note: str) -> str:
    """An exception from one of these rules."""
    narrowed = f"rules: [first], s: {{host: {note}}}, condition: not s"
    return f"title: {note}\nlogsource: {{product: testing}}\nfilter: {{{narrowed}}}\n"


def playbook_document(note: str) -> bytes:
    """A playbook in a file."""
    return json.dumps({"title": "Flow", "description": note, "steps": [{"name": "a", "set": {"x": 1}}]}).encode()


def document(title: str) -> Made:
    """An OpenAPI document."""
    parts = {
        "openapi": "3.0.3",
        "servers": [{"url": "https://api.example.com"}],
        "paths": {"/things": {"get": {"operationId": "things", "responses": {"200": {"description": "Things."}}}}},
    }
    return Made(
        lambda note: json.dumps({**parts, "info": {"title": title, "version": "1", "description": note}}).encode()
    )


def task_document(note: str) -> bytes:
    """A task in a file of its own."""
    return json.dumps({"name": note, "task_tag": "other", "task_handler": "function"}).encode()


def package(*titles: str) -> Made:
    """A package of apps."""

    def make(note: str) -> bytes:
        records: list[dict[str, Any]] = [{"kind": "header", "format": PACKAGE_NAME, "version": PACKAGE_VERSION}]
        for title in titles:
            definition = app(title).make(note)
            records.append(app_record(definition).record)
            records += (task_record(each, lambda reference: reference).record for each in definition.tasks)
        target = io.BytesIO()
        ZonaForm().write(records, target)
        return target.getvalue()

    return Made(make)


APP: Final = ["Main", Given("apps"), 1, Given("apps", whose=1), "Side", 2, Given("apps", at=-1), "1"]
TASK: Final = ["echo", Given("tasks"), 1, Given("tasks", whose=1), "other", 2, Given("tasks", at=-1)]
INSTANCE: Final = ["main", Given("instances"), 1, Given("instances", whose=1), "side", 2, Given("instances", at=-1)]
PLAYBOOK: Final = ["Flow", Given("playbooks"), 1, Given("playbooks", whose=1), "Other", 2, Given("playbooks", at=-1)]
SCHEDULE: Final = ["Nightly", Given("schedules"), 1, Given("schedules", whose=1), "Other", Given("schedules", at=-1)]
FEED: Final = ["Polled", Given("feeds"), 1, Given("feeds", whose=1), "Other", Given("feeds", at=-1)]
RULE: Final = ["first", "second", Given("rules"), Given("rules", whose=1), "nosuch"]
EVENT: Final = [Given("events"), Given("events", whose=1), Given("events", at=-1), Given("events", whose=2, at=-1)]
YEAR: Final = EventFilter(since=datetime(2020, 1, 1, tzinfo=UTC), until=datetime(2021, 1, 1, tzinfo=UTC))
WHICH_EVENTS: Final = [ABSENT, YEAR, EventFilter(source="log"), EventFilter(host="nosuch")]
STREAM: Final[dict[str, Any]] = {
    "source": ["log", "other"],
    "mapper": ["generic", "nosuch"],
    "options": [
        {
            "time": "at",
            "key": ["id"],
            "host": "host",
            "message": "host",
            "observables": [{"name": "device.hostname", "type_id": 1, "value": "host"}],
        }
    ],
    "progress": [ABSENT, str],
}
ALERT: Final = [Given("alerts"), Given("alerts", whose=1), Given("alerts", at=-1), 1, Given("alerts", whose=2)]
CHANNEL: Final = ["Hook", Given("channels"), 1, Given("channels", whose=1), "Other"]
POLICY: Final = ["Mine", Given("policies"), 1, Given("policies", whose=1), "Other"]
SILENCE: Final = [Given("silences"), 1, Given("silences", whose=1), Given("silences", at=-1)]
DELIVERY: Final = [ABSENT, Given("deliveries"), Given("deliveries", whose=1)]
HOOK: Final = {
    "url": "http://127.0.0.1:9/",
    "headers": {"X-Note": Own()},
    "authorization": Own("hook"),
    "private": True,
}
CASE: Final = [Given("cases"), 1, Given("cases", whose=1), Given("cases", at=-1), Given("cases", whose=2)]
FILE: Final = [Given("evidence"), Given("evidence", whose=1), Given("evidence", at=-1)]
OF_CASE: Final[dict[str, list[Any]]] = {
    "wanted": WHICH_EVENTS,
    "rule": [ABSENT, "first"],
    "newest_first": [ABSENT, True],
}
CREDENTIAL: Final = ["shared", Given("credentials"), 1, Given("credentials", whose=1), "spare", 2]
USER: Final = ["ann", Given("users"), Given("users", whose=1), "bob", Given("users", at=-1), "carl"]
RUN: Final = [Given("runs"), Given("runs", at=-1), Given("runs", whose=1), Given("runs", whose=2, at=-1)]
LAST_RUN: Final = [Given("runs", at=-1), *RUN]
KEY: Final = [Given("keys"), Given("keys", at=-1), Given("keys", whose=1), Given("keys", whose=2)]
SESSION: Final = [Given("sessions"), Given("sessions", at=-1), Given("sessions", whose=1), Given("sessions", whose=2)]
NUMBER: Final = [1, 2, 3]
PACKAGE_KEY: Final = ["stamp", Given("package_keys"), Given("package_keys", whose=1), "partner", "seal"]
PUBLIC_KEY: Final = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"  # the example of RFC 8410 §10.1
    "-----END PUBLIC KEY-----\n"
)
ROLE: Final = ["night", "day", "admin", "reader"]
CODE: Final = ["omega", "acme", "zeta", "spare"]
TOKEN: Final = [Given("access", at=-1), Given("access")]
AFTER: Final = [ABSENT, Given("cursors", at=-1), Given("cursors"), Given("cursors", whose=1, at=-1)]
PAGE: Final[dict[str, list[Any]]] = {"after": AFTER, "limit": [ABSENT, 1, 2]}
REVISION: Final = [ABSENT, ABSENT, 1, 2]
VALUES: Final = [{"api_key": Own("key")}, {"api_key": Own("late")}, {}, {"nothing": 1}]
INPUTS: Final = [{"text": Own("text")}, {"text": "fail", "token": Own("token")}, {"text": "1"}, {}]
SCOPES: Final = [("apps:read",), ("*",), ("apps:read@apps/1", "runs:*@apps/1")]
WHEN: Final = datetime(2030, 1, 1, 1, tzinfo=UTC)

#: a fleet of one service that is the same for whoever applies it
FLEET: Final = FleetSource(
    specification=FleetSpecification(
        name="shop",
        toggles={"beta": False},
        secrets={"token": SecretSource(environment="TOKEN")},
        services={
            "web": Service(image="web:1", secrets=(SecretMount(name="token"),)),
            "lab": Service(image="lab:1", toggles=("beta",), depends_on=("web",)),
        },
    ),
    secrets={"token": Secret("of the fleet")},
)
FLEET_NAME: Final = [ABSENT, "shop", "nosuch"]
FLEET_WRITE: Final[dict[str, list[Any]]] = {
    "fleet": FLEET_NAME, "reason": [ABSENT], "wait": [ABSENT], "report": [ABSENT],
}  # fmt: skip
SELECTION: Final = Selection(services=("web",))


def _at_once() -> bool:
    return True


_RUN: Final[dict[str, list[Any]]] = {
    "app": APP,
    "task": TASK,
    "instance": INSTANCE,
    "inputs": INPUTS,
    "timeout": [ABSENT, 20.0],
    "idempotency_key": [ABSENT, "k-1"],
}
_PLAYBOOK_RUN: Final[dict[str, list[Any]]] = {
    "playbook": PLAYBOOK,
    "inputs": INPUTS,
    "idempotency_key": [ABSENT, "k-1"],
}
_IN_REALMS: Final[dict[str, dict[str, list[Any]]]] = {
    "roles.put": {
        "name": ["day", *ROLE],
        "description": [Own()],
        "permissions": [("apps:read",), ("*",), ("runs:run@apps/1",)],
        "inherits": [(), ("reader",), ("night",), ("day",)],
        "revision": REVISION,
    },
    "roles.get": {"name": ROLE},
    "roles.list": PAGE,
    "users.add": {
        "name": ["carl", "ann", "bob"],
        "password": [PASSWORD],
        "display_name": [Own()],
        "email": ["ann@example.com", "nowhere"],
        "roles": [("admin",), ("night",), ("reader", "day"), ()],
        "tenants": [ABSENT, ("acme",), ("acme", "zeta")],
    },
    "users.get": {"user": USER},
    "users.list": {**PAGE, "status": [ABSENT, UserStatus.DELETED]},
    "users.update": {
        "user": ["bob", *USER],
        "display_name": [Own("name"), ABSENT],
        "email": [ABSENT, "bob@example.com"],
        "roles": [ABSENT, ("admin",), ("night",)],
        "tenants": [ABSENT, ABSENT, ("acme",)],
        "status": [ABSENT, UserStatus.DISABLED, UserStatus.ACTIVE],
        "revision": REVISION,
    },
    "users.set_password": {"user": ["bob", *USER], "password": [PASSWORD, "short"], "revision": REVISION},
    "users.reset_totp": {"user": ["bob", *USER], "revision": REVISION},
    "api_keys.create": {
        "name": ["cd", "ci"],
        "scopes": SCOPES,
        "user": USER,
        "expires_at": [ABSENT, WHEN],
        "rate_limit": [ABSENT, 60],
    },
    "api_keys.get": {"key_id": KEY},
    "api_keys.list": {"user": [ABSENT, *USER], **PAGE},
    "api_keys.rotate": {"key_id": KEY, "overlap": [60, 0], "revision": REVISION},
    "sessions.list": {"user": [ABSENT, *USER], "ended": [False, True], **PAGE},
    "sessions.end": {"session_id": SESSION},
    "sessions.end_all": {"user": ["bob", *USER]},
    "api_keys.revoke": {"key_id": [Given("keys", at=-1), *KEY], "revision": REVISION},
    "roles.delete": {"name": ["day", *ROLE], "revision": REVISION},
    "users.delete": {"user": ["carl", *USER], "revision": REVISION},
}
_OF_AUDIT: Final[dict[str, dict[str, list[Any]]]] = {
    "search": {
        "target": [ABSENT, "apps/1", "instances/1", "tenants/acme"],
        "actor": [ABSENT, "ann", "root"],
        "action": [ABSENT, "apps.upsert", "users.add"],
        **PAGE,
    },
    "verify": {},
}
#: for each use-case and each of its arguments what it is called with; with the first of each it succeeds if the calls
#: are made in this order after those of ``BEGINNING``
CALLS: Final[dict[str, dict[str, list[Any]]]] = {
    "apps.upsert": {
        "definition": [app("Side", "echo", "other"), app("Main"), app("Main", "echo", "other"), app("1")],
        "app_id": [ABSENT, ABSENT, Given("apps"), Given("apps", whose=1), 1, 2],
        "logo": [ABSENT, b"no picture"],
        "instance": [ABSENT, NewInstance(title="first", values={"api_key": "k"})],
        "revision": REVISION,
    },
    "apps.import_document": {
        "document": [document("Paper"), document("Main"), b"{}"],
        "format": [ABSENT, "zona", "nosuch"],
        "title": [ABSENT, "Side"],
        "update": [ABSENT, True],
        "revision": REVISION,
    },
    "apps.install": {"name": ["demo", "nothing"], "update": [True, ABSENT], "revision": REVISION},
    "apps.save": {
        "description": [AppDescription(title="Saved"), AppDescription(title="Main")],
        "app_id": [ABSENT, Given("apps"), Given("apps", whose=1), 1, 2],
        "logo": [ABSENT, b"no picture"],
        "instance": [ABSENT, NewInstance(title="first", values={"api_key": "k"})],
        "revision": REVISION,
    },
    "apps.get": {"app": APP},
    "apps.logo": {"app": APP},
    "apps.list": {"status": [ABSENT, AppStatus.DELETED], **PAGE},
    "apps.names": {},
    "apps.search": {
        "words": ["ma", "side", "a", "echo", "-"],
        "status": [ABSENT, AppStatus.DELETED],
        "limit": [ABSENT, 1, 2],
    },
    "tasks.upsert": {
        "app": APP,
        "definition": [task("other"), task("echo")],
        "task_id": [ABSENT, *TASK[1:4]],
        "revision": REVISION,
    },
    "tasks.read_document": {
        "document": [Made(task_document), b"{}"],
        "format": [ABSENT, "openapi", "nosuch"],
    },
    "tasks.verify": {
        "app": APP,
        "definition": [task("echo"), task("other")],
        "instance": [ABSENT, *INSTANCE],
        "inputs": [*INPUTS, ABSENT],
        "timeout": [20.0, 1_000.0],
        "run": [True, ABSENT],
    },
    "tasks.dependents": {"app": [None, *APP], "task": [1, *TASK]},
    "tasks.graph": {"app": APP},
    "tasks.picture": {"app": APP, "format": [ABSENT, "gif"]},
    "tasks.by_id": {"task": [Given("tasks"), 1, 2, Given("tasks", whose=1), 3]},
    "tasks.get": {"app": APP, "task": TASK},
    "tasks.info": {"app": APP, "task": TASK, "runs": [ABSENT, 1]},
    "tasks.list": {"app": APP, **PAGE},
    "revisions.of_app": {"app": APP, **PAGE},
    "revisions.of_task": {"app": APP, "task": TASK, **PAGE},
    "revisions.diff_app": {"app": APP, "before": NUMBER, "after": [ABSENT, *NUMBER]},
    "revisions.diff_task": {"app": APP, "task": TASK, "before": NUMBER, "after": [ABSENT, *NUMBER]},
    "revisions.restore_app": {"app": APP, "to": NUMBER, "revision": REVISION},
    "revisions.restore_task": {"app": APP, "task": TASK, "to": NUMBER, "revision": REVISION},
    "credentials.add": {"title": ["spare", "shared"], "secrets": [{"api_key": Own("shared")}, {}]},
    "credentials.get": {"credential": CREDENTIAL},
    "credentials.list": PAGE,
    "credentials.rotate": {
        "credential": CREDENTIAL,
        "secrets": [{"api_key": Own("rotated")}],
        "revision": REVISION,
    },
    "instances.add": {
        "app": APP,
        "title": ["side", "main"],
        "values": VALUES,
        "credential": [ABSENT, *CREDENTIAL],
        "allow_private": [ABSENT, True],
        "deploy": [ABSENT, True],
    },
    "instances.get": {"app": [None, *APP], "instance": [1, *INSTANCE]},
    "instances.list": {"app": [ABSENT, *APP], "status": [ABSENT, InstanceStatus.DELETED], **PAGE},
    "instances.test": {"app": APP, "instance": INSTANCE, "timeout": [20.0]},
    "instances.update": {
        "app": APP,
        "instance": INSTANCE,
        "title": [ABSENT, "side"],
        "values": [ABSENT, *VALUES],
        "credential": [ABSENT, 0, *CREDENTIAL],
        "allow_private": [ABSENT, True],
        "status": [ABSENT, InstanceStatus.INACTIVE, InstanceStatus.ACTIVE],
        "revision": REVISION,
        "rate_limiting": [ABSENT, {"concurrent": 2}],
        "health_check_config": [ABSENT, {"interval": 600}],
        "deploy": [ABSENT, True, False],
    },
    "runs.run": _RUN,
    "runs.start": {**_RUN, "patience": [20.0]},
    "playbooks.save": {
        "definition": [playbook("Flow"), playbook("Other")],
        "playbook_id": [ABSENT, Given("playbooks"), Given("playbooks", whose=1), 1],
        "revision": REVISION,
    },
    "playbooks.read_document": {"document": [Made(playbook_document), b"{}"], "format": [ABSENT, "openapi", "nosuch"]},
    "playbooks.check": {"definition": [playbook("Flow"), playbook("Other")]},
    "playbooks.get": {"playbook": PLAYBOOK},
    "playbooks.list": {"status": [ABSENT, AppStatus.DELETED], "app": [ABSENT, *APP], **PAGE},
    "playbooks.rehearse": {
        "playbook": PLAYBOOK,
        "inputs": INPUTS,
        "samples": [ABSENT, {"say": {"back": Own("sample")}}],
    },
    "playbooks.run": _PLAYBOOK_RUN,
    "playbooks.start": {**_PLAYBOOK_RUN, "patience": [20.0]},
    "runs.replay": {"run_id": LAST_RUN, "step": [ABSENT, "say", "keep"], "patience": [20.0]},
    "runs.steps": {"run_id": LAST_RUN, **PAGE},
    "runs.waiting": {"run_id": RUN},
    "runs.progress": {"run_id": RUN, "since": [ABSENT, "1"], "seconds": [ABSENT, 0.0]},
    "runs.cancel": {"run_id": RUN, "reason": [ABSENT, Own("reason")]},
    "runs.pause": {"run_id": RUN, "reason": [ABSENT, Own("reason")]},
    "runs.resume": {"run_id": RUN},
    "runs.decide": {"run_id": RUN, "step": ["say", "keep"], "approved": [True, False], "comment": [ABSENT, Own("why")]},
    "runs.get": {"run_id": RUN},
    "runs.picture": {"run_id": RUN, "format": [ABSENT, "gif"]},
    "runs.results": {"run_id": RUN},
    "runs.wait": {"run_id": RUN, "seconds": [0], "since": [ABSENT, 1]},
    "runs.list": {
        "app": APP,
        "task": [ABSENT, *TASK],
        "instance": [ABSENT, *INSTANCE],
        "playbook": [ABSENT, ABSENT, *PLAYBOOK],
        "status": [ABSENT, RunStatus.FAILURE],
        "steps": [ABSENT, True],
        "since": [ABSENT, datetime(2020, 1, 1, tzinfo=UTC)],
        "until": [ABSENT, datetime(2020, 1, 1, tzinfo=UTC)],
        **PAGE,
    },
    "schedules.save": {
        "definition": [schedule("Nightly"), schedule("Other")],
        "schedule_id": [ABSENT, Given("schedules"), Given("schedules", whose=1), 1],
        "revision": REVISION,
    },
    "schedules.get": {"schedule": SCHEDULE},
    "schedules.list": {"status": [ABSENT, ScheduleStatus.DELETED], **PAGE},
    "schedules.upcoming": {"schedule": SCHEDULE, "count": [ABSENT, 2]},
    "schedules.pause": {"schedule": SCHEDULE, "revision": REVISION},
    "schedules.resume": {"schedule": SCHEDULE, "revision": REVISION},
    "schedules.fire": {"schedule": SCHEDULE, "idempotency_key": [ABSENT, "k-1"], "patience": [20.0]},
    "feeds.save": {
        "definition": [polled("Polled"), polled("Other")],
        "feed_id": [ABSENT, Given("feeds"), Given("feeds", whose=1), 1],
        "revision": REVISION,
    },
    "feeds.get": {"feed": FEED},
    "feeds.list": PAGE,
    "feeds.state": {"feed": FEED},
    "feeds.poll": {"feed": FEED},
    "feeds.reset": {"feed": FEED, "to": [ABSENT, datetime(2020, 1, 1, tzinfo=UTC)], "cursor": [ABSENT, Own("cursor")]},
    "feeds.enable": {"feed": FEED, "revision": REVISION},
    "feeds.disable": {"feed": FEED, "revision": REVISION},
    "feeds.from_task": {
        "app": APP,
        "task": TASK,
        "instance": [""],
        "title": ["", Own("feed")],
        "enabled": [False, True],
    },
    "feeds.start_time": {"instance_id": [Given("instances"), 1, Given("instances", whose=1)]},
    "channels.save": {
        "title": ["Hook", "Other"],
        "notifier": ["webhook", "nosuch"],
        "options": [HOOK, {}],
        "enabled": [ABSENT, False],
        "channel_id": [ABSENT, ABSENT, Given("channels"), Given("channels", whose=1), 1],
        "revision": REVISION,
    },
    "channels.get": {"channel": CHANNEL},
    "channels.list": PAGE,
    "channels.test": {"channel": CHANNEL, "timeout": [5.0]},
    "policies.save": {
        "definition": [told_policy("Mine"), told_policy("Other")],
        "policy_id": [ABSENT, ABSENT, Given("policies"), Given("policies", whose=1), 1],
        "revision": REVISION,
    },
    "policies.read_document": {"document": [Made(policy_document), b"{}"], "format": [ABSENT, "openapi", "nosuch"]},
    "policies.check": {"definition": [told_policy("Mine"), told_policy("")]},
    "policies.get": {"policy": POLICY},
    "policies.list": PAGE,
    "silences.save": {
        "definition": [quiet("Quiet"), quiet("")],
        "silence_id": [ABSENT, ABSENT, Given("silences"), Given("silences", whose=1), 1],
        "revision": REVISION,
    },
    "silences.get": {"silence_id": SILENCE},
    "silences.list": {"active": [ABSENT, True], **PAGE},
    "silences.end": {"silence_id": SILENCE, "revision": REVISION},
    "rules.add": {
        "texts": [[rule_text("first")], [rule_text("first"), rule_text("second")]],
        "enabled": [ABSENT, False],
    },
    "policies.explain": {"rule": RULE, "source": [ABSENT, "log"]},
    "events.ingest": {
        "events": [[raw_event(1)], [raw_event(0), raw_event(1), raw_event(2)]],
        **STREAM,
    },
    "events.ingest_stream": {"chunks": [Made(event_lines)], **STREAM},
    "events.ingest_files": {
        "files": [Made(lambda note: [io.BytesIO(b"".join(event_lines(note)))]), ["/nosuch"]],
        **STREAM,
    },
    "alerts.list": {"wanted": [ABSENT, AlertFilter(severity="critical"), AlertFilter(owner="ann")], **PAGE},
    "alerts.get": {"alert_id": ALERT},
    "alerts.search": {"words": ["canary", Own(), "x"], "wanted": [ABSENT], "limit": [ABSENT, 1]},
    "alerts.events": {"alert_id": ALERT, **PAGE},
    "alerts.figures": {"by": ["rule", "entity", "state"], "wanted": [ABSENT], "limit": [ABSENT, 1]},
    "alerts.histogram": {"wanted": [AlertFilter(since=YEAR.since, until=YEAR.until)], "seconds": [86_400.0 * 73]},
    "alerts.acknowledge": {"alert_id": ALERT, "note": [Own("note")], "revision": REVISION},
    "alerts.close": {"alert_id": ALERT, "resolution": list(Resolution)[1:], "note": [ABSENT], "revision": REVISION},
    "alerts.reopen": {"alert_id": ALERT, "note": [ABSENT, Own("again")], "revision": REVISION},
    "alerts.assign": {"alert_id": ALERT, "owner": ["ann", Own("owner"), ""], "revision": REVISION},
    "alerts.update_many": {
        "alert_ids": [[Given("alerts"), Given("alerts", whose=1)], [1, 2]],
        "state": [AlertState.ACKNOWLEDGED, AlertState.OPEN],
        "resolution": [Resolution.NONE],
        "note": [Own("many")],
    },
    "alerts.notifications": {"alert_id": ALERT, **PAGE},
    "alerts.notify_again": {"alert_id": ALERT, "delivery_id": DELIVERY},
    "cases.create": {
        "title": [Own("case")],
        "description": [Own("told")],
        "severity": [ABSENT, "low"],
        "owner": [ABSENT, "ann"],
        "tags": [ABSENT, ["tag"]],
        "alerts": [ABSENT, [Given("alerts", whose=1)], [Given("alerts")]],
        "events": [[Given("events")], [Given("events", whose=1)]],
        "respond_within": [3_600.0, ABSENT],
        "resolve_within": [7_200.0, ABSENT],
    },
    "cases.list": {
        "status": [ABSENT, CaseStatus.OPEN, CaseStatus.MERGED],
        "severity": [ABSENT, "medium"],
        "owner": [ABSENT, "ann"],
        "rule": [ABSENT, "first"],
        "since": [ABSENT, datetime(2020, 1, 1, tzinfo=UTC)],
        "until": [ABSENT, datetime(2020, 1, 1, tzinfo=UTC)],
        **PAGE,
    },
    "cases.get": {"case": CASE},
    "cases.search": {"words": ["canary", Own(), "x"], "status": [ABSENT, CaseStatus.OPEN], "limit": [ABSENT, 1]},
    "cases.update": {
        "case": CASE,
        "title": [Own("title"), ABSENT],
        "description": [ABSENT, Own("more")],
        "severity": [ABSENT, "high"],
        "owner": [ABSENT, "ann", ""],
        "tags": [ABSENT, ["other"]],
        "status": [ABSENT, CaseStatus.ON_HOLD],
        "revision": REVISION,
    },
    "cases.attach": {
        "case": CASE,
        "alerts": [ABSENT, [Given("alerts")], [Given("alerts", whose=1)]],
        "events": [[Given("events")], [Given("events", whose=1)]],
        "revision": REVISION,
    },
    "cases.add_task": {
        "case": CASE,
        "title": [Own("task")],
        "owner": [ABSENT, "ann"],
        "due_at": [ABSENT, WHEN],
        "revision": REVISION,
    },
    "cases.change_task": {
        "case": CASE,
        "task": [1, 2],
        "title": [Own("again"), ABSENT],
        "owner": [ABSENT, "bob"],
        "due_at": [ABSENT, WHEN],
        "status": [ABSENT, TaskStatus.DONE],
        "revision": REVISION,
    },
    "cases.comment": {"case": CASE, "text": [Own("said"), ""]},
    "cases.timeline": {"case": CASE, "kind": [ABSENT, EntryKind.COMMENT], "newest_first": [ABSENT, True], **PAGE},
    "cases.erase_comment": {"case": CASE, "entry": [Given("comments"), Given("comments", whose=1), "1-00000001"]},
    "cases.alerts": {"case": CASE, **PAGE},
    "cases.events": {"case": CASE, **OF_CASE, **PAGE},
    "cases.event_page": {"case": CASE, **OF_CASE, "offset": [ABSENT, 1], "limit": [ABSENT, 1]},
    "cases.observables": {"case": CASE, "type_id": [ABSENT, 1], **PAGE},
    "cases.annotate": {
        "case": CASE,
        "value": [Own()],
        "type_id": [1],
        "note": [Own("known")],
        "malicious": [ABSENT, True],
    },
    "cases.sightings": {"value": [Own(), "nosuch"], **PAGE},
    "cases.export": {"case": CASE},
    "cases.report": {"case": CASE},
    "evidence.put": {
        "case": CASE,
        "chunks": [Made(lambda note: [note.encode()])],
        "name": [Own("file")],
        "media_type": [ABSENT, "text/plain"],
        "description": [Own("about")],
    },
    "evidence.list": {"case": CASE, **PAGE},
    "evidence.get": {"evidence_id": FILE},
    "evidence.open": {"evidence_id": FILE},
    "evidence.remove": {"evidence_id": FILE},
    "cases.detach": {
        "case": CASE,
        "alerts": [ABSENT, [Given("alerts")]],
        "events": [[Given("events")], [Given("events", whose=1)]],
        "revision": REVISION,
    },
    "cases.close": {
        "case": CASE,
        "resolution": list(Resolution)[1:],
        "summary": [Own("end")],
        "close_alerts": [ABSENT, False],
        "cancel_tasks": [True, ABSENT],
        "revision": REVISION,
    },
    "cases.reopen": {"case": CASE, "reason": [Own("why")], "revision": REVISION},
    "cases.merge": {
        "case": [Given("cases", at=-1), *CASE],
        "sources": [[Given("cases")], [Given("cases", whose=1)], [2]],
        "revision": REVISION,
    },
    "channels.failures": {"channel": CHANNEL, **PAGE},
    "channels.retry": {"channel": CHANNEL, "delivery_id": DELIVERY},
    "events.list": {"wanted": WHICH_EVENTS, **PAGE},
    "events.get": {"event_id": EVENT},
    "events.search": {"words": ["canary", Own(), "x"], "wanted": WHICH_EVENTS, "limit": [ABSENT, 1]},
    "events.figures": {"by": ["host", "source", "rule"], "wanted": [ABSENT], "limit": [ABSENT, 1]},
    "events.histogram": {"wanted": [YEAR], "seconds": [86_400.0 * 73]},
    "events.dead_letters": {"source": [ABSENT, "log"], "code": [ABSENT, "unreadable_event"], **PAGE},
    "events.replay": {
        "letters": [ABSENT, [Given("letters"), Given("letters", whose=1)]],
        "source": [ABSENT, "log"],
        "code": [ABSENT, "event_time_invalid"],
        "mapper": ["generic"],
        "options": [{"time": "received", "message": "host"}],
    },
    "events.drop": {"letter_id": [Given("letters"), Given("letters", whose=1), Given("letters", at=-1)]},
    "rules.check": {"texts": [[rule_text("first")], []]},
    "rules.get": {"rule_id": RULE},
    "rules.list": {
        "enabled": [ABSENT, True],
        "usable": [ABSENT, True],
        "kind": [ABSENT, RuleKind.DETECTION],
        "level": [ABSENT, "critical"],
        "product": [ABSENT, "testing"],
        **PAGE,
    },
    "rules.search": {"words": ["canary", Own(), "x"], "limit": [ABSENT, 1]},
    "rules.enable": {"rule_id": RULE, "revision": REVISION},
    "rules.disable": {"rule_id": RULE, "revision": REVISION},
    "rules.add_exception": {
        "text": [Made(filter_text), "nothing"],
        "title": [Own("title")],
        "reason": [Own("reason")],
        "until": [ABSENT, datetime(2050, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)],
    },
    "rules.exceptions": PAGE,
    "rules.remove_exception": {"exception_id": [Given("exceptions"), Given("exceptions", whose=1), 1]},
    "packages.distribute": {
        "apps": [["Main"], None, ["Side", "nosuch"]],
        "to": [[Recipient(tenant_code="nosuch")], []],
        "on_conflict": [ABSENT, "rename"],
        "dry_run": [ABSENT, True],
    },
    "packages.export_apps": {
        "apps": [None, ["Main"], [Given("apps"), Given("apps", whose=1)], ["Side", 2]],
        "target": [b""],
        "format": [ABSENT, "json"],
        "sign_with": [ABSENT, *PACKAGE_KEY],
    },
    "packages.import_apps": {
        "source": [package("Main"), package("Main", "Side"), b"nothing"],
        "on_conflict": [ABSENT, "overwrite", "rename"],
        "dry_run": [ABSENT, True],
        "signature": [ABSENT, "required", "ignored"],
        "format": [ABSENT, "zona", "json"],
        "limits": [ABSENT, PackageLimits(records=3)],
    },
    "packages.inspect": {
        "source": [package("Main"), b"nothing"],
        "format": [ABSENT, "zona", "json"],
        "limits": [ABSENT, PackageLimits(records=3)],
    },
    "package_keys.create": {"name": ["seal", "stamp"]},
    "package_keys.trust": {"name": ["partner", "stamp"], "public": [PUBLIC_KEY, Given("publics", whose=1), "nothing"]},
    "package_keys.get": {"key": PACKAGE_KEY},
    "package_keys.list": PAGE,
    "package_keys.retire": {"key": PACKAGE_KEY, "revision": REVISION},
    "package_keys.remove": {"key": ["seal", *PACKAGE_KEY], "revision": REVISION},
    **_IN_REALMS,
    **{f"core_{name}": arguments for name, arguments in _IN_REALMS.items()},
    **{f"{area}.{name}": arguments for area in ("audit", "core_audit") for name, arguments in _OF_AUDIT.items()},
    "instances.remove": {"app": APP, "instance": ["side", *INSTANCE], "revision": REVISION},
    "credentials.remove": {"credential": ["spare", *CREDENTIAL], "revision": REVISION},
    "playbooks.remove": {"playbook": PLAYBOOK, "revision": REVISION},
    "schedules.remove": {"schedule": SCHEDULE, "revision": REVISION},
    "policies.remove": {"policy": POLICY, "revision": REVISION},
    "channels.remove": {"channel": CHANNEL, "revision": REVISION},
    "silences.remove": {"silence_id": SILENCE, "revision": REVISION},
    "feeds.remove": {"feed": FEED, "revision": REVISION},
    "rules.remove": {"rule_id": RULE, "revision": REVISION},
    "tasks.delete": {
        "app": [*APP, None],
        "task": ["other", *TASK],
        "force": [ABSENT, True],
        "revision": REVISION,
    },
    "apps.delete": {"app": APP, "force": [ABSENT, True], "revision": REVISION},
    "fleet.plan": {"source": [FLEET, ABSENT], "fleet": FLEET_NAME, "selection": [ABSENT, SELECTION]},
    "fleet.apply": {
        "source": [FLEET, ABSENT],
        "fleet": FLEET_NAME,
        "digest": [ABSENT, "0"],
        "reason": [ABSENT, Own()],
        "wait": [ABSENT],
        "report": [ABSENT],
    },
    "fleet.begin": {
        "source": [ABSENT],
        "fleet": FLEET_NAME,
        "digest": [ABSENT, "0"],
        "reason": [ABSENT],
        "wait": [ABSENT],
        "report": [ABSENT],
    },
    "fleet.scale": {"replicas": [{"web": 2}, {"web": 1}, {"nosuch": 1}], **FLEET_WRITE},
    "fleet.stop": {"selection": [SELECTION], **FLEET_WRITE},
    "fleet.start": {"selection": [SELECTION], **FLEET_WRITE},
    "fleet.restart": {"selection": [SELECTION], **FLEET_WRITE},
    "fleet.switch": {"toggles": [{"beta": True}, {"nosuch": True}], **FLEET_WRITE},
    "fleet.rollback": {"deployment": [ABSENT, 1, "x"], **FLEET_WRITE},
    "fleet.release_lock": {"fleet": FLEET_NAME, "reason": [ABSENT, Own()]},
    "fleet.prune": {"fleet": FLEET_NAME, "volumes": [ABSENT, True], "wait": [ABSENT], "report": [ABSENT]},
    "fleet.watch": {"fleet": FLEET_NAME, "stop": [_at_once], "report": [ABSENT], "interval": [ABSENT]},
    "fleet.status": {"fleet": FLEET_NAME},
    "fleet.history": {"fleet": FLEET_NAME, "limit": [ABSENT, 1], "before": [ABSENT, 2]},
    "fleet.show": {"deployment": [1, "x"], "fleet": FLEET_NAME},
    "fleet.explain": {"service": ["web", "nosuch"], "fleet": FLEET_NAME},
    "fleet.lock": {"fleet": FLEET_NAME},
    "fleet.doctor": {"source": [FLEET, ABSENT], "fleet": FLEET_NAME},
    "fleet.logs": {
        "services": [ABSENT, ("web",), ("nosuch",)],
        "fleet": FLEET_NAME,
        "follow": [ABSENT],
        "tail": [ABSENT, 1],
        "since": [ABSENT],
        "stop": [ABSENT],
    },
    "fleet.events": {"fleet": FLEET_NAME, "since": [ABSENT], "follow": [False], "stop": [ABSENT]},
    "fleet.unused": {"fleet": FLEET_NAME, "volumes": [ABSENT, True]},
    "fleet.specification": {"fleet": FLEET_NAME},
    "fleet.list": {},
    "licence.show": {},
    "licence.usage": {},
    "licence.tenants": PAGE,
    "licence.report": {},
    "licence.recount": {},
    "licence.settle": {"older_than": [ABSENT, 0.0]},
    "licence.install": {"document": ["{}", b"no licence"]},
    "signing_keys.rotate": {"algorithm": [ABSENT, "HS256"]},
    "signing_keys.list": {"status": [ABSENT, KeyStatus.RETIRED], **PAGE},
    "signing_keys.retire": {"kid": ["hs256-1", "hs256-2"]},
    "store.check": {},
    "store.copy": {"to": ["memory://"], "overwrite": [False, True]},
    "store.duties": {},
    "store.expire": {},
    "store.migrate": {},
    "tenants.add": {
        "code": ["spare", *TENANTS],
        "name": [Own()],
        "contact_email": [ABSENT, "ann@example.com"],
        "private_networks": [(), ("10.0.0.0/8",)],
        "store": [ABSENT, "nosuch://"],
    },
    "tenants.get": {"code": CODE},
    "tenants.list": {"status": [ABSENT, TenantStatus.SUSPENDED], **PAGE},
    "tenants.set_network": {"code": CODE, "private_networks": [("10.0.0.0/8",), ()], "revision": REVISION},
    "tenants.set_compliance": {"code": CODE, "settings": [{}, {"run_retention_days": 30}], "revision": REVISION},
    "tenants.migrate": {"code": CODE, "to": [Elsewhere(), "shared", "own"], "patience": [0.0], "report": [str]},
    "tenants.activate": {"code": CODE, "revision": REVISION},
    "tenants.suspend": {"code": ["spare", *CODE], "revision": REVISION},
    "tenants.remove": {"code": ["spare", *CODE], "revision": REVISION},
    # what stands beside the use-cases: the way in, and calls that are done once
    "gate.login": {
        "name": ["ann", "bob", "nobody"],
        "way": [{"password": PASSWORD, "realm": Realm()}]
        + [{"password": WRONG, "realm": Realm(whose)} for whose in range(3)],
        "cookie": [False, True],
    },
    "gate.refresh": {"refresh_token": [Given("refresh", at=-1), Given("refresh")]},
    "gate.bearer": {"token": TOKEN},
    "gate.believed": {"token": TOKEN},
    "gate.cookie": {"text": [Given("cookies", at=-1)]},
    "gate.key": {"text": [Given("texts", at=-1), Given("texts")]},
    "gate.extend": {"identity": TOKEN, "access_token": TOKEN, "expires_at": [WHEN]},
    "gate.own_sessions": {"identity": TOKEN},
    "gate.totp_begin": {"identity": TOKEN, "password": [PASSWORD, WRONG]},
    "gate.totp_confirm": {"identity": TOKEN, "code": ["000000"]},
    "gate.totp_disable": {"identity": TOKEN, "password": [PASSWORD]},
    "gate.end_own_session": {"identity": TOKEN, "session_id": SESSION},
    "gate.change_password": {"identity": TOKEN, "old": [PASSWORD, WRONG], "new": [PASSWORD]},
    "gate.logout": {"identity": TOKEN},
    "replays.once": {
        "realm": [Realm()],
        "name": ["ann/create/k-1", "k-2"],
        "request": [b"one", b"two"],
        "answer": [{"made": Own("answer")}],
    },
}
#: what sees all tenants by its nature: it is carried out, and what it gives is not compared
SEES_ALL: Final = {
    "core_audit.search": "it has the failed logins at tenants that are shut or gone",
    "core_audit.verify": "it counts them",
    "licence.recount": "it counts what all tenants have",
    "licence.report": "it counts what all tenants have",
    "licence.settle": "it looks after all tenants' changes",
    "licence.tenants": "it counts what all tenants have",
    "licence.usage": "it counts what all tenants have",
    "store.check": "it is about the databases of all tenants",
    "store.copy": "it counts the documents of all tenants",
    "store.expire": "it counts the documents of all tenants",
    "store.migrate": "it is about the databases of all tenants",
    "tenants.migrate": "it counts the documents of the tenant that is moved",
}
#: what concerns everybody: it is done wherever a tenant is alone, too
FOR_ALL: Final = ("store.", "signing_keys.")
#: what belongs to the gate itself and is nobody's call
NOBODYS: Final = {"gate.close", "gate.forget"}
#: seconds that a move lets pass
MOVE: Final = 20.0


@define(frozen=True, kw_only=True)
class Step:
    """One call."""

    name: str
    #: who sees what comes of it: a tenant, or the platform (``core``)
    of: str
    #: kind of actor; see ``ACTORS``
    who: str = "admin"
    #: the tenant that is asked for; that of ``of`` where it is empty
    door: str = ""
    arguments: Mapping[str, Any]
    #: seconds that passed since the last step
    pause: float = 2.0

    @property
    def concerns(self) -> frozenset[str]:
        """Who may notice that it was done."""
        if self.name.startswith(FOR_ALL):
            return frozenset({CORE, *TENANTS})
        if self.name.startswith("tenants.") and self.of == CORE:
            return frozenset({CORE, self.arguments.get("code", CORE)})
        if self.name == "gate.login":
            return frozenset({self.of, _other(self.of, self.arguments["way"]["realm"].whose)})
        return frozenset({self.of})

    @property
    def compared(self) -> bool:
        """Whether what it shows has to be the same."""
        return not (self.of == CORE and self.name in SEES_ALL)


@define(frozen=True, kw_only=True)
class Done:
    """A step that was carried out: with what, and what was to be seen."""

    number: int
    moment: float
    step: Step
    actor: Actor
    #: what marks the texts of who made it
    canary: str
    arguments: dict[str, Any]
    seen: Any


# who calls

NARROW: Final = frozenset(
    {
        "apps:read@apps/1", "apps:write@apps/2", "tasks:*@apps/1", "instances:*@instances/1", "runs:*@tasks/1",
        "runs:run@instances/2", "credentials:*@credentials/1", "roles:read", "users:read", "audit:read",
    }
)  # fmt: skip


def _of_tenant(*roles: str, **parts: Any) -> Callable[[str, str], Actor]:
    permissions = granted_by(roles, BUILT_IN_ROLES)

    def actor(of: str, user_id: str) -> Actor:
        whole = {"name": "ann", "permissions": permissions, "tenants": frozenset({of}), "realm": of, "user_id": user_id}
        return Actor(**{**whole, **parts})

    return actor


def _of_platform(*also: str, bound: bool = True) -> Callable[[str, str], Actor]:
    def actor(of: str, user_id: str) -> Actor:
        tenants = frozenset({of, *also}) if bound else frozenset()
        return Actor(name="root", permissions=frozenset({"*"}), tenants=tenants, realm=CORE, user_id=user_id)

    return actor


#: actors by kind: made of the tenant whose step it is, and of the id of a user of it
ACTORS: Final[Mapping[str, Callable[[str, str], Actor]]] = {
    "admin": _of_tenant("admin"),
    "editor": _of_tenant("editor"),
    "operator": _of_tenant("operator"),
    "auditor": _of_tenant("auditor"),
    "nobody": _of_tenant(),
    "narrow": _of_tenant(permissions=NARROW),
    "key": _of_tenant("admin", name="key:ci", scopes=NARROW, key_id="aaaaaaaaaaaa"),
    "bound": _of_platform(),
    "bound_to_two": _of_platform("zeta"),
    "operator_of_all": _of_platform(bound=False),
    "library": lambda of, user_id: Actor.trusted("library"),
}
#: those that may enter no tenant but their own
BOUND: Final = ("admin", "narrow", "key", "bound")


def _other(of: str, shift: int) -> str:
    """The tenant that many places after ``of``."""
    if not shift:
        return of
    return TENANTS[(TENANTS.index(of) + shift) % 3 if of in TENANTS else shift]


# carrying out

_CANARY: Final = re.compile(r"canary-of-\w+-\d+-")
_NOWHERE: Final[Mapping[str, Any]] = {
    **dict.fromkeys(
        ("apps", "tasks", "instances", "credentials", "playbooks", "schedules", "exceptions", "feeds"), 990_999
    ),
    **dict.fromkeys(("alerts", "cases", "channels", "policies", "silences"), 990_999),
    **dict.fromkeys(("users", "runs", "sessions"), "00000000-0000-4000-8000-000000000000"),
    "keys": "aaaaaaaaaaaa",
}
#: by type of what was given: under which kinds its attributes are found again
_KINDS: Final[Mapping[type, Mapping[str, str]]] = {
    Integration: {"integration_id": "apps"},
    Task: {"id": "tasks"},
    Instance: {"instance_id": "instances"},
    Credential: {"id": "credentials"},
    Execution: {"id": "runs"},
    Playbook: {"id": "playbooks"},
    Schedule: {"id": "schedules"},
    Event: {"id": "events"},
    Alert: {"id": "alerts"},
    Case: {"id": "cases"},
    Evidence: {"id": "evidence"},
    Channel: {"id": "channels"},
    Policy: {"id": "policies"},
    Silence: {"id": "silences"},
    Delivery: {"id": "deliveries"},
    Feed: {"id": "feeds"},
    DeadLetter: {"id": "letters"},
    Rule: {"id": "rules"},
    RuleException: {"id": "exceptions"},
    User: {"id": "users"},
    ApiKey: {"id": "keys"},
    IssuedKey: {"text": "texts"},
    Session: {"id": "sessions"},
    Tokens: {"access_token": "access", "refresh_token": "refresh", "cookie": "cookies", "session_id": "sessions"},
    SigningKey: {"kid": "kids"},
    PackageKey: {"fingerprint": "package_keys", "public": "publics"},
    AppImport: {"integration_id": "apps"},
    Listing: {"next": "cursors"},
}


class Scene:
    """What has been given to whom so far, in one installation."""

    def __init__(self, installation: Any) -> None:
        self.installation = installation
        self._given: dict[tuple[str, str], list[Any]] = {}
        #: how many tenants of that code were removed
        self._removed: Counter[str] = Counter()

    def actor(self, step: Step) -> Actor:
        """Who makes the step."""
        found = self._given.get((step.of, "users"), ["00000000-0000-4000-8000-000000000000"])
        return ACTORS[step.who](step.of, found[0])

    def canary(self, of: str) -> str:
        """What the tenant's texts begin with, those of an earlier one of its code with something else."""
        return f"canary-of-{of}-{self._removed[of]}-"

    def resolved(self, value: Any, of: str) -> Any:
        """``value`` with everything made that stands in an argument's place."""
        match value:
            case Given():
                found = self._given.get((_other(of, value.whose), value.kind), [])
                at = max(value.at, -len(found))
                return found[at] if at < len(found) else _NOWHERE.get(value.kind, "nowhere")
            case Own():
                return self.canary(of) + value.note
            case Made():
                return value.make(self.canary(of) + value.note)
            case Realm():
                return _other(of, value.whose)
            case Elsewhere():
                return "own" if self.installation.tenancy == "shared" else "shared"
            case list():
                return [self.resolved(each, of) for each in value]
            case dict():
                return {name: self.resolved(each, of) for name, each in value.items() if each is not ABSENT}
        return value

    def learn(self, step: Step, seen: Any) -> None:
        """Notes what can be named later."""
        self._note(step.of, seen.given)
        if step.name == "tenants.remove" and seen.error is None:
            self._removed[seen.given.tenant_code] += 1

    def _note(self, of: str, value: Any) -> None:
        if isinstance(value, list | tuple):
            for each in value:
                self._note(of, each)
        elif isinstance(value, TimelineEntry):
            if value.kind is EntryKind.COMMENT:
                self._given.setdefault((of, "comments"), []).append(value.id)
        elif has(type(value)):
            for name, kind in _KINDS.get(type(value), {}).items():
                found = getattr(value, name)
                clear = found.reveal() if isinstance(found, Secret) else found
                known = self._given.setdefault((of, kind), [])
                if clear and clear not in known:
                    known.append(clear)
            for each in fields(type(value)):
                self._note(of, getattr(value, each.name))


def carry_out(zona: Zona, done: Done) -> Any:
    """Makes the call."""
    step, arguments = done.step, done.arguments
    area, _, method = step.name.partition(".")
    if area == "gate":
        if "identity" in arguments:
            arguments = {**arguments, "identity": zona.gate.bearer(arguments["identity"])}
        way = arguments.get("way", {})
        return getattr(zona.gate, method)(**{key: each for key, each in arguments.items() if key != "way"}, **way)
    if area == "replays":
        return replayed(zona, **arguments)
    system = USE_CASES[step.name].door == "system"
    door = zona.system(done.actor) if system else zona.tenant(step.door or step.of, actor=done.actor)
    if area == "packages":
        return carried(getattr(door.packages, method), arguments)
    if step.name in ("fleet.events", "fleet.logs"):
        return [*getattr(door.area(area), method)(**arguments)]
    if step.name in ("cases.export", "evidence.open"):
        return read_out(getattr(door.area(area), method)(**arguments))
    result = getattr(door.area(area), method)(**arguments)
    if area == "signing_keys":
        settle_keys(zona)
    return result


def carried(method: Callable[..., Any], arguments: Mapping[str, Any]) -> list[Any]:
    """What a use-case that reads or writes a file gives, and what is in the file then."""
    files = {name: io.BytesIO(each) for name, each in arguments.items() if isinstance(each, bytes)}
    result = method(**{**arguments, **files})
    return [result, *(file.getvalue() for file in files.values())]


def read_out(found: Any) -> list[Any]:
    """What comes piece by piece, as a whole."""
    if isinstance(found, OpenEvidence):
        return [found.evidence, b"".join(found.chunks)]
    return [b"".join(found)]


def settle_keys(zona: Zona) -> None:
    """A key signs, and the gate knows it: else the next login of anybody would make one for the whole installation."""
    keys = zona.system().signing_keys
    if not keys.list(status=KeyStatus.ACTIVE).items:
        keys.rotate()
    zona.gate.forget()


def replayed(zona: Zona, realm: str, name: str, request: bytes, answer: dict[str, Any]) -> Any:
    """A call that is done once: what it is answered, the first time and later."""
    with zona.replays.once(realm, name, request) as attempt:
        if attempt.answer is None:
            attempt.keep(answer)
            return ["done", answer]
        return ["done before", attempt.answer]


def everything(opened: Any, steps: Iterable[Step]) -> list[Done]:
    """All steps in one installation."""
    done: list[Done] = []
    moment = 0.0
    with opened() as installation:
        scene = Scene(installation)
        for number, step in enumerate(steps):
            moment += step.pause
            each = Done(
                number=number,
                moment=moment,
                step=step,
                actor=scene.actor(step),
                canary=scene.canary(step.of),
                arguments=scene.resolved(dict(step.arguments), step.of),
                seen=None,
            )
            seen = installation.observed(number, moment, lambda each=each: carry_out(installation.zona, each))
            scene.learn(step, seen)
            done.append(evolve(each, seen=seen))
            moment += MOVE if step.name == "tenants.migrate" else 0.0
    return done


def alone(opened: Any, of: str, done: Iterable[Done]) -> list[Done]:
    """The steps that concern one tenant, or the platform, with the same arguments in another installation."""
    with opened() as installation:
        return [
            evolve(
                each,
                seen=installation.observed(
                    each.number, each.moment, lambda each=each: carry_out(installation.zona, each)
                ),
            )
            for each in done
            if of in each.step.concerns
        ]


# what has to hold


def leaks(opened: Any, steps: Iterable[Step]) -> list[str]:
    """Where somebody saw what it would not have seen alone, in sentences."""
    done = everything(opened, steps)
    return [
        *_shared_keys(done),
        *_canaries(done),
        *(each for of in (*TENANTS, CORE) for each in _seen_by(opened, of, done)),
    ]


def _seen_by(opened: Any, of: str, done: list[Done]) -> Iterable[str]:
    among = [each for each in done if each.step.of == of and each.step.compared]
    by_itself = [each for each in alone(opened, of, done) if each.step.of == of and each.step.compared]
    for here, there in zip(among, by_itself, strict=True):
        if here.seen.seen != there.seen.seen:
            yield f"{_named(here)} gave {here.seen.seen}, and alone {there.seen.seen}"
            return  # what follows is to be expected
    keys, alone_keys = (frozenset().union(*(each.seen.keys for each in side)) for side in (among, by_itself))
    if keys != alone_keys:
        yield f"{of} touched the cache's {sorted(keys ^ alone_keys)} on one side only"


def _canaries(done: list[Done]) -> Iterable[str]:
    """What a tenant wrote is shown to no other, to no actor of another, and to no later tenant of the same code."""
    for each in done:
        if each.step.of in TENANTS:
            text = json.dumps(each.seen.seen)
            if foreign := set(_CANARY.findall(text)) - {each.canary}:
                yield f"{_named(each)} shows what is another's ({', '.join(sorted(foreign))}): {text}"


def _shared_keys(done: list[Done]) -> Iterable[str]:
    """A key of the cache is one tenant's."""
    owners: dict[str, str] = {}
    for each in done:
        for key in each.seen.keys:
            if owners.setdefault(key, each.step.of) != each.step.of:
                yield f"{_named(each)} touched {key}, which is {owners[key]}'s"


def _named(done: Done) -> str:
    step = done.step
    return f"step {done.number}, {step.name} of {step.of} by {step.who} at {step.door or step.of} with {done.arguments}"


# sequences


def usual(name: str, of: str, /, **changed: Any) -> Step:
    """A call that succeeds, unless what was done before keeps it from that."""
    return Step(
        name=name,
        of=of,
        arguments={**{key: pool[0] for key, pool in CALLS[name].items()}, **changed},
        who="admin" if of in TENANTS else "operator_of_all",
    )


def _furnished(of: str) -> list[Step]:
    prefix = "core_" if of == CORE else ""
    steps = [
        usual(f"{prefix}users.add", of, name="ann", roles=("admin",)),
        usual(f"{prefix}users.add", of, name="bob", roles=("reader",)),
        usual(f"{prefix}roles.put", of, name="night"),
        usual(f"{prefix}api_keys.create", of, name="ci"),
        usual("gate.login", of),
        usual("gate.login", of, cookie=True),
    ]
    if of in TENANTS:
        steps += [
            usual("apps.upsert", of, definition=app("Main")),
            usual("tasks.list", of),
            usual("credentials.add", of, title="shared"),
            usual("package_keys.create", of, name="stamp"),
            usual("instances.add", of, title="main"),
            usual("runs.run", of),
        ]
    return steps


#: what every sequence begins with: three tenants and the platform, furnished alike
BEGINNING: Final = [
    usual("signing_keys.rotate", CORE),
    *(usual("tenants.add", CORE, code=code) for code in TENANTS),
    *(step for of in (CORE, *TENANTS) for step in _furnished(of)),
]
#: what every sequence ends with: a look at everything
END: Final = [
    *(usual("tenants.activate", CORE, code=code) for code in TENANTS),
    *(
        usual(name, of, **({"app": ABSENT} if name == "runs.list" else {}))
        for of in TENANTS
        for name in (
            "apps.list", "apps.names", "apps.search", "tasks.list", "revisions.of_app", "revisions.of_task",
            "instances.list", "credentials.list", "schedules.list", "feeds.list", "cases.list", "runs.list",
            "users.list", "roles.list", "api_keys.list", "sessions.list", "package_keys.list", "audit.search",
            "audit.verify",
        )
    ),
    *(
        usual(name, CORE)
        for name in (
            "tenants.list", "core_users.list", "core_roles.list", "core_api_keys.list", "core_sessions.list",
            "core_audit.search", "core_audit.verify", "signing_keys.list",
        )
    ),
]  # fmt: skip


def removed(code: str) -> list[Step]:
    """A tenant is removed."""
    return [usual("tenants.suspend", CORE, code=code), usual("tenants.remove", CORE, code=code)]


@st.composite
def acts(draw: st.DrawFn) -> list[Step]:
    """A call of anybody at any door, or the end of a tenant."""
    name = draw(st.sampled_from([*CALLS, "removed"]))
    of = draw(st.sampled_from(TENANTS))
    if name == "removed":
        return removed(of)
    at_system = name in USE_CASES and USE_CASES[name].door == "system"
    who, door = "admin", ""
    if at_system and draw(st.sampled_from([True, True, True, False])):
        of, who = CORE, "operator_of_all"
    elif at_system:
        who = draw(st.sampled_from(BOUND))
    elif name in USE_CASES and draw(st.sampled_from([False, False, False, True])):
        who, door = draw(st.sampled_from(BOUND)), draw(st.sampled_from([*TENANTS, "nowhere"]))
    else:
        who = draw(st.just("admin") | st.sampled_from(sorted(ACTORS)))
    arguments = {key: draw(st.just(pool[0]) | st.sampled_from(pool)) for key, pool in CALLS[name].items()}
    pause = draw(st.sampled_from([2.0, 0.0, 0.5]))
    return [Step(name=name, of=of, who=who, door=door, arguments=arguments, pause=pause)]


#: hardly any call twice by the same tenant, so that all have their turn
SEQUENCES: Final = st.lists(
    acts(), min_size=LONGEST // 2, max_size=LONGEST, unique_by=lambda act: (act[-1].name, act[-1].of)
).map(lambda found: [step for act in found for step in act])


def search(opened: Any, examples: int) -> list[Step]:
    """A random sequence that leaks; none if there was none among so many."""
    leaking: list[Step] = []

    @settings(
        max_examples=25 * examples if THOROUGH else examples,
        deadline=None,
        database=None,
        derandomize=not THOROUGH,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=SEQUENCES)
    def look(steps: list[Step]) -> None:
        if not leaking and leaks(opened, [*BEGINNING, *steps, *END]):
            leaking.extend(steps)

    look()
    return leaking


def shortened(opened: Any, steps: list[Step]) -> list[Step]:
    """What is left of a leaking sequence without the steps that have no part in it."""
    for step in reversed(steps):
        fewer = [each for each in steps if each is not step]
        if leaks(opened, [*BEGINNING, *fewer, *END]):
            steps = fewer
    return steps


#: each use-case with arguments that it takes, by every tenant or by the platform, one after the other
ROUND: Final = [
    step
    for name in CALLS
    for step in (
        [usual(name, CORE)]
        if name in USE_CASES and USE_CASES[name].door == "system"
        else [usual(name, of) for of in TENANTS]
    )
]
#: what the round does not bring to success
REFUSED: Final = {
    "gate.totp_confirm": "it takes a code of this moment",
    "licence.install": "it takes a file that a vendor has signed",
    "runs.decide": "it takes a run that waits for somebody",
}


def test_every_use_case_is_driven() -> None:
    """The table has every use-case of the registry, with all its arguments' names, and every way past them."""
    gates = {f"gate.{name}" for name in vars(Gate) if not name.startswith("_")} - NOBODYS
    assert set(CALLS) == set(USE_CASES) | gates | {"replays.once"}
    assert set(SEES_ALL) <= set(USE_CASES)
    for name, case in USE_CASES.items():
        wanted = set(inspect.signature(getattr(case.area, name.partition(".")[2])).parameters) - {"self"}
        assert wanted == set(CALLS[name]), name


@pytest.mark.parametrize(("tenancy", "store"), sorted(EXAMPLES))
def test_a_round_of_all_use_cases_shows_nothing_of_others(installations: Any, tenancy: str, store: str) -> None:
    """Every use-case does its work for every tenant, among the others as it does alone."""
    opened = installations(tenancy, store)
    steps = [*BEGINNING, *ROUND, *END]
    failed = {each.step.name: each.seen.error for each in everything(opened, steps[: -len(END)]) if each.seen.error}
    assert {name: error for name, error in failed.items() if name not in REFUSED} == {}
    assert set(failed) == set(REFUSED)
    assert leaks(opened, steps) == []


@pytest.mark.parametrize("tenancy", ["shared", "mssp"])
def test_who_comes_after_a_removed_tenant_sees_nothing_of_it(installations: Any, tenancy: str) -> None:
    """A code may be given again; whose it is then finds neither data nor anything that was kept of it."""
    again = [*removed("acme"), usual("tenants.add", CORE, code="acme"), *_furnished("acme")]
    assert leaks(installations(tenancy, "memory"), [*BEGINNING, *END, *again, *END]) == []


@pytest.mark.parametrize(("tenancy", "store"), sorted(EXAMPLES))
def test_no_tenant_learns_of_another(installations: Any, tenancy: str, store: str) -> None:
    """Whatever is done in whatever order, each tenant, and the platform, sees what it would see alone."""
    opened = installations(tenancy, store)
    if leaking := search(opened, EXAMPLES[tenancy, store]):
        steps = shortened(opened, leaking)
        pytest.fail("\n".join([*leaks(opened, [*BEGINNING, *steps, *END]), "in this sequence:", *map(str, steps)]))


# What the property is for: each of these faults makes it fail.

Mutation = Callable[[pytest.MonkeyPatch], None]


def queries_of_everybody(patch: pytest.MonkeyPatch) -> None:
    """Queries find what is any tenant's; that it is another's is noticed, and told."""
    patch.setattr(TenantCollection, "_mine", lambda self, where: self._own_key(where or {}))


def documents_of_everybody(patch: pytest.MonkeyPatch) -> None:
    """Queries find what is any tenant's, and it passes for the caller's own."""
    queries_of_everybody(patch)
    patch.setattr(TenantCollection, "_own", lambda self, document: _unstamped(document))


def removals_of_everybody(patch: pytest.MonkeyPatch) -> None:
    """Clearing up after one tenant takes what is any tenant's."""
    patch.setattr(TenantCollection, "delete_many", lambda self, where: self._inner.delete_many(self._own_key(where)))


def wrong_database(patch: pytest.MonkeyPatch) -> None:
    """One tenant is connected to the database of another, and nothing there tells them apart."""
    store_of = Placements.store_of
    patch.setattr(Placements, "store_of", lambda self, code: store_of(self, "acme" if code == "zeta" else code))
    documents_of_everybody(patch)


def names_taken_by_others(patch: pytest.MonkeyPatch) -> None:
    """What has to be unique in a tenant has to be so in all of them."""
    patch.setattr("zona_core.persistence.tenancy.tenant_spec", lambda spec: spec)


def shared_cache_keys(patch: pytest.MonkeyPatch) -> None:
    """A snapshot is kept under a key that tells neither its tenant nor its generation."""

    def cached(self: Snapshots, tenant_code: str, kind: str, name: str, make: Callable[[], Any]) -> Snapshot:
        key = f"{name}/0"
        kept = self._cache().get(key)
        if kept is None:
            kept = snapshots._packed(make())
            self._cache().put(key, kept, ttl=60.0)
        return Snapshot(kept[snapshots._ETAG :], kept[: snapshots._ETAG].decode())

    patch.setattr(Snapshots, "_cached", cached)


def shared_ids(patch: pytest.MonkeyPatch) -> None:
    """All tenants' ids come from one counter."""
    take_ids = Database.take_ids
    patch.setattr(Database, "take_ids", lambda self, code, name, count=1: take_ids(self, "all", name, count))


def trail_of_everybody(patch: pytest.MonkeyPatch) -> None:
    """The audit trail is read past the tenant's view of it."""

    def search(data: Any, target: Any, actor: Any, action: Any, *, after: Any, limit: int) -> Any:
        page = data.store.collection(tenant_spec(AUDIT.spec)).find(sort=[("seq", -1)], limit=limit)
        return [_unstamped(document) for document in page.items]

    patch.setattr("zona_core.usecases.audit._search", search)


def telling_errors(patch: pytest.MonkeyPatch) -> None:
    """What is not there is told apart from what is there and another's."""
    get = TenantCollection.get

    def telling(self: TenantCollection, key: str) -> Any:
        found = get(self, key)
        if found is None and any(self._inner.get(f"{code}/{key}") for code in TENANTS):
            raise NotFound("this is another tenant's")
        return found

    patch.setattr(TenantCollection, "get", telling)


def telling_logs(patch: pytest.MonkeyPatch) -> None:
    """A log line says how much all tenants do."""
    end = Book.end

    def telling(self: Book, *arguments: Any) -> Any:
        logging.getLogger("zona.runs").info("one of %d runs", self._data.runs._collection._inner.count())
        return end(self, *arguments)

    patch.setattr(Book, "end", telling)


def _unstamped(document: dict[str, Any]) -> dict[str, Any]:
    del document[STAMP]
    return {**document, "_id": document["_id"].partition("/")[2]}


@pytest.mark.parametrize(
    ("tenancy", "mutation", "sign"),
    [
        ("shared", queries_of_everybody, "isolation_breach"),
        ("shared", documents_of_everybody, "shows what is another's"),
        ("shared", removals_of_everybody, ", and alone "),
        ("mssp", wrong_database, "shows what is another's"),
        ("shared", names_taken_by_others, "duplicate"),
        ("shared", shared_cache_keys, "touched apps.names/"),
        ("mssp", shared_cache_keys, "touched apps.names/"),
        ("shared", shared_ids, "'integration_id': 2"),
        ("mssp", shared_ids, "'integration_id': 2"),
        ("shared", trail_of_everybody, "shows what is another's"),
        ("shared", telling_errors, "this is another tenant's"),
        ("shared", telling_logs, "one of 2 runs"),
    ],
)
def test_what_lets_something_out_is_found(
    installations: Any, monkeypatch: pytest.MonkeyPatch, tenancy: str, mutation: Mutation, sign: str
) -> None:
    """With any of these faults in the product a random sequence, or a removed tenant, shows that it leaks, and what."""
    opened = installations(tenancy, "memory")
    mutation(monkeypatch)
    steps = search(opened, EXAMPLES["shared", "memory"]) or removed("zeta")
    assert sign in "".join(leaks(opened, [*BEGINNING, *steps, *END]))
