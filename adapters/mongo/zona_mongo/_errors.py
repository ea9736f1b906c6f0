"""The driver's errors in our own words: never its text, in which hosts, commands and documents may stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from bson.errors import BSONError, InvalidBSON, InvalidDocument
from pymongo import errors as driver
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)

from zona_core.errors import Conflict, DuplicateKey, InvalidInput, StoreUnavailable, ZonaError

__all__ = ["Guard", "is_duplicate", "is_too_large", "is_transient", "is_unknown", "key_of", "translated", "undone"]

_DUPLICATE: Final = 11000
_TOO_LARGE: Final = (10334, 17419, 17420)
#: PathNotViable, TypeMismatch, and BadValue, which is what a sum beyond 64 bits is to the server
_UNFIT_CHANGE: Final = (2, 14, 28)
_REFUSED: Final = {13: "store_access_denied", 18: "store_access_denied", 8000: "store_access_denied"}
_TOO_LARGE_FOR_CACHE: Final = 388
#: CannotIndexParallelArrays
_PARALLEL: Final = 171
_MAX_TIME: Final = 50
_WRITE_CONCERN: Final = (64, 100, 91, 11600, 11602)
#: WriteConflict, SnapshotUnavailable, NoSuchTransaction, LockTimeout
_CONFLICTS: Final = (112, 246, 251, 24)


def is_transient(exc: PyMongoError) -> bool:
    """Whether the whole transaction may be tried again."""
    return exc.has_error_label("TransientTransactionError")


def is_unknown(exc: PyMongoError) -> bool:
    """Whether only asking again can tell if the transaction was kept."""
    return exc.has_error_label("UnknownTransactionCommitResult") and getattr(exc, "code", None) != _MAX_TIME


def is_duplicate(exc: BaseException) -> bool:
    """Whether a unique key was taken."""
    return _code_of(exc) == _DUPLICATE


def is_too_large(exc: BaseException) -> bool:
    """Whether a transaction changes more than the server's cache can hold."""
    return _code_of(exc) == _TOO_LARGE_FOR_CACHE


def key_of(exc: BaseException) -> list[str]:
    """The fields of the unique index that refused a document."""
    pattern = _details_of(exc).get("keyPattern")
    return list(pattern) if isinstance(pattern, Mapping) else ["_id"]


def undone(cause: str = "a part of the transaction failed") -> Conflict:
    """What who began a transaction is told of its end: nothing of it was kept."""
    message = f"{cause}, so that all of it was undone"
    return Conflict(message, code="transaction_undone", hint="Repeat the whole of it.")


def translated(exc: Exception, shown: str, collection: str) -> ZonaError:
    """The error of the port for one of the driver's."""
    if isinstance(exc, InvalidDocument | OverflowError | ValueError) and not isinstance(exc, InvalidBSON):
        return InvalidInput(f"the document for {collection} cannot be written as BSON", code="invalid_document")
    if isinstance(exc, BSONError):
        message = f"{collection} has a document that cannot be read"
        return StoreUnavailable(message, code="document_damaged", collection=collection)
    if is_duplicate(exc):
        fields = key_of(exc)
        message = f"{collection} has another document with the same {', '.join(fields)}"
        return DuplicateKey(message, collection=collection, fields=fields)
    if isinstance(exc, InvalidOperation):
        return StoreUnavailable("the store is closed", code="store_closed")
    code = _code_of(exc)
    if code in _TOO_LARGE:
        return InvalidInput(f"the document for {collection} is larger than 16 MB", code="invalid_document")
    if is_too_large(exc):
        message = f"these documents are too many at once for {collection}: the servers' memory cannot hold the change"
        return InvalidInput(message, code="batch_too_large", hint="Give fewer at a time.")
    if code == _PARALLEL:
        message = f"a document for {collection} has lists at several paths of one index"
        return InvalidInput(message, code="invalid_document")
    if code in _CONFLICTS:
        return undone("somebody else changed the same documents")
    return _unavailable(exc, code, shown)


def _unavailable(exc: Exception, code: int | None, shown: str) -> StoreUnavailable:
    reason = _details_of(exc).get("codeName") or type(exc).__name__
    if isinstance(exc, WaitQueueTimeoutError):
        return StoreUnavailable(f"all connections to {shown} are in use", code="store_busy", reason=reason)
    if code in _WRITE_CONCERN:
        message = f"{shown} has not confirmed a change by a majority of its servers: it may be undone"
        return StoreUnavailable(message, code="store_unconfirmed", reason=reason)
    if code in _REFUSED:
        hint = "Look at user, password and roles (readWrite on the database)."
        return StoreUnavailable(f"{shown} refuses the user", code=_REFUSED[code], hint=hint, reason=reason)
    if code == _MAX_TIME:
        return StoreUnavailable(f"{shown} took too long", code="store_busy", reason=reason)
    if isinstance(exc, ConnectionFailure | driver.ConfigurationError):
        hint = "Look whether its servers run and one of them is primary."
        return StoreUnavailable(f"{shown} cannot be reached", hint=hint, reason=reason)
    return StoreUnavailable(f"{shown} cannot be used", reason=reason)


def unfit(collection: str) -> InvalidInput:
    """A change that a stored document does not allow."""
    message = f"the change does not fit a document of {collection}: a path leads through what is no object, or a number"
    return InvalidInput(f"{message} is to be added to what is none or would leave 64 bits", code="invalid_input")


class Guard:
    """A context in which the driver's errors become the port's. It keeps nothing: one serves many calls at once.

    ``failed`` is told of errors after which a transaction cannot go on. ``changes`` says that the calls alter documents
    in a way that these may not allow.
    """

    def __init__(self, shown: str, collection: str, failed: Callable[[], None], *, changes: bool = False) -> None:
        self._shown = shown
        self._collection = collection
        self._failed = failed
        self._changes = changes

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What BSON cannot hold is refused with errors of Python's own, too.
        if not isinstance(exc, PyMongoError | BSONError | OverflowError | ValueError):
            return
        if isinstance(exc, PyMongoError):
            self._failed()
        if self._changes and _code_of(exc) in _UNFIT_CHANGE:
            raise unfit(self._collection) from exc
        raise translated(exc, self._shown, self._collection) from exc


def _details_of(exc: BaseException) -> Mapping[str, Any]:
    details = getattr(exc, "details", None)
    if isinstance(exc, BulkWriteError):
        errors = (details or {}).get("writeErrors") or (details or {}).get("writeConcernErrors")
        details = errors[0] if errors else None
    return details if isinstance(details, Mapping) else {}


def _code_of(exc: BaseException) -> int | None:
    if isinstance(exc, BulkWriteError):
        return _details_of(exc).get("code")
    return exc.code if isinstance(exc, OperationFailure) else None
