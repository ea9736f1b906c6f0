"""A server of a test's own, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

__all__ = ["serving"]


@contextmanager
def serving(server: ThreadingHTTPServer, released: threading.Event | None = None) -> Iterator[None]:
    """Serves requests for the time of the block; ``released``, which answers may wait for, is set at its end."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            if released is not None:
                released.set()
            server.shutdown()
            thread.join()
