"""Whose certificates are believed."""

from __future__ import annotations

import ssl
import threading

__all__ = ["Trust"]


class Trust:
    """A TLS context that is made on first need: reading the trust store takes a while. Safe for several threads."""

    def __init__(self, given: ssl.SSLContext | None) -> None:
        """``given`` must verify certificates and names; None: the system's trust store."""
        if given and (given.verify_mode is not ssl.CERT_REQUIRED or not given.check_hostname):
            raise ValueError("the TLS context must verify certificates and host names")
        self._context = given
        self._lock = threading.Lock()

    def context(self) -> ssl.SSLContext:
        """The context, the same one each time."""
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context()
            return self._context
