"""Results that are too large for a document: kept in the blob store, and read from there again.

A blob's number is handed out under the run's claim, and is never used twice: whoever has lost the claim can replace
nothing, whatever it still writes. The run's record says in the end how many numbers there were; from that, whoever
removes the run knows every key, also those of blobs that no record came to show (see ``ports.blobs``: Order).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.runs import BlobRef, Execution, RunStatus
from zona_core.errors import NotFound, StoreUnavailable, TaskFailed
from zona_core.ports.blobs import BlobStore
from zona_core.usecases._area import Parts, TenantContext
from zona_core.usecases._engine.book import Book
from zona_core.usecases._engine.patience import Patience
from zona_core.usecases._engine.work import Ending, Outcome, too_large

__all__ = ["Results", "blob_keys", "recalled", "whole_results"]

#: characters of an excerpt
_EXCERPT: Final = 1_000
#: bytes that are handed to the blob store at a time
_PIECE: Final = 1024 * 1024
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Results:
    """Puts one run's results where they fit. Safe for several threads."""

    def __init__(self, parts: Parts, tenant_code: str, book: Book, patience: Patience) -> None:
        self._parts = parts
        self._tenant_code = tenant_code
        self._book = book
        self._patience = patience
        self._inline = parts.settings.max_result_bytes
        self._most = parts.settings.max_blob_bytes

    def kept(self, outcome: Outcome) -> Outcome:
        """The outcome with its size and, if it is large, with its blob; a failure if it is too large for that, too.

        Raises ``ClaimLost``.
        """
        if outcome.status is not RunStatus.SUCCESS or outcome.blob is not None:
            return outcome
        if outcome.size is not None and outcome.size <= self._inline:
            return outcome
        encoded = _encoded(outcome.outputs)
        if len(encoded) > self._most:
            error = too_large(self._most, len(encoded)).as_dict()
            return evolve(outcome, status=RunStatus.FAILURE, outputs={}, error=error, size=0)
        return evolve(outcome, size=len(encoded), blob=self._put(encoded))

    def ended(self, ending: Ending) -> Ending:
        """Likewise for what a whole run gives."""
        if not ending.results:
            return ending
        encoded = _encoded(ending.results)
        if len(encoded) > self._most:
            error = too_large(self._most, len(encoded)).as_dict()
            return evolve(ending, status=RunStatus.FAILURE, results=None, error=error)
        return evolve(ending, blob=self._put(encoded))

    def _put(self, encoded: bytes) -> BlobRef | None:
        """None for what fits into the record."""
        if len(encoded) <= self._inline:
            return None
        key = _key(self._book.run.id, self._patience(self._book.number_blob))
        info = self._patience(lambda: self._parts.blobs.put(self._tenant_code, key, _pieces(encoded), most=self._most))
        excerpt = encoded[: 4 * _EXCERPT].decode(errors="replace")[:_EXCERPT]
        return BlobRef(key=key, digest=info.digest, size=info.size, excerpt=excerpt)


def whole_results(blobs: BlobStore, tenant_code: str, run: Execution) -> dict[str, Any] | None:
    """A record's results, from wherever they are; raises what ``BlobStore.open`` raises."""
    if run.results_blob is None:
        return run.results
    encoded = b"".join(blobs.open(tenant_code, run.results_blob.key))
    results: dict[str, Any] = json.loads(encoded.decode("utf-8", "surrogatepass"))
    return results


def recalled(context: TenantContext, run: Execution) -> Execution:
    """A record of the tenant with its results whole, for what goes on with them.

    Raises ``StoreUnavailable`` if they cannot be read now; ``TaskFailed`` (``results_lost``) if they never can.
    """
    if run.results_blob is None:
        return run
    try:
        results = whole_results(context.parts.blobs, context.tenant.tenant_code, run)
    except (NotFound, StoreUnavailable) as exc:
        if isinstance(exc, StoreUnavailable) and exc.code != "blob_damaged":
            raise
        message = f"the results of the run {run.id} are lost: {exc.message}"
        raise TaskFailed(message, code="results_lost", hint="restore the blobs") from exc
    return evolve(run, results=results)


def blob_keys(run: Execution) -> Iterator[str]:
    """The keys of all blobs that a run that has ended may have, those of its steps included."""
    return (_key(run.id, number) for number in range(1, run.blobs + 1))


def _key(run_id: str, number: int) -> str:
    return f"runs/{run_id}/{number}"


def _encoded(results: Mapping[str, Any]) -> bytes:
    # NOTE: a lone surrogate may stand in JSON (RFC 8259 §8.2), and so in what a remote side answers.
    return _JSON.encode(dict(results)).encode("utf-8", "surrogatepass")


def _pieces(encoded: bytes) -> Iterator[bytes]:
    return (encoded[start : start + _PIECE] for start in range(0, len(encoded), _PIECE))
