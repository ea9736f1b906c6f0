"""An app with its logo and a first instance in one form, over HTTP."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from falcon.testing import Result
from PIL import Image

import zona_logos._reader
from zona_core import Zona

Ask = Callable[..., Result]

PATH = "/apps/v1/app/generic"
SECRET = "canary-90b1dd"
FIELDS = [{"name": "key", "kind": "secret", "required": True}]


def picture() -> bytes:
    """A PNG of one colour."""
    target = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(target, "PNG")
    return target.getvalue()


def save(call: Ask, *, logo: bytes | None = None, headers: dict[str, str] | None = None, **parts: Any) -> Result:
    """The answer to a form; what is no text is JSON."""
    texts = {name: part if isinstance(part, str) else json.dumps(part) for name, part in parts.items()}
    body = b"".join(
        f'--b0\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in texts.items()
    )
    if logo is not None:
        head = '--b0\r\nContent-Disposition: form-data; name="logo"; filename="l.png"\r\n\r\n'
        body += head.encode() + logo + b"\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b0"}
    return call("POST", PATH, body=body + b"--b0--\r\n", headers={**kind, **(headers or {})})


def test_an_app_is_made_with_logo_and_instance(call: Ask, served: Zona) -> None:
    """201, where it is, and no secret; the logo is a picture of its own, which everybody may look at who reads it."""
    first = {"title": "Main", "values": {"key": SECRET}}
    answer = save(call, title="Base", fields=FIELDS, logo=picture(), add_instance=True, new_instance=first)
    assert answer.status_code == 201, answer.text
    assert (answer.headers["location"], answer.headers["etag"]) == ("/api/v1/apps/1", '"1"')
    assert SECRET not in answer.text
    assert served.tenant().instances.get("Base", "Main").values["key"].reveal() == SECRET
    shown = call("GET", "/api/v1/apps/1/logo")
    assert shown.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(shown.content)) as opened:
        assert opened.convert("RGB").getpixel((0, 0)) == (0, 128, 128)
    assert call("HEAD", "/api/v1/apps/1/logo").status_code == 200


def test_an_app_is_changed_at_the_revision_that_is_named(call: Ask, problem: Any) -> None:
    """200, and its logo stays if none is sent; at another revision nothing is done."""
    save(call, title="Base", logo=picture())
    before = call("GET", "/api/v1/apps/1/logo").content
    changed = save(call, integration_id=1, title="Base", description="New.", headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert call("GET", "/api/v1/apps/1/logo").content == before
    problem(save(call, integration_id=1, title="Base", headers={"If-Match": '"1"'}), 412, "revision_conflict")
    problem(save(call, title="Base"), 409, "duplicate")
    problem(save(call, integration_id=9, title="Other"), 404, "not_found")


def test_every_fault_of_a_form_is_told(call: Ask, problem: Any) -> None:
    """With paths into the parts that are JSON; nothing is made."""
    first = {"title": "", "values": 7, "allow_private": "x", "credential": {}}
    told = problem(
        save(call, title="Base", fields=[{"name": "1 k", "kind": "nope"}], add_instance=True, new_instance=first),
        422,
        "invalid_input",
    )
    assert {fault["path"] for fault in told["errors"]} == {
        "fields[0].kind", "fields[0].name", "new_instance.allow_private", "new_instance.credential",
        "new_instance.title", "new_instance.values",
    }  # fmt: skip
    told = problem(save(call, title="Base", logo=b"<svg/>"), 422, "invalid_logo")
    assert [fault["path"] for fault in told["errors"]] == ["logo"]
    assert call("GET", "/api/v1/apps").json["data"] == []


def test_the_form_works_where_it_says(call: Ask, caller: Any, served: Zona, problem: Any) -> None:
    """In the tenant that it names, which the address of what was made names too; not for readers."""
    answer = save(call, title="Base", tenant_code="acme")
    assert answer.headers["location"] == "/api/v1/apps/1?tenant_code=acme"
    assert [app.title for app in served.tenant("acme").apps.list().items] == ["Base"]
    problem(save(caller("reader"), title="Other"), 403, "permission_denied")


def test_a_logo_that_cannot_be_read_here_is_told(call: Ask, problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """501 with what to install; apps without a picture are made all the same."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, zona_logos._reader.__name__)
    told = problem(save(call, title="Base", logo=b"\x89PNG\r\n\x1a\n"), 501, "not_installed")
    assert "extra images" in told["hint"]
    assert save(call, title="Base").status_code == 201
