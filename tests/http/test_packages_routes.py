"""Packages over HTTP: exported as files, imported from files, neither held in memory."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import falcon.testing
import pytest
from attrs import evolve
from falcon.testing import Result
from sample_apps import app as sample
from sample_apps import exported, task

from zona_core import Zona
from zona_http import HttpSettings, _multipart, create_app, operation
from zona_http import _replays as replays
from zona_http.routes import packages as routes

Ask = Callable[..., Result]

EXPORT, IMPORT = "/apps/v1/app/export", "/apps/v1/app/import"
CANARY = "canary-4d1c77"
BOUNDARY = "7f3a"


@pytest.fixture
def apps(served: Zona) -> list[int]:
    """Ids of two apps of the default tenant, one of which needs the other."""
    here = served.tenant().apps
    made = [
        here.upsert(sample("Base", task("info"), task("lookup"))).app,
        here.upsert(sample("Über Scan", task("enrich", "Base/lookup"))).app,
    ]
    return [each.integration_id for each in made]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The temporary files that the service has made; all are closed in the end."""
    made: list[Any] = []

    def make() -> Any:
        made.append(tempfile.TemporaryFile())  # noqa: SIM115  # the service closes it, which is tested
        return made[-1]

    monkeypatch.setattr(operation, "TemporaryFile", make)
    monkeypatch.setattr(routes, "TemporaryFile", make)
    yield made
    assert [file for file in made if not file.closed] == []


def form(package: bytes, *, end: str = "", **parts: str) -> dict[str, Any]:
    """A multipart body with a package; ``end`` comes after it."""
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"
        for name, file, value in (
            *((name, "", value.encode()) for name, value in parts.items()),
            ("package", '; filename="apps.zona"', package),
        )
    )
    return {
        "body": body + f"--{BOUNDARY}--\r\n{end}".encode(),
        "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    }


def sent(call: Ask, package: bytes, *, key: str = "", **parts: str) -> Result:
    """The answer to an import."""
    asked = form(package, **parts)
    if key:
        asked["headers"]["Idempotency-Key"] = key
    return call("POST", IMPORT, **asked)


def results(answer: Result) -> dict[str, str]:
    """What became of each app."""
    assert answer.status_code == 200, answer.text
    return {each["title"]: each["result"] for each in answer.json["data"]["apps"]}


def test_a_package_goes_from_one_tenant_to_another(call: Ask, served: Zona, apps: list[int], files: list[Any]) -> None:
    """What is exported is imported, references between apps included; exported again it is the same to the byte."""
    answer = call("POST", EXPORT, json={"integration_ids": apps})
    assert answer.status_code == 200, answer.text
    assert answer.content == exported(served.tenant())
    done = sent(call, answer.content, tenant_code="acme")
    assert results(done) == {"Base": "created", "Über Scan": "created"}
    assert done.json["meta"] == {"failed": 0}
    again = call("POST", EXPORT, json={"tenant_code": "acme", "integration_ids": [1, 2]})
    assert again.content == answer.content
    assert len(files) == 3


def test_headers_say_what_the_file_is(call: Ask, served: Zona, apps: list[int]) -> None:
    """Media type, length, digests of the bytes and of the content, a name, and how much there is in it."""
    answer = call("POST", EXPORT, json={"integration_ids": apps})
    report = served.tenant().packages.export_apps(apps, io.BytesIO())
    headers = answer.headers
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert headers["content-type"] == "application/zstd"
    assert answer.content.startswith(b"\x28\xb5\x2f\xfd")
    assert headers["content-length"] == str(len(answer.content))
    assert headers["repr-digest"] == f"sha-256=:{digest}:"
    assert headers["zona-package-digest"] == report.digest
    assert headers["content-disposition"] == 'attachment; filename="apps.zona"'
    assert (headers["zona-apps"], headers["zona-tasks"]) == ("2", "3")
    assert (headers["zona-missing-count"], headers["zona-left-out-count"]) == ("0", "0")
    assert not {"zona-missing", "zona-signed-by"} & {name.lower() for name in headers}
    assert headers["x-content-type-options"] == "nosniff"


def test_one_app_may_be_a_document(call: Ask, apps: list[int], problem: Any) -> None:
    """It is JSON and named after the app; more than one do not fit into it."""
    answer = call("POST", EXPORT, json={"integration_ids": apps[1:], "format": "json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="ber-Scan.json"'
    assert answer.json["app"]["title"] == "Über Scan"
    assert results(sent(call, answer.content, tenant_code="acme")) == {"Über Scan": "created"}
    problem(call("POST", EXPORT, json={"integration_ids": apps, "format": "json"}), 422, "too_many_apps")


def test_what_is_missing_is_told(call: Ask, apps: list[int], problem: Any) -> None:
    """The others are exported; a header has the ids, a hundred at most, another how many; none at all is a fault."""
    answer = call("POST", EXPORT, json={"integration_ids": [*range(900, 1_100), apps[0]]})
    assert answer.status_code == 200
    headers = answer.headers
    assert (headers["zona-apps"], headers["zona-missing-count"]) == ("1", "200")
    assert headers["zona-missing"] == ", ".join(map(str, range(900, 1_000)))
    problem(call("POST", EXPORT, json={"integration_ids": [900]}), 422, "nothing_to_export")
    problem(call("POST", EXPORT, json={"integration_ids": []}), 422, "invalid_input")
    problem(call("POST", EXPORT, json={"integration_ids": [1] * 1_001}), 422, "invalid_input")


def test_literal_secrets_are_left_out_and_told_in_the_trail(call: Ask, served: Zona) -> None:
    """They are counted in a header; where they stood is in the audit record of the export."""
    header = {"in": "header", "name": "X-Token", "value": CANARY}
    config = {"method": "GET", "path": "/x", "parameters": [header]}
    leaky = sample("Leaky", evolve(task("x"), handler_config=config))
    app = served.tenant().apps.upsert(leaky).app
    answer = call("POST", EXPORT, json={"integration_ids": [app.integration_id], "format": "json"})
    assert answer.headers["zona-left-out-count"] == "1"
    assert CANARY not in answer.text
    [record] = served.tenant().audit.search(target="packages/" + answer.headers["zona-package-digest"]).items
    assert [each["path"] for each in record.after["left_out"]] == ["Leaky/x: handler_config.parameters[0].value"]


def test_a_package_is_signed_by_who_may(call: Ask, caller: Any, served: Zona, apps: list[int], problem: Any) -> None:
    """With a key of the tenant's own; without the permission, and with a key that is not there, it is refused."""
    key = served.tenant().package_keys.create("releases")
    asked = {"integration_ids": apps, "sign_with": "releases"}
    answer = call("POST", EXPORT, json=asked)
    assert answer.headers["zona-signed-by"] == key.fingerprint
    done = sent(call, answer.content, signature="required")
    assert done.json["data"]["signature"]["status"] == "valid"
    problem(call("POST", EXPORT, json={**asked, "sign_with": "nobody"}), 404, "not_found")
    problem(caller("reader")("POST", EXPORT, json=asked), 403, "permission_denied")
    problem(sent(call, exported(served.tenant()), signature="required"), 422, "signature_missing")
    problem(sent(call, answer.content, tenant_code="acme"), 422, "signature_unknown")
    assert results(sent(call, answer.content, tenant_code="acme", signature="ignored"))


def test_an_export_is_not_kept_to_be_repeated(call: Ask, apps: list[int], problem: Any) -> None:
    """A key is refused, so that nobody relies on it."""
    answer = call("POST", EXPORT, json={"integration_ids": apps}, headers={"Idempotency-Key": "k"})
    problem(answer, 400, "idempotency_unsupported")


def test_an_export_is_sent_in_pieces(raw: Any, people: Any, apps: list[int], files: list[Any]) -> None:
    """It is read from a temporary file, which is closed also if the client goes away before anything was sent."""
    app = create_app(people.zona, HttpSettings(secure_cookies=False))
    environ = falcon.testing.create_environ(
        method="POST",
        path=EXPORT,
        body=b'{"integration_ids": [1]}',
        headers={**people.bearer(), "Content-Type": "application/json"},
    )
    chunks = app(environ, lambda status, headers, exc_info=None: None)
    assert not isinstance(chunks, list)
    assert [file.closed for file in files] == [False]
    chunks.close()


def test_a_dry_run_changes_nothing(call: Ask, served: Zona, apps: list[int]) -> None:
    """It gives the same report as the import that follows, but for ids, and the differences."""
    package = exported(served.tenant())
    served.tenant().apps.upsert(sample("Base", task("info", description="new"), description="new"), app_id=apps[0])
    before = [each.revision for each in served.tenant().apps.list().items]
    dry = sent(call, package, on_conflict="overwrite", dry_run="true")
    assert dry.json["data"]["dry_run"] is True
    assert [each.revision for each in served.tenant().apps.list().items] == before
    real = sent(call, package, on_conflict="overwrite")
    assert results(dry) == results(real) == {"Base": "overwritten", "Über Scan": "unchanged"}
    assert dry.json["data"]["apps"] == real.json["data"]["apps"]
    [app] = [each for each in dry.json["data"]["apps"] if each["differences"]]
    assert {(each["path"], each["change"]) for each in app["differences"]} == {
        ("description", "removed"),
        ("tasks[info].description", "removed"),
    }


def test_a_taken_title_is_skipped_or_renamed(call: Ask, served: Zona, apps: list[int]) -> None:
    """As the form says."""
    package = exported(served.tenant(), "Base")
    assert results(sent(call, package)) == {"Base": "skipped"}
    done = sent(call, package, on_conflict="rename")
    assert [each["stored_title"] for each in done.json["data"]["apps"]] == ["Base (2)"]


def test_an_app_that_fails_is_told_and_the_others_are_there(call: Ask, served: Zona, apps: list[int]) -> None:
    """The answer is a success that says how many failed, and why."""
    package = exported(served.tenant(), "Base", format="json")
    wrong = package.replace(b'"task_handler": "http"', b'"task_handler": "nope"')
    head, _, _ = wrong.rpartition(b',\n  "digest"')
    done = sent(call, head + b"\n}\n", tenant_code="acme")
    assert results(done) == {"Base": "failed"}
    assert done.json["meta"] == {"failed": 1}
    [told] = done.json["data"]["apps"]
    assert told["error"]["code"] == "invalid_input"
    assert served.tenant("acme").apps.list().items == []


@pytest.mark.parametrize(
    ("package", "code"),
    [
        (b"", "package_damaged"),
        (b"nothing", "package_damaged"),
        (b"\x28\xb5\x2f\xfd", "package_damaged"),
        (b'{"format": "zona-package", "version": 99}', "package_too_new"),
    ],
)
def test_what_is_no_package_is_refused(call: Ask, package: bytes, code: str, problem: Any, files: list[Any]) -> None:
    """With a code for each reason; nothing was imported."""
    problem(sent(call, package), 422, code)
    assert len(files) == 1


def test_a_wrong_form_is_refused_with_every_fault(call: Ask, problem: Any, files: list[Any]) -> None:
    """Unknown values, parts and a missing package."""
    told = problem(sent(call, b"x", on_conflict="merge", signature="maybe"), 422, "invalid_input")
    assert {each["path"] for each in told["errors"]} == {"on_conflict", "signature"}
    problem(sent(call, b"x", folder="y"), 422, "invalid_input")
    problem(sent(call, b"x", dry_run="maybe"), 400, "invalid_json")
    asked = form(b"x")
    asked["body"] = asked["body"].replace(b'name="package"', b'name="dry_run"').replace(b"\r\nx\r\n", b"\r\ntrue\r\n")
    told = problem(call("POST", IMPORT, **asked), 422, "invalid_input")
    assert [each["path"] for each in told["errors"]] == ["package"]


def test_an_import_that_is_sent_again_is_done_once(call: Ask, served: Zona, apps: list[int], problem: Any) -> None:
    """With its key: another boundary is the same request, another package is not."""
    package = exported(served.tenant())
    first = sent(call, package, key="k-1", tenant_code="acme")
    asked = form(package, tenant_code="acme")
    asked["body"] = asked["body"].replace(BOUNDARY.encode(), b"other")
    asked["headers"] = {"Content-Type": "multipart/form-data; boundary=other", "Idempotency-Key": "k-1"}
    second = call("POST", IMPORT, **asked)
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["idempotent-replayed"] == "true"
    other = exported(served.tenant(), "Base")
    problem(sent(call, other, key="k-1", tenant_code="acme"), 422, "idempotency_mismatch")


def test_a_report_too_long_to_be_kept_is_not_made_again(
    call: Ask, served: Zona, apps: list[int], problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import was done, once; who asks again is told so, and not the report."""
    monkeypatch.setattr(replays, "_LONGEST", 100)
    package = exported(served.tenant())
    assert sent(call, package, key="k-1", on_conflict="rename").status_code == 200
    problem(sent(call, package, key="k-1", on_conflict="rename"), 409, "idempotency_answer_gone")
    assert len(served.tenant().apps.list().items) == 4


class TestSizes:
    """How large what may be."""

    @pytest.fixture
    def settings(self) -> HttpSettings:
        """Packages may be larger than other uploads, and parts in memory no larger than JSON."""
        return HttpSettings(secure_cookies=False, max_body=2_000, max_upload=3_000, max_package=40_000)

    def test_a_package_may_be_as_large_as_its_own_setting_says(self, call: Ask, problem: Any, files: list[Any]) -> None:
        """Beyond other uploads; what is too large is refused, announced or not."""
        problem(sent(call, b"x" * 30_000), 422, "package_damaged")
        problem(sent(call, b"x" * 40_000), 413, "body_too_large")
        assert len(files) == 1

    def test_a_body_without_a_length_is_no_larger(self, raw: Any, people: Any, files: list[Any]) -> None:
        """The limit is looked at while the body comes."""
        for size, status in ((30_000, 422), (60_000, 413)):
            asked = form(b"x" * size)
            environ = {"wsgi.input_terminated": True, "wsgi.input": io.BytesIO(asked["body"]), "CONTENT_LENGTH": ""}
            headers = {**people.bearer(), **asked["headers"]}
            assert raw(environ, method="POST", path=IMPORT, headers=headers)[0] == status
        assert len(files) == 2

    def test_other_parts_are_small(self, call: Ask, problem: Any, files: list[Any]) -> None:
        """They are held in memory; the part is named, and what stands before it is let go of."""
        problem(sent(call, b"x", on_conflict="y" * 2_000), 422, "invalid_input")
        told = problem(sent(call, b"x", on_conflict="y" * 2_001), 413, "part_too_large")
        assert told["detail"] == "the part on_conflict is larger than 2000 bytes"
        head = b'--7f3a\r\nContent-Disposition: form-data; name="package"; filename="a"\r\n\r\nx\r\n'
        asked = form(b"x", on_conflict="y" * 2_001)
        problem(call("POST", IMPORT, body=head + asked["body"], headers=asked["headers"]), 413, "part_too_large")
        assert len(files) == 2

    def test_a_body_that_ends_too_early_is_told(self, raw: Any, people: Any, files: list[Any]) -> None:
        """Wherever it ends, before it was announced to; what stands after the last part does not matter."""
        asked = form(b"x" * 5_000, end="end\r\n" * 100)
        body: bytes = asked["body"]
        headers = {**people.bearer(), **asked["headers"]}
        for size, code in ((0, b"body_missing"), (50, b"body_incomplete"), (1_000, b"body_incomplete")):
            environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body[:size])}
            status, _, told = raw(environ, method="POST", path=IMPORT, headers=headers)
            assert (status, code in told) == (400, True), told
        environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body[:-10])}
        assert b"body_incomplete" in raw(environ, method="POST", path=IMPORT, headers=headers)[2]
        assert raw({}, method="POST", path=IMPORT, headers=headers, body=body)[0] == 422
        assert raw({}, method="POST", path=IMPORT, headers=headers, body=body[:-520])[0] == 400


class Long:
    """A body of many zeros between two texts, which are made while they are read."""

    def __init__(self, begin: bytes, size: int, end: bytes) -> None:
        self._begin, self._zeros, self._end = begin, size, end
        self.length = len(begin) + size + len(end)

    def read(self, size: int) -> bytes:
        data, self._begin = self._begin[:size], self._begin[size:]
        zeros = min(size - len(data), self._zeros)
        self._zeros -= zeros
        data += bytes(zeros)
        rest = size - len(data)
        data, self._end = data + self._end[:rest], self._end[rest:]
        return data


def test_a_package_is_not_held_in_memory(raw: Any, people: Any, files: list[Any]) -> None:
    """64 MiB take a few of them while they are received."""
    begin, _, end = form(b"|")["body"].partition(b"|")
    body = Long(begin, 64 * 1024**2, end)
    headers = {**people.bearer(), **form(b"")["headers"]}
    environ = {"CONTENT_LENGTH": str(body.length), "wsgi.input": body}
    tracemalloc.start()
    try:
        status, _, told = raw(environ, method="POST", path=IMPORT, headers=headers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (status, b"package_damaged" in told) == (422, True), told
    assert peak < 8 * 1024**2


def test_each_part_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch, call: Ask, served: Zona, apps: list[int]) -> None:
    """A package that is longer than a piece is put together again."""
    monkeypatch.setattr(_multipart, "_CHUNK", 7)
    assert results(sent(call, exported(served.tenant()), tenant_code="acme"))["Base"] == "created"
