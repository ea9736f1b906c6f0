"""What a request costs in the process itself: the application called as a server calls it (PEP 3333), CPU time only."""

from __future__ import annotations

import gc
import io
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import falcon
from _report import Figure, figure

from zona_core import Zona

__all__ = ["NAMES", "Application", "application", "breakdown", "store_calls_a_second", "whole_stack"]

#: the cached read
NAMES = "/apps/v1/integration-name/localhost"


class Application:
    """The service's application in this process, and a token for it."""

    def __init__(self, served: Any, zona: Zona, token: str) -> None:
        self.zona = zona
        self.token = token
        self._served = served
        self._status = ""

    def ask(self, path: str) -> Callable[[], bytes]:
        """A function that asks for ``path``; it has been answered with 200 once."""
        environ = _environ(path, self.token)

        def call() -> bytes:
            return b"".join(self._served(dict(environ), self._start))

        body = call()
        if not self._status.startswith("200"):
            raise SystemExit(f"GET {path} was answered with {self._status}: {body[:500].decode(errors='replace')}")
        return call

    def _start(self, status: str, headers: Any, error: Any = None) -> None:
        self._status = status


@contextmanager
def application(
    options: Mapping[str, Any], http: Mapping[str, Any], password: str, folder: Path
) -> Iterator[Application]:
    """The application as a worker of the service opens it: metrics in a shared folder, the log in a file."""
    from zona_http._logging import configure_logging
    from zona_http._metrics import share_metrics
    from zona_service._configuration import load
    from zona_service._entrance import Stopping
    from zona_service.app import open_app

    share_metrics(folder / "metrics")
    with (folder / "process.log").open("wb") as log:
        configure_logging("info", "json", log)
        served, zona = open_app(*load(options, http), Stopping())
        with zona:
            token = zona.gate.login(name="admin", password=password).access_token.reveal()
            yield Application(served, zona, token)
        configure_logging("info", "json", sys.stderr)


def whole_stack(app: Application, rounds: int) -> list[Figure]:
    """CPU microseconds of a cached read from the server's call to its return, and of a known token's check alone."""
    bearer = app.zona.gate.bearer
    return [
        figure("cached read, whole stack and log line: CPU µs (most 60)", _cost(app.ask(NAMES), rounds), 60, goal=1.0),
        figure("a known token's check alone: CPU µs (most 10)", _cost(lambda: bearer(app.token), rounds), 10, goal=1.0),
    ]


def breakdown(app: Application, rounds: int, calls: int) -> list[Figure]:
    """By how much the cached read gets cheaper when one part after the other is taken out of the running stack.

    Each part is measured against the whole stack in the same round. Parts cost more here than in a loop of their own,
    where the processor has nothing else in its caches.
    """
    call = app.ask(NAMES)
    whole = _cost(call, rounds)
    rows = []
    for name, replaced in _parts(app).items():
        best = [float("inf"), float("inf")]
        for _ in range(rounds):
            best[0] = min(best[0], _cost(call, 1, calls))
            with _replaced(replaced):
                best[1] = min(best[1], _cost(call, 1, calls))
        part = max(best[0] - best[1], 0.0)
        if name == "token check":
            rows.append(figure("  of it token check, CPU µs (most 10)", part, 10, goal=1.0))
        else:
            rows.append(figure(f"  of it {name}, CPU µs", part, whole))
    return rows


def store_calls_a_second(app: Application, app_id: int, rounds: int) -> float:
    """How often one thread can call ``workspace.apps.get`` in a second."""
    workspace = app.zona.tenant(actor=app.zona.gate.bearer(app.token).actor)
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(500):
            workspace.apps.get(app_id)
        best = min(best, (time.perf_counter() - began) / 500)
    return 1 / best


def _cost(call: Callable[[], Any], rounds: int, calls: int = 1_000) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            call()
        best = min(best, (time.process_time() - began) / calls * 1e6)
    return best


Replacements = list[tuple[Any, str, Any]]


def _parts(app: Application) -> dict[str, Replacements]:
    """What to put in the place of each part, so that all others go on as before."""
    from zona_http import _endpoint, _watch

    service = _only(_endpoint.Service)
    watch = _only(_watch.Watch)
    endpoint = next(each for each in _all(_endpoint.Endpoint) if each._operation.id == "integration_names")
    request = falcon.Request(_environ(NAMES, app.token))
    identity = app.zona.gate.bearer(app.token)
    params = endpoint._params.read(request, {"tenant_code": "localhost"})
    results: list[Any] = []
    with _replaced([(endpoint, "_result", _recorded(endpoint._result, results))]):
        body = app.ask(NAMES)()

    def nothing(*_: Any, **__: Any) -> None:
        return None

    def put(response: Any, *_: Any) -> None:
        response.data = body

    return {
        "token check": [(service.proofs, "believed", lambda _: identity)],
        "rate limits (client, user, tenant)": [(service.limits, "client", nothing), (service.limits, "known", nothing)],
        "early permission check": [(service.doors, "permit", nothing)],
        "parameters, validated": [(endpoint._params, "read", lambda *_: params)],
        "use-case, cached": [(endpoint, "_result", lambda *_: results[0])],
        "envelope and entity tag": [(_endpoint, "put_answer", put)],
        "log line": [(watch._requests, "write", nothing)],
        "log context": [(_watch, "begin_request", nothing), (_endpoint, "bind_identity", nothing)],
        "correlation id": [(_watch, "correlation_id", lambda *_: "0123456789abcdef0123456789abcdef")],
        "metrics": [(watch._metrics, name, nothing) for name in ("started", "ended", "observe")],
    }


def _recorded(function: Callable[..., Any], results: list[Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        results.append(function(*arguments))
        return results[-1]

    return call


@contextmanager
def _replaced(parts: Replacements) -> Iterator[None]:
    before = [(owner, name, getattr(owner, name), name in vars(owner)) for owner, name, _ in parts]
    for owner, name, value in parts:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value, own in before:
            if own:
                setattr(owner, name, value)
            else:
                delattr(owner, name)


def _all(kind: type) -> list[Any]:
    return [each for each in gc.get_objects() if type(each) is kind]


def _only(kind: type) -> Any:
    (found,) = _all(kind)
    return found


def _environ(path: str, token: str) -> dict[str, Any]:
    """What a server makes of a request of ``wrk``."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "RAW_URI": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8063",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "benchmark",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "127.0.0.1:8063",
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
