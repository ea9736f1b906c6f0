"""Bodies that are used while they come: no more of one is held than the piece that is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import falcon

from zona_core.domain.inflating import DamagedError, inflated

from ._incoming import Incoming
from ._problems import BadRequest
from .operation import Operation
from .settings import HttpSettings

__all__ = ["StreamReader"]

_CHUNK: Final = 65_536
#: RFC 9110 §8.4.1.3: the second is another name of the first
_GZIP: Final = ("gzip", "x-gzip")


class StreamReader:
    """Gives the bodies of one operation as bytes, piece by piece."""

    def __init__(self, operation: Operation, settings: HttpSettings) -> None:
        self._media_types = operation.stream
        self._limit = settings.max_stream

    def read(self, request: falcon.Request) -> Iterator[bytes]:
        """The body without its content coding, each piece read when it is asked for.

        Raises ``BadRequest`` for media type, coding and announced length; so does the iterator for what comes out as it
        comes: ``body_missing``, ``body_incomplete``, ``body_too_large``, ``body_damaged``.
        """
        kinds = self._media_types
        if (request.content_type or "").partition(";")[0].strip().lower() not in kinds:
            message = f"the body's media type is none of {', '.join(kinds)}"
            raise BadRequest(message, status=415, code="unsupported_media_type")
        coding = (request.get_header("Content-Encoding") or "identity").strip().lower()
        if coding != "identity" and coding not in _GZIP:
            raise BadRequest("the body's content coding is not gzip", status=415, code="unsupported_encoding")
        pieces = _pieces(Incoming(request, self._limit, form=kinds[0]))
        return _inflated(pieces) if coding in _GZIP else pieces


def _pieces(incoming: Incoming) -> Iterator[bytes]:
    while piece := incoming.read(_CHUNK):
        yield piece
    incoming.refuse_incomplete()


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from inflated(pieces, _CHUNK)
    except DamagedError as exc:
        raise BadRequest(f"the body's compressed data {exc}", code="body_damaged") from None
