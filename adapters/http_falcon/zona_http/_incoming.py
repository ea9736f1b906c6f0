"""A request's body as it comes: no more of it than is allowed, and all that was announced."""

from __future__ import annotations

from typing import Final

import falcon

from ._problems import BadRequest

__all__ = ["Incoming"]

_CHUNK: Final = 65_536


class Incoming:
    """The body of one request: taken whole, or read piece by piece and then ended."""

    def __init__(self, request: falcon.Request, limit: int, *, form: str = "multipart/form-data") -> None:
        """Raises ``BadRequest`` (``body_too_large``) if more than ``limit`` bytes are announced.

        ``form`` is the media type that a client is told of who sends nothing.
        """
        length = request.content_length
        if length is not None and length > limit:
            raise _too_large(limit)
        # Without a length the server says where a chunked body ends, or there is none.
        chunked = length is None and request.env.get("wsgi.input_terminated")
        self._stream = request.stream if chunked else request.bounded_stream
        self._length = length
        self._limit = limit
        self._form = form
        self._seen = 0
        self._ended = False

    @property
    def most(self) -> int:
        """How many bytes to ask for at most; of a body without a length one too many, so that this is noticed."""
        return self._limit + 1 if self._length is None else self._length

    def whole(self) -> bytes:
        """All of it; raises ``BadRequest``: ``body_too_large``, ``body_incomplete``."""
        data = self.read(self._limit + 1)
        if self._length is not None and self._seen < self._length:
            raise _incomplete()
        return data

    def read(self, size: int) -> bytes:
        """The next bytes, ``size`` at most, none at the end.

        Raises ``BadRequest``: ``body_too_large``, and ``body_incomplete`` where the server says that chunks break off.
        """
        try:
            data: bytes = self._stream.read(size)
        except OSError as exc:
            raise _incomplete() from exc
        self._seen += len(data)
        self._ended = not data
        if self._seen > self._limit:
            raise _too_large(self._limit)
        return data

    def end(self) -> None:
        """Reads what is left; raises ``BadRequest`` as ``whole`` does."""
        while self.read(_CHUNK):
            pass
        self.refuse_incomplete()

    def refuse_incomplete(self) -> None:
        """Raises ``BadRequest`` for a body that has ended too early: ``body_missing``, ``body_incomplete``."""
        if not self._ended:
            return
        if not self._seen:
            raise BadRequest("the body is empty", code="body_missing", hint=f"Send {self._form}.")
        if self._length is not None and self._seen < self._length:
            raise _incomplete()


def _incomplete() -> BadRequest:
    return BadRequest("the body ended before its announced length", code="body_incomplete")


def _too_large(limit: int) -> BadRequest:
    return BadRequest(f"the body is larger than {limit} bytes", status=413, code="body_too_large")
