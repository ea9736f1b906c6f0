"""Who may call what: every operation for every built-in role, in its own tenant, another one, and above tenants.

What is expected is reckoned from the registry of use-cases and from the roles as the domain declares them; nothing of
it comes from the HTTP adapter, which is what is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import Factory, define
from falcon.testing import Result, TestClient

from zona_core import Unauthenticated, Zona, as_data
from zona_core.domain.identity import BUILT_IN_ROLES, granted_by
from zona_core.usecases.registry import use_cases
from zona_http import Access, HttpSettings, Operation, create_app
from zona_http._metrics import Metrics
from zona_http.app import operations
from zona_http.routes.system import system_operations

PASSWORD = "canary correct horse"
#: codes of refusals for want of permission, at the tenant's door, and at the platform's
REFUSALS = {"permission_denied", "wrong_tenant", "platform_only"}
#: operations that read, though their method is not GET
READING_POSTS = {
    "check_playbook",
    "check_policy",
    "check_rules",
    "distribute_apps",
    "export_apps",
    "plan_fleet",
    "validate_task",
    "verify_task",
}
#: values of parameters for what is not of one realm, or not there
OTHERS = {"code": "spare", "kid": "none", "exiprytime": "4102444800"}
#: from what changes nothing to what takes away most, so that later calls find something
ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")


def is_above(operation: Operation) -> bool:
    """Whether what the operation does is above tenants."""
    case = use_cases().get(operation.use_case)
    return operation.above_tenants if case is None else case.door == "system"


@define(frozen=True, kw_only=True)
class Caller:
    """A kind of user, or of API key if it has scopes."""

    role: str
    realm: str
    #: what a user of the platform is bound to
    tenants: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join(filter(None, (self.role, self.realm, *self.tenants, "key" if self.scopes else "")))

    def holds(self, permission: str) -> bool:
        """Whether its role, and its scopes if it is a key, grant the permission."""
        grants = [granted_by([self.role], BUILT_IN_ROLES)]
        if self.scopes:
            grants.append(frozenset(self.scopes))
        area, _, verb = permission.partition(":")
        return all(granted & {permission, f"{area}:*", f"*:{verb}", "*"} for granted in grants)

    def may(self, operation: Operation, tenant: str) -> bool:
        """Whether it is to be let in; ``tenant`` is the one that is worked in."""
        case = use_cases().get(operation.use_case)
        if is_above(operation):
            inside = self.realm == "core" and not self.tenants
        else:
            inside = tenant in ({self.realm} if self.realm != "core" else self.tenants or {tenant})
        permission = case.permission if case is not None else operation.permission
        own = case is not None and case.own and not self.scopes
        return inside and (own or self.holds(permission))


ROLES = ("nothing", *BUILT_IN_ROLES)
CALLERS = (
    *(Caller(role=role, realm="acme") for role in ROLES),
    Caller(role="admin", realm="acme", scopes=("apps:read", "runs:run", "core_users:read")),
    Caller(role="reader", realm="acme", scopes=("*",)),
    *(Caller(role=role, realm="core") for role in ROLES),
    Caller(role="admin", realm="core", tenants=("acme",)),
    Caller(role="admin", realm="core", scopes=("tenants:read", "apps:write", "core_users:read")),
)
#: what no request is named in works here: a user's own tenant, for those of the platform the default one
HOME = {caller: caller.realm if caller.realm != "core" else (*caller.tenants, "localhost")[0] for caller in CALLERS}


@define(kw_only=True)
class Stage:
    """A service with three tenants that hold the same, and everybody logged in."""

    zona: Zona
    client: TestClient
    operations: list[Operation]
    users: dict[Caller, str] = Factory(dict)
    headers: dict[Caller, dict[str, str]] = Factory(dict)
    sessions: dict[Caller, str] = Factory(dict)
    values: dict[str, dict[str, Any]] = Factory(dict)

    def known(self, caller: Caller) -> dict[str, str]:
        """By what the caller is known; logged in anew if an earlier call ended its session."""
        held = self.headers.get(caller)
        if held is not None and "Authorization" in held:
            try:
                self.zona.gate.bearer(held["Authorization"].removeprefix("Bearer "))
            except Unauthenticated:
                held = None
        if held is None:
            held = self.headers[caller] = self._key(caller) if caller.scopes else self._login(caller)
        return dict(held)

    def values_for(self, caller: Caller, operation: Operation, tenant: str) -> dict[str, Any]:
        """Objects of the place that is worked in; the caller's own, where it needs no permission for those."""
        case = use_cases().get(operation.use_case)
        values = self.values["core" if is_above(operation) else tenant]
        token = self.headers[caller].get("Authorization", "Bearer none").removeprefix("Bearer ")
        values = {**values, "accesstoken": token}
        if case is not None and case.own and not caller.holds(case.permission):
            values |= {"user": self.users[caller], "session_id": self.sessions[caller]}
        return values

    def state(self) -> list[Any]:
        """All that is stored of the tenants and the platform, but for what logging in changes."""
        database = self.zona._parts.database
        data = [database.tenant(code) for code in ("acme", "zeta", "localhost", "core")]
        kinds = (
            *("apps", "tasks", "instances", "credentials", "runs", "roles", "users", "audit", "keyed_calls"),
            *("package_keys", "revisions", "playbooks", "schedules"),
            *("events", "dead_letters", "rules", "rule_exceptions"),
            *("alerts", "policies", "silences", "channels", "deliveries", "feeds"),
            *("cases", "case_entries", "sightings", "evidence"),
        )
        stored = [as_data(model) for each in data for kind in kinds for model in getattr(each, kind).all()]
        return [
            *stored,
            *(as_data(model) for each in (database.tenants, database.signing_keys) for model in each.all()),
            *(as_data(model) for each in (database.fleets, database.deployments) for model in each.all()),
        ]

    def _door(self, caller: Caller) -> Any:
        return self.zona.system() if caller.realm == "core" else self.zona.tenant(caller.realm)

    def add(self, caller: Caller, furnish: Any) -> None:
        """Makes the user, with a session to spare."""
        roles = [caller.role] if caller.role in BUILT_IN_ROLES else []
        user = self._door(caller).users.add(str(caller), PASSWORD, roles=roles, tenants=caller.tenants)
        self.users[caller] = user.name
        self.sessions[caller] = furnish.session(self.zona, caller.realm, user).id

    def _login(self, caller: Caller) -> dict[str, str]:
        realm = "" if caller.realm == "core" else caller.realm
        tenant = HOME[caller] if caller.tenants else ""
        tokens = self.zona.gate.login(name=self.users[caller], password=PASSWORD, realm=realm, tenant=tenant)
        return {"Authorization": f"Bearer {tokens.access_token.reveal()}"}

    def _key(self, caller: Caller) -> dict[str, str]:
        issued = self._door(caller).api_keys.create(str(caller), scopes=caller.scopes, user=self.users[caller])
        return {"X-API-Key": issued.text.reveal()}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, echo: Any, furnish: Any) -> Iterator[Stage]:
    """One service for the whole matrix: what is refused changes nothing, and what is done may be done again."""
    settings = HttpSettings(
        client_limit=0, key_limit=0, tenant_limit=0, secure_cookies=False, metrics_protected=True, stream_seconds=1
    )
    options = {"store": "memory://", "container_engine": "memory:", "plugins": {"echo": echo}}
    with Zona.embedded(tmp_path_factory.mktemp("home"), **options) as zona:
        for code in ("acme", "zeta", "spare"):
            zona.system().tenants.add(code)
        served = [*operations(zona), *system_operations(zona, settings, Metrics("1"), {})]
        served.sort(key=lambda operation: ORDER.index(operation.method))
        made = Stage(zona=zona, client=TestClient(create_app(zona, settings)), operations=served)
        made.values = {code: {**furnish(zona, code), **OTHERS} for code in ("acme", "zeta", "localhost", "core")}
        for caller in CALLERS:
            made.add(caller, furnish)
            made.known(caller)
        yield made


def cells(stage: Stage, request_for: Any, caller: Caller, *, admitted: bool) -> Iterator[tuple[Operation, str, Result]]:
    """The caller's requests that are to be admitted, or to be refused, with their answers."""
    for operation in stage.operations:
        if operation.access is Access.PUBLIC:
            continue
        naming = request_for.names_tenant(operation)
        for named in [*(("acme", "zeta") if naming else ()), *(("",) if naming != "must" else ())]:
            place = named or HOME[caller]
            if operation.access is Access.KNOWN or caller.may(operation, place):
                if not admitted:
                    continue
            elif admitted:
                continue
            headers = stage.known(caller)
            asked = request_for(operation, stage.values_for(caller, operation, place), named)
            asked["headers"] |= headers
            yield (
                operation,
                f"{operation.method} {operation.path} ({operation.id}) in {named or 'its own'}",
                (stage.client.simulate_request(**asked)),
            )


def declared(operation: Operation, answer: Result) -> bool:
    """Whether the operation itself says that it may answer so."""
    code = answer.json["code"]
    return any(problem.status == answer.status_code and code in problem.codes for problem in operation.problems)


def refuses(caller: Caller, operation: Operation, answer: Result) -> bool:
    """Whether the answer is a refusal, and not one for another reason that the operation tells of.

    What concerns nobody but oneself may want a session, and so be shut for an API key.
    """
    if answer.status_code not in (401, 403):
        return False
    for_want = answer.json["code"] in REFUSALS and not (caller.scopes and operation.access is Access.KNOWN)
    return for_want or not declared(operation, answer)


def test_every_use_case_has_its_permission_from_the_registry(stage: Stage) -> None:
    """Each guarded operation names a use-case that there is, or a permission, and so the matrix knows who may."""
    guarded = [operation for operation in stage.operations if operation.access is Access.GRANTED]
    assert [each.id for each in guarded if each.use_case not in use_cases() and not each.permission] == []
    assert len(guarded) > 50


def test_without_proof_nothing_but_the_public_is_open(stage: Stage, request_for: Any) -> None:
    """Each operation answers 401 to whoever shows nothing, and to whoever shows what does not count."""
    shown: dict[str, dict[str, str]] = {
        "token_missing": {},
        "authorization_malformed": {"Authorization": "Basic YTpi"},
        "token_malformed": {"Authorization": "Bearer nonsense"},
        "key_malformed": {"X-API-Key": "nonsense"},
    }
    wrong = []
    for operation in stage.operations:
        asked = request_for(operation, stage.values["acme"] | {"accesstoken": "none"}, "acme")
        for method in operation.methods:
            for code, headers in shown.items():
                answer = stage.client.simulate_request(
                    **{**asked, "method": method, "headers": {**asked["headers"], **headers}}
                )
                if operation.access is Access.PUBLIC:
                    fits = answer.status_code not in (401, 403) or declared(operation, answer)
                else:
                    fits = answer.status_code == 401 and (method == "HEAD" or answer.json["code"] == code)
                if not fits:
                    wrong.append(f"{method} {operation.path} with {headers}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []


@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_what_a_role_lacks_is_refused(stage: Stage, request_for: Any, caller: Caller) -> None:
    """Each operation beyond the caller's permissions or outside its tenants answers 403, and changes nothing."""
    before = stage.state()
    answers = list(cells(stage, request_for, caller, admitted=False))
    wrong = [
        f"{cell}: {answer.status_code} {answer.text[:200]}"
        for _, cell, answer in answers
        if answer.status_code != 403 or answer.json["code"] not in REFUSALS
    ]
    assert wrong == []
    assert len(answers) > 20 or caller == Caller(role="admin", realm="core")
    assert stage.state() == before


@pytest.mark.parametrize("caller", CALLERS, ids=str)
def test_what_a_role_has_is_open(stage: Stage, request_for: Any, caller: Caller) -> None:
    """No operation that the caller may call refuses it, whatever else it answers; nothing breaks."""
    answers = list(cells(stage, request_for, caller, admitted=True))
    wrong = [
        f"{cell}: {answer.status_code} {answer.text[:200]}"
        for operation, cell, answer in answers
        if answer.status_code >= 500 or answer.status_code == 429 or refuses(caller, operation, answer)
    ]
    assert wrong == []
    assert answers


def test_readers_change_nothing_and_only_admins_manage_people(stage: Stage) -> None:
    """A second look that does not go by the registry's permissions: what the roles are for."""
    guarded = [each for each in stage.operations if each.access is Access.GRANTED]
    reader, editor = (Caller(role=role, realm="acme") for role in ("reader", "editor"))
    open_to_reader = {each.id for each in guarded if reader.may(each, "acme") and each.method != "GET"}
    own = {each.id for each in guarded if each.use_case and use_cases()[each.use_case].own}
    assert open_to_reader - own <= READING_POSTS
    people = ("/api/v1/users", "/api/v1/roles", "/api/v1/api-keys", "/api/v1/platform/")
    managing = {each.id for each in guarded if each.path.startswith(people)}
    assert {each.id for each in guarded if each.id in managing - own and editor.may(each, "acme")} == set()
    assert len(managing - own) > 20
