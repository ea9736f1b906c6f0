"""Literal secrets do not travel, and nothing else is lost for their sake."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from zona_core.domain.portability import without_secrets
from zona_core.domain.secret_names import says_credential, says_secret
from zona_core.domain.secret_texts import is_supplied

SECRET = "Canary-77x-SeCrEt"  # none


def auth(**scheme: Any) -> dict[str, Any]:
    """An app's configuration with one authentication scheme."""
    return {"handler_config": {"http": {"auth": {"Scheme": scheme}}}}


def parameter(name: str, value: Any = SECRET, place: str = "query") -> dict[str, Any]:
    """A task's configuration with one parameter."""
    return {"parameters": [{"in": place, "name": name, "value": value}]}


HOLES: dict[str, dict[str, Any]] = {
    "a fallback in a template": {"headers": {"X-Api-Key": f"{{{{ instance.key || '{SECRET}' }}}}"}},
    "one in backticks": {"password": f'{{{{ instance.key || `"{SECRET}"` }}}}'},
    "a word as fallback": {"password": "{{ instance.key || 'hunter' }}"},
    "text around a template": {"password": f"{SECRET}{{{{ instance.key }}}}"},
    "a parameter called key": parameter("key"),
    "a header called like a key": parameter("X-Shodan-Key", place="header"),
    "a cookie called like a session": parameter("session_id", place="cookie"),
    "a number": parameter("api_key", 12345678),
    "a header of all requests": {"http": {"headers": {"X-Vendor-Key": SECRET}}},
    "an api key, whatever its name": auth(type="api_key", **{"in": "header"}, name="X", value=SECRET),
    "a scheme that is not known": auth(type="other", value=SECRET),
    "a user's name that is an api key": auth(type="basic", username=SECRET, password=""),
    "choices": {"inputs": [{"name": "api_key", "kind": "choice", "choices": [SECRET, "b2"], "default": SECRET}]},
    "a JWT in prose": {"description": "such as eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.Canary77x"},
    "a header in prose": {"help": f"send Bearer {SECRET} with it"},
    "a private key in prose": {
        "description": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----\nand more"
    },
    "what is below a secret name": {"credentials": {"type": "basic", "login": "x", "pw": SECRET}},
    "a name and a value": {"items": [{"key": "password", "value": SECRET}]},
    "an argument": {"command": ["run", "--token", SECRET]},
    "an argument with its value": {"command": ["run", f"--password={SECRET}"]},
    "a variable": {"service": {"environment": {"SHODAN_KEY": SECRET}}},
    "a parameter of a service": {"service": {"parameters": {"key": SECRET}}},
    "a form": {"body": {"type": "raw", "content": f"password={SECRET}&x=1"}},
    "a JSON text": {"body": {"type": "raw", "content": f'{{"password": "{SECRET}"}}'}},
    "an XML text": {"body": {"type": "raw", "content": f"<a:Password>{SECRET}</a:Password>"}},
    "a fragment of a URL": {"url": f"https://example.com/#access_token={SECRET}"},
    "a key with a marked beginning": {"note": "AKIACANARY77CANARY77"},
}


@pytest.mark.parametrize("name", HOLES)
def test_a_literal_secret_is_left_out_and_told(name: str) -> None:
    """Wherever an author may write one; what is left is as it is, once more."""
    clean, found = without_secrets(HOLES[name])
    assert found
    assert not [word for word in ("anary", "CANARY", "hunter", "12345678") if word in repr(clean)]
    assert without_secrets(clean) == (clean, [])


KEPT: dict[str, dict[str, Any]] = {
    "what is not secret by its name": {"token_url": "https://x/token", "max_tokens": "4096", "tokens": 4096},
    "templates": parameter("page_token", "{{ input.page_token }}"),
    "a template with its scheme": {"headers": {"Authorization": "Bearer {{ instance.token }}"}},
    "a scheme within a template": {"headers": {"Authorization": "{{ join(' ', ['Bearer', instance.token]) }}"}},
    "a choice between templates": {"token": "{{ instance.kind == 'oauth2' && instance.a || instance.b }}"},
    "templates over what came in": {"dependent_tasks": [{"inputs": {"token": "{{ event.token }}"}}]},
    "cookies of templates": {"headers": {"Cookie": "sid={{ instance.sid }}; lang=en"}},
    "a scheme whose name says token": auth(type="bearer", token="{{ instance.t }}", prefix="Token"),
    "how a client authenticates": auth(
        type="oauth2_client_credentials",
        token_url="https://x/t",
        client_id="zona",
        client_secret="{{ instance.s }}",
        client_auth="body",
    ),
    "alternatives of a task": {"auth": [["ApiKey"], []]},
    "words to choose from": {"inputs": [{"name": "secrets", "kind": "choice", "choices": ["include", "leave out"]}]},
    "a schema": {"schema": {"properties": {"password": {"type": "string", "maxLength": 4096, "format": "password"}}}},
    "where values are found": {"field_mapping": {"password": "details.password"}, "data_mapping": {"token": "a.b"}},
    "outputs": {"outputs": [{"name": "access_token", "kind": "text", "path": "body.access_token"}]},
    "prose": {"description": "Takes a token, password=… or a Bearer token of user@example.com"},
    "placeholders": {"example": "apikey=<apikey>&token=${TOKEN}"},
    "a path's parameter": parameter("issueKey", "SEC-12", "path"),
    "a raw body of templates": {"content": '{"password": "{{ instance.p }}"}', "other": "token={{ instance.t }}&a=b"},
    "an argument that is a template": {"command": ["run", "--token", "{{ instance.t }}", "--fast"]},
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_no_literal_secret_stays(name: str) -> None:
    """It is the same object, and nothing is told."""
    clean, found = without_secrets(KEPT[name])
    assert (clean is KEPT[name], found) == (True, [])


def test_what_a_secret_field_need_not_have_is_gone() -> None:
    """A default of another kind than the field's could not be read again."""
    field = {"name": "pin_token", "kind": "number", "default": 123456, "example": 654321}
    assert without_secrets({"inputs": [field]})[0] == {"inputs": [{"name": "pin_token", "kind": "number"}]}


@pytest.mark.parametrize(
    ("name", "secret", "credential"),
    [
        ("clientSecret", True, True), ("X-Api-Key", True, True), ("refreshToken", True, True), ("DB_PASS", True, True),
        ("myPrivateKey", True, True), ("Ocp-Apim-Subscription-Key", True, True), ("max_tokens", False, False),
        ("client_auth", False, True), ("token_url", False, False), ("key", False, True), ("monkey", False, False),
        ("sort_key", False, False), ("X-Vendor-Key", False, True), ("a" * 201 + "_token", False, False),
    ],
)  # fmt: skip
def test_names_say_what_is_secret(name: str, secret: bool, credential: bool) -> None:
    """By how they end, in whichever way they are written; some only where credentials are."""
    assert (says_secret(name), says_credential(name)) == (secret, credential)


def test_long_names_are_not_remembered() -> None:
    """What strangers call things stays no longer than a look at it takes."""
    from zona_core.domain import portability

    without_secrets({"n" * 1_000_000: 1})
    assert max(map(len, portability._HARMLESS)) <= 64


HOSTILE = {
    "beginnings of JWTs": "eyJ-" * 250_000,
    "blanks after a scheme": "Bearer " + " " * 1_000_000,
    "schemes": "Bearer " * 150_000,
    "beginnings of keys": "-----BEGIN PRIVATE KEY-----" * 40_000,
    "a query without an end": "?" + "a" * 1_000_000,
    "URLs without hosts": "://@" * 250_000,
    "values without an end": '"a":"' + '\\"' * 500_000,
    "elements without an end": "<a>" * 300_000 + "</",
    "literals without an end": "{{'" + "\\'" * 500_000,
    "templates without an end": "{{" * 500_000,
    "comparisons": "{{" + "a=='x1'||" * 110_000 + "}}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_long_texts_are_looked_at_once(name: str) -> None:
    """A megabyte that a search with second thoughts would take minutes or hours for."""
    text = HOSTILE[name]
    without_secrets({"password": text, "content": text, "description": text})
    is_supplied(text)


def test_rules_that_change_get_a_new_version() -> None:
    """Stored documents say by which rules they were looked through: whoever changes what is found raises ``RULES``.

    Then, or if nothing else is found, the digest here is renewed.
    """
    from zona_core.domain import portability, secret_names, secret_texts

    sources = b"".join(Path(str(each.__file__)).read_bytes() for each in (portability, secret_names, secret_texts))
    assert (portability.RULES, hashlib.sha256(sources).hexdigest()[:16]) == (1, "8024cd1522c419b6")
