"""Evidence: files that belong to cases, kept as they came (SPEC §1)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from attrs import define, evolve

from zona_core.domain.blobs import BlobInfo, verified
from zona_core.domain.case_rules import prose_faults
from zona_core.domain.cases import EntryKind, Evidence
from zona_core.errors import Conflict, InvalidInput, NotFound, ZonaError
from zona_core.persistence.repository import Listing
from zona_core.ports.store import Range, Where
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._case_contents import tell
from zona_core.usecases._case_lookup import case_of

__all__ = ["EvidenceFiles", "OpenEvidence", "safe_name"]

#: files of one case
_MOST: Final = 10_000
_LONGEST_NAME: Final = 200
#: RFC 6838 §4.2
_NAME_PART: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_MEDIA_TYPE: Final = re.compile(rf"{_NAME_PART}/{_NAME_PART}\Z")
_UNKNOWN_TYPE: Final = "application/octet-stream"
#: control characters, what turns the direction of writing, lone surrogates, and what some file system has a meaning for
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069<>:\"|?*/\\]")
#: the size of a file whose bytes are still coming
_COMING: Final = -1
#: after which a file that never came whole is taken for one whose bringer has died
_GIVEN_UP: Final = timedelta(days=1)


@define(frozen=True, kw_only=True)
class OpenEvidence:
    """A file that can be read."""

    evidence: Evidence
    #: its bytes, to be read once; raises ``StoreUnavailable`` (``blob_damaged``) at the end if they are not what came
    chunks: Iterator[bytes]


class EvidenceFiles(Area):
    """Files that belong to cases. Each that comes or goes is told in its case's timeline."""

    area = "evidence"
    _context: TenantContext

    @use_case("cases:write")
    def put(
        self, case: int, chunks: Iterable[bytes], *, name: str, media_type: str = "", description: str = ""
    ) -> Evidence:
        """Keeps a file as evidence in a case, whatever its status; gives what is known of it, its digest among that.

        ``chunks`` are read once, as they are stored. Of ``name`` the part without folders is kept, without characters
        that are dangerous in one. ``media_type`` is what somebody says it is, and is not believed. Raises ``NotFound``,
        ``InvalidInput`` (``blob_too_large`` beyond the setting ``max_evidence_bytes``), ``Conflict``
        (``too_much_evidence``), ``StoreUnavailable``, and what ``chunks`` raises; then nothing is kept.
        """
        if faults := prose_faults("description", description, longest=2_000):
            raise InvalidInput.of(faults, "The evidence")
        begun = self._begun(case, name, media_type, description)
        parts, data = self._context.parts, self._context.data
        try:
            info = parts.blobs.put(data.tenant_code, begun.blob, chunks, most=parts.settings.max_evidence_bytes)
            return self._noted(begun, info)
        except BaseException:
            with suppress(ZonaError):  # what is left is taken away with the next file of the case
                self._forget(begun)
            raise

    @use_case("cases:read")
    def list(self, case: int, *, after: str | None = None, limit: int = 100) -> Listing[Evidence]:
        """The files of a case, in the order in which they came; raises ``NotFound``."""
        data = self._context.data
        where: Where = {"case_id": case_of(data, case).id, "size": Range(gte=0)}
        return data.evidence.find(where, sort=[("created_at", 1)], after=after, limit=limit)

    @use_case("cases:read")
    def get(self, evidence_id: str) -> Evidence:
        """What is known of a file; raises ``NotFound``."""
        return self._found(evidence_id)

    @use_case("cases:read")
    def open(self, evidence_id: str) -> OpenEvidence:
        """A file to be read; raises ``NotFound``, ``StoreUnavailable``."""
        found, context = self._found(evidence_id), self._context
        info = BlobInfo(digest=f"sha256:{found.sha256}", size=found.size)
        chunks = context.parts.blobs.open(context.data.tenant_code, found.blob)
        return OpenEvidence(evidence=found, chunks=verified(chunks, info, found.blob))

    @use_case("cases:delete")
    def remove(self, evidence_id: str) -> Evidence:
        """Deletes a file and its bytes; its name and digest stay in the timeline. Raises ``NotFound``."""
        data, context = self._context.data, self._context
        found = self._found(evidence_id)
        context.parts.blobs.delete(data.tenant_code, found.blob)
        with data.transaction():
            current = data.evidence.get(found.id)
            if current is not None and data.evidence.delete(found.id):
                self._tell(current, removed=True)
                data.record(context.actor, "evidence.remove", f"evidence/{found.id}", before=current)
        return found

    def _begun(self, case_id: int, name: str, media_type: str, description: str) -> Evidence:
        """The file as it is stored before its bytes are: whatever happens now, what they are kept under is known."""
        data, context = self._context.data, self._context
        with data.transaction():
            case = case_of(data, case_id)
            if data.evidence.count({"case_id": case.id}, limit=_MOST) >= _MOST:
                raise Conflict(f"the case {case.id} has {_MOST:,} files", code="too_much_evidence")
            lost = self._lost(case.id)
            evidence_id = str(uuid.uuid4())
            begun = data.evidence.insert(
                Evidence(
                    id=evidence_id,
                    case_id=case.id,
                    name=safe_name(name),
                    media_type=media_type if _MEDIA_TYPE.match(media_type) else _UNKNOWN_TYPE,
                    size=_COMING,
                    sha256="",
                    blob=f"evidence/{evidence_id}",
                    description=description,
                    user_id=context.actor.name,
                    created_at=data.now(),
                )
            )
        for each in lost:
            self._forget(each)
        return begun

    def _noted(self, begun: Evidence, info: BlobInfo) -> Evidence:
        data, context = self._context.data, self._context
        with data.transaction():
            current = data.evidence.need(begun.id)  # whose case may have been merged into another meanwhile
            stored = data.evidence.replace(evolve(current, size=info.size, sha256=info.digest.removeprefix("sha256:")))
            self._tell(stored)
            data.record(context.actor, "evidence.put", f"evidence/{stored.id}", after=stored)
        return stored

    def _lost(self, case_id: int) -> Sequence[Evidence]:
        """Files that never came whole, and never will."""
        data = self._context.data
        waiting = data.evidence.find({"case_id": case_id, "size": _COMING}, sort=[("created_at", 1)], limit=10).items
        return [each for each in waiting if each.created_at < data.now() - _GIVEN_UP]

    def _forget(self, begun: Evidence) -> None:
        data = self._context.data
        self._context.parts.blobs.delete(data.tenant_code, begun.blob)
        data.evidence.delete(begun.id)

    def _found(self, evidence_id: str) -> Evidence:
        found = self._context.data.evidence.get(evidence_id) if evidence_id else None
        if found is None or found.size == _COMING:
            raise NotFound(f"there is no evidence {evidence_id[:50]!r}", collection="evidence")
        return found

    def _tell(self, evidence: Evidence, *, removed: bool | None = None) -> None:
        tell(
            self._context.data, evidence.case_id, EntryKind.EVIDENCE, self._context.actor.name, evidence.name,
            evidence=evidence.id, size=evidence.size, sha256=evidence.sha256, removed=removed,
        )  # fmt: skip


def safe_name(name: str) -> str:
    """A file's name without folders, and with nothing in it that misleads people or means something to a system."""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    plain = " ".join(_UNSAFE.sub("_", last).split()).lstrip(".").strip()
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > _LONGEST_NAME and dot and len(ending) <= 20:
        plain = f"{stem[: _LONGEST_NAME - len(ending) - 1]}.{ending}"
    return plain[:_LONGEST_NAME] or "file"
