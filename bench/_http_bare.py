"""Bare Falcon in the place of the service's application: the same server, worker, socket and settings, nothing else.

As a program: ``python -P _http_bare.py SERVER THREADS PATH=FILE …`` answers each path with the bytes of its file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import falcon

from zona_service import gunicorn_server
from zona_service.serving import Serving, serve


class Same:
    """Answers with the same body, whatever is asked."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "application/json"
        response.data = self._body


class Nothing:
    """What is closed when a worker ends."""

    def close(self) -> None:
        pass


def main() -> None:
    server, threads, *pairs = sys.argv[1:]
    app: Any = falcon.App()
    app.add_route("/healthz", Same(b"{}"))
    for path, _, file in (pair.partition("=") for pair in pairs):
        app.add_route(path, Same(Path(file).read_bytes()))
    modules: list[Any] = [gunicorn_server]
    if server == "granian":
        from zona_service import granian_server

        modules.append(granian_server)
    for module in modules:
        module.open_app = lambda *_: (app, Nothing())

    def ready(serving: Serving) -> None:
        print(json.dumps({"serving": {"url": serving.url}}), flush=True)

    serve({}, {"server": server, "threads": int(threads), "workers": 1, "port": 0}, ready=ready)


if __name__ == "__main__":
    main()
