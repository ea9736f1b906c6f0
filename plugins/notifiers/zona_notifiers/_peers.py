"""Whom a channel speaks to, within what time, and what is said when it fails."""

from __future__ import annotations

import ssl
import time
from typing import Any

from attrs import define

from zona_core.errors import NotificationFailed

__all__ = ["Deadline", "Peer"]


class Deadline:
    """A point in time after which nothing more is waited for."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def rest(self) -> float:
        """Seconds that are left, 0 if there are none."""
        return max(self._end - time.monotonic(), 0.0)

    def left(self) -> float:
        """Seconds that are left, more than 0; raises ``TimeoutError`` if there are none."""
        rest = self.rest
        if not rest:
            raise TimeoutError("the time is over")
        return rest


@define(frozen=True, kw_only=True)
class Peer:
    """The other side of a delivery."""

    #: a name in ASCII or an IP address without brackets
    host: str
    port: int
    #: how messages call it
    shown: str
    #: its address is a secret: no message tells any part of it
    hidden: bool = False

    def failure(
        self,
        happened: str,
        code: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        hint: str = "",
        **details: Any,
    ) -> NotificationFailed:
        """What is raised when ``happened``, a sentence that ``shown`` begins; ``details`` hold nothing secret."""
        return NotificationFailed(
            f"{self.shown} {happened}", code=code, retryable=retryable, retry_after=retry_after, hint=hint, **details
        )

    def broken(self, exc: Exception, deadline: Deadline) -> NotificationFailed:
        """What an error of sockets, TLS or HTTP means. Its text is not taken over: it may hold parts of the request."""
        if isinstance(exc, TimeoutError) or not deadline.rest:
            return self.failure("did not take the notification in time", "task_timeout", retryable=True)
        if isinstance(exc, ssl.SSLCertVerificationError):
            reason = "" if self.hidden else f": {exc.verify_message}"
            return self.failure(f"has no certificate that is trusted{reason}", "tls_failed", retryable=False)
        if isinstance(exc, ssl.SSLError):
            reason = exc.reason or "the connection broke"
            return self.failure(f"cannot be spoken to over TLS: {reason}", "tls_failed", retryable=True)
        if isinstance(exc, OSError):
            reason = exc.strerror or "it closed the connection without an answer"
            return self.failure(f"cannot be reached: {reason}", "connection_failed", retryable=True)
        return self.failure("answered something that is not HTTP", "invalid_response", retryable=True)
