"""Packages of apps: out of a tenant and into it, as files that no process holds in memory (SPEC §4.2, §4.3)."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from tempfile import TemporaryFile
from typing import Annotated, Any, BinaryIO, Final, Literal, Self

from attrs import define
from msgspec import Meta

from zona_core.domain.package_keys import SignaturePolicy
from zona_core.ports.packages import PackageLimits
from zona_core.usecases._export import ExportReport
from zona_core.usecases._import import ImportReport, OnConflict
from zona_http.operation import Answer, Call, Operation, Problem, StoredUpload

from ._common import Id, OptionalTenant

__all__ = ["OPERATIONS"]

_CHUNK: Final = 65_536
#: ids that are told in a header: proxies refuse long ones
_MOST_TOLD: Final = 100

#: RFC 8878 §7.1
_MEDIA_TYPES: Final = {"zona": "application/zstd", "json": "application/json"}


@define(frozen=True, kw_only=True)
class ExportedApps(OptionalTenant):
    """Which apps, and as what."""

    integration_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=1_000)]
    #: ``zona`` (compressed), or ``json``: one app as a document that people read
    format: Literal["zona", "json"] = "zona"
    #: name or fingerprint of the tenant's own key that the package is to be signed with
    sign_with: Annotated[str, Meta(max_length=128, examples=["releases"])] = ""


@define(frozen=True, kw_only=True)
class ImportedPackage(OptionalTenant):
    """A package, and how it is to be imported."""

    package: StoredUpload
    #: what becomes of an app whose title is taken
    on_conflict: Literal["skip", "overwrite", "rename"] = "skip"
    #: change nothing, and tell what would be changed
    dry_run: bool = False
    #: what is asked of the package's signature
    signature: Literal["checked", "required", "ignored"] = "checked"


class _Chunks:
    """The bytes of a temporary file, which is closed when they were sent, or when nobody wants them any more."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if chunk := self._file.read(_CHUNK):
            return chunk
        raise StopIteration

    def close(self) -> None:
        """The WSGI server calls it in any case (PEP 3333)."""
        self._file.close()


def export_apps(call: Call) -> Answer:
    asked: ExportedApps = call.body
    file = TemporaryFile()  # noqa: SIM115  # it is closed after it was sent
    try:
        report = call.workspace.packages.export_apps(
            asked.integration_ids, file, format=asked.format, sign_with=asked.sign_with
        )
        headers = {**_told(report), **_of_file(file), "Content-Disposition": _disposition(report, asked.format)}
    except BaseException:
        file.close()
        raise
    return Answer(stream=_Chunks(file), media_type=_MEDIA_TYPES[asked.format], headers=headers)


def import_apps(call: Call) -> Answer:
    asked: ImportedPackage = call.body
    report = call.workspace.packages.import_apps(
        asked.package.file,
        on_conflict=OnConflict(asked.on_conflict),
        signature=SignaturePolicy(asked.signature),
        dry_run=asked.dry_run,
        limits=PackageLimits(compressed=asked.package.size),  # it was taken, so that its size is fine
    )
    return Answer(data=report, meta={"failed": len(report.failed)})


def _told(report: ExportReport) -> dict[str, str]:
    """What was exported, as headers; the trail has all of it."""
    headers = {
        "Zona-Package-Digest": report.digest,
        "Zona-Apps": str(len(report.apps)),
        "Zona-Tasks": str(report.tasks),
        "Zona-Missing-Count": str(len(report.missing)),
        "Zona-Left-Out-Count": str(len(report.left_out)),
    }
    if report.missing:
        headers["Zona-Missing"] = ", ".join(report.missing[:_MOST_TOLD])
    if report.signed_by:
        headers["Zona-Signed-By"] = report.signed_by
    return headers


def _of_file(file: BinaryIO) -> dict[str, str]:
    """Length and digest (RFC 9530 §3) of what will be sent, which stands at its beginning then."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    digest = base64.b64encode(hashlib.file_digest(file, "sha256").digest()).decode()  # type: ignore[arg-type]
    file.seek(0)
    return {"Content-Length": str(size), "Repr-Digest": f"sha-256=:{digest}:"}


def _disposition(report: ExportReport, form: str) -> str:
    """RFC 6266: a file name of letters that every system takes, the app's title if it is one."""
    title = report.apps[0] if len(report.apps) == 1 else ""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-")[:100] or "apps"
    return f'attachment; filename="{name}.{form}"'


_DIFFERENCE: Final = {"path": "description", "change": "changed", "before": "", "after": "What is open."}
_IMPORTED: Final[dict[str, Any]] = {
    "title": "Shodan", "result": "overwritten", "stored_title": "Shodan", "integration_id": 12, "tasks_created": 1,
    "tasks_updated": 2, "tasks_retired": ["old_lookup"], "tasks_kept": [],
    "missing": [{"path": "tasks[enrich].depends_on[0]", "app": "VirusTotal", "task": "lookup"}], "mapped": [],
    "playbooks_created": 1, "playbooks_updated": 0, "playbooks_removed": [], "playbooks_renamed": {}, "drafts": [],
    "schedules_created": 1, "schedules_updated": 0, "schedules_paused": ["Every night"], "schedules_renamed": {},
    "schedules_unready": [],
    "instances_broken": [], "differences": [_DIFFERENCE], "more_differences": 0, "error": None,
}  # fmt: skip
_REPORT: Final = {
    "dry_run": False,
    "apps": [_IMPORTED],
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "signature": {"status": "missing", "fingerprint": "", "name": "", "own": False},
    "left_out": {},
}
_REFUSED: Final = (
    "package_damaged", "package_too_new", "package_too_large", "package_too_deep", "digest_mismatch",
    "signature_missing", "signature_unknown", "signature_invalid", "dependency_cycle", "invalid_input",
)  # fmt: skip

OPERATIONS = (
    Operation(
        method="POST", path="/apps/v1/app/export", id="export_apps", tag="packages",
        summary="Export apps with their tasks as a package",
        description="The answer is the package: a file for an import elsewhere. No instance, id or secret is in it; "
        "the same apps give the same bytes. Ids that name no app are passed over and told. Also needs `tasks:read`, "
        "and `package_keys:sign` with `sign_with`.",
        handler=export_apps, use_case="packages.export_apps", body=ExportedApps, media_type=_MEDIA_TYPES["zona"],
        also_media_types=(_MEDIA_TYPES["json"],), idempotent=False,
        headers={
            "Content-Disposition": "a name for the file",
            "Repr-Digest": "SHA-256 of the answer's bytes (RFC 9530)",
            "Zona-Package-Digest": "SHA-256 of the content, in hexadecimal: the same in every form, and what is signed",
            "Zona-Apps": "how many apps there are in it",
            "Zona-Tasks": "how many tasks they have",
            "Zona-Missing-Count": "how many of the ids name no app",
            "Zona-Missing": f"which ones, {_MOST_TOLD} at most; only if there are any",
            "Zona-Left-Out-Count": "how many literal secrets were left out; the audit trail has their places",
            "Zona-Signed-By": "fingerprint of the key that it is signed with; only if it is signed",
        },
        problems=(
            Problem(status=409, codes=("key_not_own", "key_retired")),
            Problem(status=422, codes=("nothing_to_export", "too_many_apps", "invalid_input")),
        ),
        example={"tenant_code": "localhost", "integration_ids": [12], "format": "json"},
    ),
    Operation(
        method="POST", path="/apps/v1/app/import", id="import_apps", tag="packages",
        summary="Import the apps of a package",
        description="Each app wholly or not at all, and the others go on: the answer is 200 with a report of what "
        "became of each, and `meta.failed` says how many could not be imported. A package that cannot be used is "
        "refused (422), and then nothing was imported. A dry run changes nothing and gives the same report.",
        handler=import_apps, use_case="packages.import_apps", body=ImportedPackage, multipart=True, large=True,
        result=ImportReport, problems=(Problem(status=422, codes=_REFUSED),),
        example={"package": "(the file)", "on_conflict": "overwrite", "dry_run": False, "signature": "checked"},
        answer_example=_REPORT,
    ),
)  # fmt: skip
