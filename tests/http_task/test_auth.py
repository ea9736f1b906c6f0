"""Credentials: the schemes, the alternatives, OAuth tokens."""

import base64
import json
from types import SimpleNamespace

import pytest
from attrs import evolve

from zona_core.domain.secrets import Secret
from zona_core.errors import TaskFailed

KEY = {"type": "api_key", "in": "header", "name": "X-Key", "value": "{{ instance.key }}"}
BASIC = {"type": "basic", "username": "{{ instance.user }}", "password": "{{ instance.password }}"}


def app(service, **schemes):
    return {"base_url": service.url, "auth": schemes}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("scheme", "header", "value"),
    [
        (KEY, "X-Key", "k-1"),
        ({**KEY, "value": "Key {{ instance.key }}"}, "X-Key", "Key k-1"),
        ({**KEY, "in": "cookie", "name": "sid"}, "Cookie", "sid=k-1"),
        (BASIC, "Authorization", basic("ann:pä:ss")),
        ({**BASIC, "password": ""}, "Authorization", basic("ann:")),
        ({"type": "bearer", "token": "{{ instance.key }}"}, "Authorization", "Bearer k-1"),
        ({"type": "bearer", "token": "{{ instance.key }}", "prefix": "Token"}, "Authorization", "Token k-1"),
    ],
)
def test_schemes_set_their_headers(lab, service, scheme, header, value) -> None:
    """Each as its RFC, or the app, has it."""
    values = {"key": Secret("k-1"), "user": "ann", "password": Secret("pä:ss")}
    lab.run(app(service, A=scheme), values=values)
    assert service.seen[0].headers[header] == value


def test_a_key_in_the_query_joins_the_parameters(lab, service) -> None:
    """Encoded, after the task's own."""
    task = {"method": "GET", "path": "/", "parameters": [{"in": "query", "name": "q", "value": "1"}]}
    lab.run(app(service, A={**KEY, "in": "query", "name": "key"}), task, values={"key": Secret("a&b=c")})
    assert service.seen[0].query == [("q", "1"), ("key", "a&b=c")]


def test_derived_forms_are_concealed(lab, service) -> None:
    """Keys and passwords, and the base64 of basic authentication, are told to the run."""
    values = {"key": Secret("k/1"), "user": "ann", "password": Secret("pw-1")}
    task = {"method": "GET", "path": "/", "auth": [["A", "B"]]}
    lab.run(app(service, A={**KEY, "in": "query"}, B=BASIC), task, values=values)
    assert {"k/1", "pw-1", base64.b64encode(b"ann:pw-1").decode()} <= set(lab.concealed)


@pytest.mark.parametrize(
    ("values", "auth", "sent"),
    [
        ({"key": "k"}, [["Key"], ["Basic"]], {"X-Key"}),
        ({"user": "u", "password": "p"}, [["Key"], ["Basic"]], {"Authorization"}),
        ({"user": "u", "password": "p", "key": "k"}, [["Key", "Basic"]], {"X-Key", "Authorization"}),
        ({}, [["Key"], []], set()),
        ({"key": ""}, [["Key"], []], set()),
        ({"key": "k"}, [[]], set()),
        ({"user": "u", "password": "p"}, None, {"Authorization"}),
    ],
)
def test_the_first_alternative_with_values_is_used(lab, service, values, auth, sent) -> None:
    """Alternatives in order; without any, each scheme of the app alone."""
    task = {"method": "GET", "path": "/", **({} if auth is None else {"auth": auth})}
    lab.run(app(service, Key=KEY, Basic=BASIC), task, values=values)
    assert {"X-Key", "Authorization"} & set(service.seen[0].headers) == sent


def test_missing_credentials_are_named(lab, service) -> None:
    """By the fields that would have to be filled."""
    with pytest.raises(TaskFailed) as caught:
        lab.run(app(service, Key=KEY, Basic=BASIC), values={"user": "u"})
    assert caught.value.code == "credentials_missing"
    assert caught.value.details["fields"] == [["key"], ["password"]]
    assert "key or password" in caught.value.message
    assert service.seen == []


@pytest.mark.parametrize(
    ("scheme", "values"),
    [
        ({**KEY, "in": "cookie"}, {"key": "a;b"}),
        (KEY, {"key": "a\r\nb"}),
        (BASIC, {"user": "a:b", "password": "p"}),
    ],
)
def test_credentials_that_cannot_be_carried_are_refused(lab, service, scheme, values) -> None:
    """Cookies have no semicolons, headers no line breaks, user names no colons."""
    with pytest.raises(TaskFailed) as caught:
        lab.run(app(service, A=scheme), values=values)
    assert caught.value.code == "invalid_request"
    assert service.seen == []


OAUTH = {
    "type": "oauth2_client_credentials",
    "token_url": "/oauth/token",
    "client_id": "{{ instance.client }}",
    "client_secret": "{{ instance.secret }}",
    "scopes": ["read", "{{ instance.scope }}", "{{ instance.absent }}"],
}
CLIENT = {"client": "id:1", "secret": Secret("s/ecret"), "scope": "write"}


@pytest.fixture
def oauth(service, reply):
    """A service that hands out tokens T1, T2, … and accepts those in ``valid`` (all, if that is None)."""

    state = SimpleNamespace(issued=[], valid=None, expires_in=3600)

    def answer(seen):
        if seen.path.endswith("/oauth/token"):
            state.issued.append(f"T{len(state.issued) + 1}")
            grant = {"access_token": state.issued[-1], "token_type": "Bearer", "expires_in": state.expires_in}
            return reply(body=json.dumps(grant).encode())
        token = seen.headers["Authorization"].removeprefix("Bearer ")
        return reply(status=200 if state.valid is None or token in state.valid else 401)

    service.answer = answer
    return state


def tokens(service) -> list[str]:
    return [seen.headers["Authorization"] for seen in service.seen if not seen.path.endswith("/oauth/token")]


def test_a_token_is_fetched_once(lab, service, oauth) -> None:
    """And used until it expires; it is concealed."""
    for _ in range(3):
        lab.run(app(service, O=OAUTH), values=CLIENT)
    assert tokens(service) == ["Bearer T1"] * 3
    asked = service.seen[0]
    assert asked.method == "POST"
    assert asked.body == b"grant_type=client_credentials&scope=read+write"
    assert asked.headers["Authorization"] == basic("id%3A1:s%2Fecret")
    assert {"T1", "s/ecret"} <= set(lab.concealed)


def test_credentials_may_go_in_the_body(lab, service, oauth) -> None:
    """RFC 6749 §2.3.1, the other way."""
    lab.run(app(service, O={**OAUTH, "client_auth": "body", "scopes": []}), values=CLIENT)
    assert service.seen[0].body == b"grant_type=client_credentials&client_id=id%3A1&client_secret=s%2Fecret"
    assert "Authorization" not in service.seen[0].headers


@pytest.mark.parametrize("other", [{"secret": Secret("other")}, {"client": "id2"}, {"scope": "admin"}])
def test_tokens_of_others_are_not_used(lab, service, oauth, other) -> None:
    """Another client, secret or scope is another token."""
    lab.run(app(service, O=OAUTH), values=CLIENT)
    lab.run(app(service, O=OAUTH), values={**CLIENT, **other})
    assert tokens(service) == ["Bearer T1", "Bearer T2"]


def test_tokens_of_other_instances_are_not_used(lab, service, oauth) -> None:
    """Even if they have the same credentials."""
    for instance_id in (1, 2):
        lab.run(app(service, O=OAUTH), values=CLIENT, instance_id=instance_id)
    assert tokens(service) == ["Bearer T1", "Bearer T2"]


def test_an_expired_token_is_fetched_anew(lab, service, oauth) -> None:
    """A life of nothing is over at once."""
    oauth.expires_in = 0
    for _ in range(2):
        lab.run(app(service, O=OAUTH), values=CLIENT)
    assert tokens(service) == ["Bearer T1", "Bearer T2"]


@pytest.mark.parametrize("life", [None, "soon", "3600"])
def test_odd_lives_are_survived(lab, service, oauth, life) -> None:
    """Services write numbers as texts, or nothing."""
    oauth.expires_in = life
    for _ in range(2):
        lab.run(app(service, O=OAUTH), values=CLIENT)
    assert tokens(service) == ["Bearer T1"] * 2


def test_a_kept_token_that_is_refused_is_replaced_once(lab, service, oauth) -> None:
    """A 401 to a kept token means that it was revoked: one new token, one new try."""
    lab.run(app(service, O=OAUTH), values=CLIENT)
    oauth.valid = {"T2"}
    assert lab.run(app(service, O=OAUTH), values=CLIENT).performance["http_status"] == 200
    assert tokens(service) == ["Bearer T1", "Bearer T1", "Bearer T2"]


def test_a_new_token_that_is_refused_fails(lab, service, oauth) -> None:
    """There is nothing more to try."""
    oauth.valid = set()
    with pytest.raises(TaskFailed) as caught:
        lab.run(app(service, O=OAUTH), values=CLIENT)
    assert caught.value.details["http_status"] == 401
    assert tokens(service) == ["Bearer T1"]


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (401, b'{"error": "invalid_client"}', "http_status", False),
        (503, b"", "http_status", True),
        (200, b"<html>", "invalid_response", False),
        (200, b'{"access_token": 5}', "invalid_response", False),
        (200, b"[" * 100_000, "invalid_response", False),
    ],
)
def test_a_token_endpoint_that_fails_is_named(lab, service, reply, status, body, code, retryable) -> None:
    """Its answer says why, without the secret."""
    service.answer = lambda _: reply(status=status, body=body)
    with pytest.raises(TaskFailed) as caught:
        lab.run(app(service, O=OAUTH), values=CLIENT)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert "token" in caught.value.message
    assert [seen.path for seen in service.seen] == ["/oauth/token"]


def test_the_token_endpoint_passes_the_address_checks(lab, service) -> None:
    """A token URL is as little trusted as any other."""
    scheme = {**OAUTH, "token_url": "http://169.254.169.254/token"}
    with pytest.raises(TaskFailed) as caught:
        lab.run(app(service, O=scheme), values=CLIENT)
    assert caught.value.code == "address_refused"


def test_tokens_of_other_tenants_are_not_used(lab, service, oauth) -> None:
    """Ids are counted for each tenant: the first instance of both is number 1."""
    for tenant_code in ("acme", "zeta"):
        call = lab.call(app(service, O=OAUTH), values=CLIENT)
        lab.handler.run(evolve(call, connection=evolve(call.connection, tenant_code=tenant_code)))
    assert tokens(service) == ["Bearer T1", "Bearer T2"]


def test_a_life_that_no_clock_can_tell_is_no_failure(lab, service, oauth) -> None:
    """A number larger than any float counts as none."""
    oauth.expires_in = 10**400
    lab.run(app(service, O=OAUTH), values=CLIENT)
    assert tokens(service) == ["Bearer T1"]
