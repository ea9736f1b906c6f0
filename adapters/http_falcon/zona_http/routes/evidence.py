"""Evidence: files that belong to cases, up and down as streams."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Final
from urllib.parse import quote

from attrs import define
from msgspec import Meta

from zona_core.domain.cases import Evidence
from zona_core.persistence.repository import Listing
from zona_http.operation import Answer, Call, Operation, Problem, StoredUpload

from ._cases import NO_CASE, ONE, CaseId, OfCase
from ._common import OptionalTenant
from ._doors import place

__all__ = ["OPERATIONS"]

_CHUNK: Final = 65_536
_BYTES: Final = "application/octet-stream"


@define(frozen=True, kw_only=True)
class EvidenceId(OptionalTenant):
    """Which file."""

    evidence_id: Annotated[str, Meta(min_length=1, max_length=64, examples=["5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f"])]


@define(frozen=True, kw_only=True)
class NewEvidence:
    """A file, and what it is."""

    file: StoredUpload
    description: Annotated[str, Meta(max_length=2_000)] = ""


def list_evidence(call: Call) -> Listing[Evidence]:
    asked: OfCase = call.params
    return call.workspace.evidence.list(asked.case_id, after=asked.after, limit=asked.limit)


def put_evidence(call: Call) -> Answer:
    new: NewEvidence = call.body
    evidence = call.workspace.evidence.put(
        call.params.case_id, _pieces(new.file.file), name=new.file.filename, media_type=new.file.media_type,
        description=new.description,
    )  # fmt: skip
    return Answer(data=evidence, status=201, headers={"Location": place(call, f"/api/v1/evidence/{evidence.id}")})


def get_evidence(call: Call) -> Evidence:
    return call.workspace.evidence.get(call.params.evidence_id)


def read_evidence(call: Call) -> Answer:
    found = call.workspace.evidence.open(call.params.evidence_id)
    evidence = found.evidence
    digest = base64.b64encode(bytes.fromhex(evidence.sha256)).decode()
    headers = {
        "Content-Length": str(evidence.size),
        "Content-Disposition": _disposition(evidence.name),
        "Repr-Digest": f"sha-256=:{digest}:",
    }
    return Answer(stream=found.chunks, media_type=_BYTES, headers=headers)


def remove_evidence(call: Call) -> None:
    call.workspace.evidence.remove(call.params.evidence_id)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _disposition(name: str) -> str:
    """RFC 6266 §4.3: a name of letters that every client takes, and the whole one for those that can."""
    plain = "".join(each if each.isascii() and each not in '"\\%' else "_" for each in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


_EVIDENCE: Final[dict[str, Any]] = {"tag": "cases"}
_FILE: Final[dict[str, Any]] = {
    "id": "5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "case_id": 3, "name": "mail.eml", "media_type": "message/rfc822",
    "size": 18_211, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "blob": "evidence/5f0c1d3e-5b7a-4c1e-9d2f-0a1b2c3d4e5f", "description": "what the user was sent",
    "user_id": "ann", "created_at": "2030-01-31T12:30:00Z", "revision": 2,
}  # fmt: skip
_ONE_FILE: Final = "/api/v1/evidence/{evidence_id}"

OPERATIONS = (
    Operation(
        **_EVIDENCE, method="GET", path=f"{ONE}/evidence", id="list_evidence", summary="The files of a case",
        description="In the order in which they came.", handler=list_evidence, use_case="evidence.list", params=OfCase,
        result=list[Evidence], answer_example=[_FILE],
    ),
    Operation(
        **_EVIDENCE, method="POST", path=f"{ONE}/evidence", id="put_evidence", summary="Keep a file as evidence",
        description="As it is: nobody looks into it. Of its name the part without folders is kept, without characters "
        "that are dangerous in one; what it is said to be is not believed.",
        handler=put_evidence, use_case="evidence.put", params=CaseId, body=NewEvidence, multipart=True, large=True,
        result=Evidence, status=201, answer_example=_FILE,
        example={"file": "(the file)", "description": "what the user was sent"},
        problems=(
            NO_CASE, Problem(status=409, codes=("too_much_evidence",)), Problem(status=422, codes=("blob_too_large",)),
        ),
    ),
    Operation(
        **_EVIDENCE, method="GET", path=_ONE_FILE, id="get_evidence", summary="What is known of a file",
        handler=get_evidence, use_case="evidence.get", params=EvidenceId, result=Evidence, answer_example=_FILE,
    ),
    Operation(
        **_EVIDENCE, method="GET", path=f"{_ONE_FILE}/content", id="read_evidence", summary="The bytes of a file",
        description="To be saved, whatever it is. If they are not what came, the answer breaks off before its end.",
        handler=read_evidence, use_case="evidence.open", params=EvidenceId, media_type=_BYTES,
        headers={
            "Content-Disposition": "its name", "Repr-Digest": "SHA-256 of the bytes that came (RFC 9530)",
        },
    ),
    Operation(
        **_EVIDENCE, method="DELETE", path=_ONE_FILE, id="remove_evidence", summary="Delete a file",
        description="Its name and digest stay in the case's timeline.", handler=remove_evidence,
        use_case="evidence.remove", params=EvidenceId, status=204,
    ),
)  # fmt: skip
