"""What the tests of the HTTP service share: people of several realms, an app, and routes of a plugin to try it with."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pkgutil import resolve_name
from typing import Annotated, Any, get_type_hints
from urllib.parse import quote

import falcon
import msgspec
import pytest
from attrs import NOTHING, Factory, astuple, define, fields, fields_dict, has
from falcon.testing import Result, TestClient
from msgspec import Meta

from zona_core import (
    AppDefinition,
    Connection,
    ConnectionReport,
    Fault,
    Field,
    FieldKind,
    Secret,
    TaskCall,
    TaskDefinition,
    TaskOutcome,
    Zona,
    hookimpl,
)
from zona_core.domain.alerts import Alert, EventLink
from zona_core.domain.feeds import Feed, FeedDefinition
from zona_core.domain.identity import Session, User
from zona_core.domain.notifications import Delivery, DeliveryState
from zona_core.domain.playbooks import PlaybookDefinition, Step
from zona_core.domain.policies import PolicyDefinition
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.domain.silences import SilenceDefinition
from zona_core.doors import Workspace
from zona_core.usecases.api_keys import IssuedKey
from zona_http import Answer, Call, HttpSettings, Operation, Upload, create_app
from zona_http.routes import operations_of
from zona_identity._passwords import Argon2idHasher

#: what every user's password is
PASSWORD = "canary correct horse"
#: what channels' deliveries are signed with
KEY = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"

TenantCode = Annotated[str, Meta(min_length=1, max_length=63, pattern="^[a-z0-9_-]+$")]


#: what an app makes of operations: all of it the same for the same ones, and changed by nothing
DECLARED = (
    "zona_http.app.Schemas",
    "zona_http._endpoint.BodyReader",
    "zona_http._endpoint.ParameterReader",
    "zona_http._openapi._operation",
)


class People:
    """Users by realm and role, made when they are first asked for; and the headers by which they are known."""

    password = PASSWORD

    def __init__(self, zona: Zona, client: TestClient) -> None:
        self.zona = zona
        self._client = client
        self._users: dict[tuple[str, ...], User] = {}
        self._bearers: dict[tuple[str, ...], dict[str, str]] = {}

    def user(self, role: str = "admin", realm: str = "core", *, tenants: tuple[str, ...] = ()) -> User:
        """The user of a realm who has that role; ``tenants`` bind one of the platform to tenants."""
        key = (role, realm, *tenants)
        if key not in self._users:
            door = self.zona.system() if realm == "core" else self.zona.tenant(realm)
            name = "-".join(key)
            self._users[key] = door.users.add(name, PASSWORD, roles=[role], tenants=tenants)
        return self._users[key]

    def login(self, role: str = "admin", realm: str = "core", **options: Any) -> Result:
        """The answer to a login of that user; ``options`` join the body, ``tenants`` are the user's."""
        user = self.user(role, realm, tenants=options.pop("tenants", ()))
        body = {"name": user.name, "password": PASSWORD, "realm": "" if realm == "core" else realm, **options}
        return self._client.simulate_post("/auth/v1/login", json=body)

    def bearer(self, role: str = "admin", realm: str = "core", *, tenants: tuple[str, ...] = ()) -> dict[str, str]:
        """``Authorization`` of that user; one login serves for all calls of a test."""
        key = (role, realm, *tenants)
        if key not in self._bearers:
            token = self.login(role, realm, tenants=tenants).json["data"]["access_token"]
            self._bearers[key] = {"Authorization": f"Bearer {token}"}
        return dict(self._bearers[key])

    def cookie(self, role: str = "admin", realm: str = "core") -> tuple[dict[str, str], str]:
        """A ``Cookie`` header of that user, and the CSRF token that goes with it."""
        answer = self.login(role, realm, cookie=True)
        return {"Cookie": f"zona={answer.cookies['zona'].value}"}, answer.json["data"]["csrf_token"]

    def key(
        self, role: str = "admin", realm: str = "core", *, scopes: tuple[str, ...] = ("*",), **options: Any
    ) -> IssuedKey:
        """An API key of that user; ``text`` is its secret text."""
        door = self.zona.system() if realm == "core" else self.zona.tenant(realm)
        user = self.user(role, realm)
        name = options.pop("name", f"key{len(door.api_keys.list().items)}")
        return door.api_keys.create(name, scopes=scopes, user=user.id, **options)

    def key_header(self, role: str = "admin", realm: str = "core", **options: Any) -> dict[str, str]:
        """``X-API-Key`` with a new key of that user."""
        return {"X-API-Key": self.key(role, realm, **options).text.reveal()}


@define(frozen=True, kw_only=True)
class Part:
    """A part of a thing."""

    name: str
    size: Annotated[int, Meta(ge=0, le=1_000)] = 0


@define(frozen=True, kw_only=True)
class Thing:
    """What the probe's routes take."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    ratio: float = 0.0
    open: bool = False
    tags: Annotated[tuple[str, ...], Meta(max_length=5)] = ()
    parts: tuple[Part, ...] = ()
    extra: dict[str, Any] = Factory(dict)
    token: Secret | None = None
    tenant_code: TenantCode | None = None


@define(frozen=True, kw_only=True)
class Shown:
    """What the probe's routes give."""

    name: str
    tenant: str
    actor: str
    parts: tuple[Part, ...] = ()
    revision: int = 1


@define(frozen=True, kw_only=True)
class Which:
    """Parameters of the probe's routes."""

    number: Annotated[int, Meta(ge=1, le=1_000)]
    word: Annotated[str, Meta(max_length=20)] = ""
    ratio: float = 0.0
    flag: bool = False
    tenant_code: TenantCode | None = None


@define(frozen=True, kw_only=True)
class Named:
    """A parameter in the path."""

    word: Annotated[str, Meta(max_length=20)]


@define(frozen=True, kw_only=True)
class Sent:
    """A multipart body."""

    title: str
    fields: dict[str, Any] = Factory(dict)
    file: Upload | None = None
    tenant_code: TenantCode | None = None


@define(frozen=True, kw_only=True)
class Received:
    """What came of a multipart body."""

    title: str
    fields: dict[str, Any]
    file_bytes: int


class Probe:
    """A plugin whose operations do what a test says, and count how often they were called."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        #: instead of what the operation does; may raise
        self.act: Callable[[Call], Any] | None = None

    def _do(self, call: Call) -> Any:
        self.calls.append(call)
        return self.act(call) if self.act is not None else self._shown(call)

    @staticmethod
    def _shown(call: Call) -> Shown:
        name = getattr(call.body, "name", None) or getattr(call.params, "word", "")
        parts = getattr(call.body, "parts", ())
        return Shown(name=name, tenant=call.workspace.tenant.tenant_code, actor=call.actor.name, parts=parts)

    def _received(self, call: Call) -> Received:
        self.calls.append(call)
        body: Sent = call.body
        return Received(title=body.title, fields=body.fields, file_bytes=len(body.file.data) if body.file else 0)

    def _streamed(self, call: Call) -> Answer:
        self.calls.append(call)
        return Answer(stream=iter([b"one\n", b"two\n"]), media_type="text/plain")

    @hookimpl
    def zona_http_routes(self, details: Any) -> list[Operation]:
        example = {"name": "probe", "tenant": "acme", "actor": "ann", "parts": [], "revision": 1}
        shown: dict[str, Any] = {"tag": "probe", "result": Shown, "answer_example": example}
        thing: dict[str, Any] = {"body": Thing, "example": {"name": "probe"}, **shown}
        write, read = {"permission": "probe:write"}, {"permission": "probe:read"}
        sent = {"title": "probe", "fields": {}, "file_bytes": 0}
        return [
            Operation(
                method="POST", path="/probe/v1/things", id="probe_add", summary="Add", handler=self._do, status=201,
                **write, **thing,
            ),
            Operation(
                method="PUT", path="/probe/v1/things/{number}", id="probe_put", summary="Put", handler=self._do,
                params=Which, locks=True, **write, **thing,
            ),
            Operation(
                method="GET", path="/probe/v1/things/{number}", id="probe_get", summary="Get", handler=self._do,
                params=Which, **read, **shown,
            ),
            Operation(
                method="DELETE", path="/probe/v1/things/{number}", id="probe_delete", summary="Delete",
                handler=self._do, params=Which, status=204, tag="probe", **write,
            ),
            Operation(
                method="POST", path="/probe/v1/done", id="probe_done", summary="Do", handler=self._do, status=204,
                tag="probe", **write,
            ),
            Operation(
                method="GET", path="/probe/v1/words/{word}", id="probe_word", summary="Word", handler=self._do,
                params=Named, **read, **shown,
            ),
            Operation(
                method="POST", path="/probe/v1/files", id="probe_send", summary="Send", handler=self._received,
                body=Sent, multipart=True, tag="probe", result=Received, example={"title": "probe"},
                answer_example=sent, **write,
            ),
            Operation(
                method="GET", path="/probe/v1/stream", id="probe_stream", summary="Stream", handler=self._streamed,
                media_type="text/plain", tag="probe", **read,
            ),
        ]  # fmt: skip


class Requests:
    """Makes a valid request for an operation out of what it declares.

    Parameters are taken from ``values`` by name, else from the declaration's examples; of those that may be left out,
    only the ones in ``values`` are sent. The body is the operation's example, with what ``values`` say of objects.
    """

    #: attributes of bodies that name an object, besides those that end in ``_id``
    references = frozenset({"app", "task", "instance", "credential", "user", "realm"})

    def __call__(self, operation: Operation, values: Mapping[str, Any], tenant: str = "") -> dict[str, Any]:
        """Arguments of ``simulate_request``; ``tenant`` is named wherever the operation takes one."""
        in_path = re.findall(r"{(\w+)}", operation.path)
        parameters = dict(self._parameters(operation, {**values, **({"tenant_code": tenant} if tenant else {})}))
        path = re.sub(r"{(\w+)}", lambda found: quote(str(parameters[found[1]]), safe=""), operation.path)
        query = {name: str(value) for name, value in parameters.items() if name not in in_path}
        made: dict[str, Any] = {"method": operation.method, "path": path, "params": query, "headers": {}}
        if operation.locks:
            made["headers"]["If-Match"] = "*"
        if operation.body is not None:
            self._add_body(made, operation, values, tenant)
        elif operation.stream:
            made["json"] = operation.example
        return made

    @staticmethod
    def names_tenant(operation: Operation) -> str:
        """Whether a request must, may or cannot name a tenant: ``must``, ``may`` or an empty text."""
        if "{tenant_code}" in operation.path:
            return "must"
        for declared in (operation.params, operation.body):
            item = fields_dict(declared).get("tenant_code") if declared is not None and has(declared) else None
            if item is not None:
                return "must" if item.default is NOTHING else "may"
        return ""

    @staticmethod
    def _parameters(operation: Operation, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if operation.params is None:
            return
        hints = get_type_hints(operation.params, include_extras=True)
        for item in fields(operation.params):
            examples = msgspec.json.schema(hints[item.name]).get("examples")
            if item.name in values:
                yield item.name, values[item.name]
            elif item.default is NOTHING:
                assert examples, (
                    f"{operation.id}: no value for the parameter {item.name!r}: give it Meta(examples=[…]) in its"
                    " declaration, or add it to the table of values in this test"
                )
                yield item.name, examples[0]

    def _add_body(self, made: dict[str, Any], operation: Operation, values: Mapping[str, Any], tenant: str) -> None:
        assert operation.example is not None, f"{operation.id}: its declaration needs example=… for the body"
        declared = fields_dict(operation.body) if has(operation.body) else {}
        body = dict(operation.example)
        body.pop("tenant_code", None)
        body |= {
            name: values[name]
            for name in declared
            if name in values and (name in self.references or name.endswith("_id"))
        }
        if "integration_ids" in declared and "integration_id" in values:
            body["integration_ids"] = [values["integration_id"]]
        if tenant and "tenant_code" in declared:
            body["tenant_code"] = tenant
        if not operation.multipart:
            made["json"] = body
            return
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{name}"{self._file(operation.body, name)}\r\n\r\n'.encode()
            + (value if isinstance(value, str) else json.dumps(value)).encode()
            + b"\r\n"
            for name, value in body.items()
        ]
        made["body"] = b"".join(parts) + b"--b--\r\n"
        made["headers"]["Content-Type"] = "multipart/form-data; boundary=b"

    @staticmethod
    def _file(declared: Any, name: str) -> str:
        kind = get_type_hints(declared)[name]
        return f'; filename="{name}"' if kind in (Upload, Upload | None) else ""


class Echo:
    """The task handler ``function`` of a plugin, which gives back what it is given."""

    def app_faults(self, app: Any) -> list[Fault]:
        return []

    def task_faults(self, task: Any, app: Any) -> list[Fault]:
        return []

    def run(self, call: TaskCall) -> TaskOutcome:
        return TaskOutcome(outputs={"text": call.inputs.get("text", "")})

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:
        return ConnectionReport(ok=True, detail="reached")

    @hookimpl
    def zona_task_handlers(self, details: Any) -> dict[str, Callable[[], Echo]]:
        return {"function": lambda: self}


class Furnisher:
    """Puts one object of each kind into a tenant or into the platform's realm (``core``)."""

    def __call__(self, zona: Zona, code: str, *, name: str = "demo", note: str = "noted") -> dict[str, Any]:
        """What the objects are called, by the names that parameters have for them.

        ``name`` is what they are found by, ``note`` what is in all that they hold besides.
        """
        door: Any = zona.system() if code == "core" else zona.tenant(code)
        user = door.users.add(f"{name}-user", PASSWORD, display_name=note, email=f"{note}@example.com")
        role = door.roles.put(f"{name}-role", description=note, permissions=["runs:run"])
        key = door.api_keys.create(f"{name}-key", scopes=["apps:read"], user=user.name).key
        session = self.session(zona, code, user, note).id
        values = {"user": user.name, "actor": user.name, "name": role.name, "key_id": key.id, "session_id": session}
        return values if code == "core" else values | self._app(door, name, note)

    @staticmethod
    def session(zona: Zona, code: str, user: User, note: str = "") -> Session:
        """A session of the user, as a login would open it."""
        now = zona._parts.clock.now()
        opened = Session(
            id=str(uuid.uuid4()),
            user_id=user.id,
            user_name=user.name,
            user_agent=note,
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(hours=1),
        )
        return zona._parts.database.tenant(code).sessions.insert(opened)

    @staticmethod
    def _app(door: Workspace, name: str, note: str) -> dict[str, Any]:
        tag, text = f"{name}_task", Field(name="text")
        task = TaskDefinition(name="Echo", description=note, task_tag=tag, task_handler="function", inputs=(text,))
        secret = Field(name="api_key", kind=FieldKind.SECRET)
        app = door.apps.upsert(AppDefinition(title=name, description=note, fields=(secret,), tasks=(task,))).app
        instance = door.instances.add(name, title=f"{name}-instance", values={"api_key": note})
        credential = door.credentials.add(f"{name}-credential", {"api_key": note})
        run = door.runs.run(name, tag, instance=instance.title, inputs={"text": note})
        steps = (Step(name="note", set={"note": note}),)
        playbook = door.playbooks.save(PlaybookDefinition(title=f"{name}-playbook", description=note, steps=steps))
        nightly = ScheduleDefinition(
            title=f"{name}-schedule", description=note, playbook=playbook.title, cron="0 2 * * *"
        )
        schedule = door.schedules.save(nightly)
        package_key = door.package_keys.create(f"{name}-package-key")
        found = Furnisher._events(door, name, note) | Furnisher._alerts(door, name, note)
        return {
            "app": name,
            "integration_id": app.integration_id,
            "target": f"apps/{app.integration_id}",
            "task": tag,
            "task_id": run.task_id,
            "playbook_id": playbook.id,
            "schedule_id": schedule.id,
            "run_id": run.id,
            "instance": instance.title,
            "instance_id": instance.instance_id,
            "credential": credential.title,
            "credential_id": credential.id,
            "credentials_id": credential.id,
            "package_key": package_key.name,
            "feed_id": Furnisher._feed(door, name, note).id,
            **found,
        }

    @staticmethod
    def _events(door: Workspace, name: str, note: str) -> dict[str, Any]:
        """An event, one that could not be taken, a rule and an exception from it."""
        raw = {"id": name, "note": note, "at": "2030-01-31T12:00:00Z", "host": f"{note}.example.com"}
        options = {"time": "at", "key": ["id"], "host": "host", "message": "note"}
        door.events.ingest([raw, {**raw, "at": "never"}], source=f"{name}-log", mapper="generic", options=options)
        source = "logsource: {product: testing}"
        rule = f"title: {note}\nid: {name}-rule\n{source}\ndetection: {{s: {{none: such}}, condition: s}}\n"
        door.rules.add([(f"{name}.yml", rule)])
        narrower = f"title: {note}\n{source}\nfilter: {{rules: [{name}-rule], s: {{a: b}}, condition: not s}}\n"
        exception = door.rules.add_exception(narrower, title=f"{name}-exception", reason=note)
        return {
            "event_id": door.events.list().items[0].id,
            "letter_id": door.events.dead_letters().items[0].id,
            "rule_id": f"{name}-rule",
            "exception_id": exception.id,
        }

    @staticmethod
    def _feed(door: Workspace, name: str, note: str) -> Feed:
        """A feed that polls the app's task."""
        return door.feeds.save(
            FeedDefinition(
                title=f"{name}-feed", description=note, app=name, task=f"{name}_task", inputs={"text": note},
                events="outputs.events",
            )
        )  # fmt: skip

    @staticmethod
    def _alerts(door: Workspace, name: str, note: str) -> dict[str, Any]:
        """A channel, a policy, a silence, and an alert that could not be told of."""
        data, options = door._context.data, {"url": "http://127.0.0.1:9/", "headers": {"X-Note": note}, "secret": KEY}
        channel = door.channels.save(f"{name}-channel", notifier="webhook", options=options)
        policy = door.policies.save(PolicyDefinition(title=f"{name}-policy", description=note))
        silence = door.silences.save(SilenceDefinition(title=f"{name}-silence", reason=note))
        event, now = door.events.list().items[0], data.now()
        alert = data.alerts.insert(
            Alert(
                id=data.take_id("alerts"), title=note, rule=f"{name}-rule", rule_kind="rule", severity="high",
                group_key=name, first_at=now, last_at=now, count=1, policy_id=policy.id, created_at=now, updated_at=now,
            )
        )  # fmt: skip
        holder = f"alerts/{alert.id}"
        data.event_links.insert(EventLink(holder=holder, kind="alerts", event_id=event.id, at=event.occurred_at))
        data.deliveries.insert(
            Delivery(
                id=f"{name}-delivery", target=holder, channel_id=channel.id, channel=channel.title, subject=note,
                at=now, state=DeliveryState.FAILED, error=note,
            )
        )  # fmt: skip
        return {
            **Furnisher._case(door, alert, note),
            "alert_id": alert.id,
            "channel_id": channel.id,
            "policy_id": policy.id,
            "silence_id": silence.id,
        }

    @staticmethod
    def _case(door: Workspace, alert: Alert, note: str) -> dict[str, Any]:
        """A case with the alert, a task, a comment and a file."""
        case = door.cases.create(note, description=note, alerts=[alert.id])
        door.cases.add_task(case.id, note)
        evidence = door.evidence.put(case.id, [note.encode()], name=note)
        return {"case_id": case.id, "entry_id": door.cases.comment(case.id, note).id, "evidence_id": evidence.id}


@pytest.fixture(scope="session", autouse=True)
def declarations_read_once() -> Iterator[None]:
    """What Zona's own operations declare is made out once, not for each of the many apps that these tests make."""
    own = {id(operation) for operation in operations_of()}

    def once(make: Callable[..., Any]) -> Callable[..., Any]:
        made: dict[Any, Any] = {}

        def known(*given: Any) -> Any:
            if isinstance(given[0], Operation) and id(given[0]) not in own:
                return make(*given)
            key = tuple(tuple(each) if isinstance(each, list) else _by_value(each) for each in given)
            if key not in made:
                made[key] = given, make(*given)  # what was given stays, so that nothing else gets its id
            return made[key][1]

        return known

    with pytest.MonkeyPatch.context() as patch:
        for name in DECLARED:
            patch.setattr(name, once(resolve_name(name)))
        yield


def _by_value(given: Any) -> Any:
    return astuple(given) if isinstance(given, HttpSettings) else id(given)


@pytest.fixture(scope="session")
def request_for() -> Requests:
    """``request_for(operation, values, tenant)``: a valid request for any operation; see ``Requests``."""
    return Requests()


@pytest.fixture(scope="session")
def echo() -> Echo:
    """A plugin whose handler ``function`` gives back the text that it is given."""
    return Echo()


@pytest.fixture(scope="session")
def furnish() -> Furnisher:
    """``furnish(zona, code)`` puts objects into a realm; see ``Furnisher``."""
    return Furnisher()


@pytest.fixture
def settings() -> HttpSettings:
    """How the app of a test behaves; a test module may give its own."""
    return HttpSettings(secure_cookies=False)


@pytest.fixture
def probe() -> Probe:
    """The plugin whose operations stand under ``/probe/v1``."""
    return Probe()


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as always, at the least cost: these tests log in a lot and none of them is about hashes."""
    monkeypatch.setattr("zona_identity.plugin._argon2id", lambda: Argon2idHasher(memory_kib=64, iterations=1))


@pytest.fixture
def served(probe: Probe, quick_passwords: None) -> Iterator[Zona]:
    """A Zona on a private in-memory store with the tenants acme, globex and (suspended) initech, and the probe."""
    with Zona(store="memory://", plugins={"probe": probe}) as zona:
        tenants = zona.system().tenants
        for code in ("acme", "globex", "initech"):
            tenants.add(code)
        tenants.suspend("initech")
        yield zona


@pytest.fixture
def app(served: Zona, settings: HttpSettings) -> Any:
    """The WSGI application of ``served``."""
    return create_app(served, settings)


@pytest.fixture
def client(app: Any) -> TestClient:
    """Calls ``app``."""
    return TestClient(app)


@pytest.fixture
def people(served: Zona, client: TestClient) -> People:
    """Who may call: ``people.bearer("reader", "acme")`` and the like."""
    return People(served, client)


@pytest.fixture
def problem(client: TestClient) -> Callable[..., dict[str, Any]]:
    """``problem(answer, status, code)`` gives the problem document, having checked that it is one."""

    def check(answer: Result, status: int, code: str = "") -> dict[str, Any]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        told: dict[str, Any] = answer.json
        assert told["status"] == status
        assert told["success"] is False
        assert told["type"] == f"urn:zona:problem:{told['code']}"
        assert told["correlation_id"] == answer.headers["x-correlation-id"]
        if code:
            assert told["code"] == code, told
        return told

    return check


def raw_call(app: Any, environ: Mapping[str, Any], **options: Any) -> tuple[int, dict[str, str], bytes]:
    """Calls a WSGI application with an environment as a server may make it, past what the test client would refuse."""
    base = falcon.testing.create_environ(**options)
    base.update(environ)
    told: list[Any] = []
    chunks = app(base, lambda status, headers, exc_info=None: told.append((status, headers)))
    try:
        body = b"".join(chunks)
    finally:
        if close := getattr(chunks, "close", None):
            close()
    status, headers = told[0]
    return int(status.split()[0]), {name.lower(): value for name, value in headers}, body


@pytest.fixture
def raw(app: Any) -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """``raw(environ, **options)``: see ``raw_call``."""
    return lambda environ=None, **options: raw_call(app, environ or {}, **options)


Asked = Callable[..., Any]


@pytest.fixture
def caller(client: Any, people: Any) -> Callable[[str], Asked]:
    """Gives a function that calls the service in the name of who has a role."""

    def of_role(role: str) -> Asked:
        def call(method: str, path: str, *, headers: dict[str, str] | None = None, **rest: Any) -> Any:
            return client.simulate_request(method, path, headers={**people.bearer(role), **(headers or {})}, **rest)

        return call

    return of_role


@pytest.fixture
def call(caller: Callable[[str], Asked]) -> Asked:
    """Calls the service in the administrator's name."""
    return caller("admin")
