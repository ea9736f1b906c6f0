"""What surrounds every request: correlation id, security headers, the log line, metrics, and problems for errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, Final

import falcon

from zona_core.domain.actors import CORRELATION
from zona_core.errors import Unauthenticated, ZonaError

from ._answers import put_problem
from ._gates import Limits
from ._headers import STRICT_TRANSPORT
from ._logging import METHODS, RequestLog, begin_request, correlation_id
from ._metrics import Metrics
from ._problems import problem_of, problem_of_falcon, unforeseen
from .operation import Operation

__all__ = ["Watch"]

_log: Final = logging.getLogger("zona.http")


class Watch:
    """Falcon middleware, the only one."""

    def __init__(self, metrics: Metrics, limits: Limits) -> None:
        self._metrics = metrics
        self._limits = limits
        self._requests = RequestLog()
        self._methods: dict[str, set[str]] = {}
        self._unlimited: set[str] = set()

    def learn(self, served: Iterable[Operation]) -> None:
        """Takes note of each path: its methods, to be told to who asks by another one, and whether it is limited."""
        for operation in served:
            self._methods.setdefault(operation.path, {"OPTIONS"}).update(operation.methods)
            if not operation.limited:
                self._unlimited.add(operation.path)

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        """The request has arrived."""
        context = request.context
        context.began = time.perf_counter()
        given = request.env.get  # PEP 3333's names, without Falcon's detour
        identifier = correlation_id(given("HTTP_X_CORRELATION_ID"), given("HTTP_X_REQUEST_ID"))
        context.correlation_id = identifier
        context.actor = context.tenant = context.code = ""
        begin_request(identifier)
        CORRELATION.set(identifier)
        self._metrics.started()
        response.set_header("x-correlation-id", identifier)
        if request.scheme == "https":
            response.set_header(*STRICT_TRANSPORT)

    def process_response(self, request: falcon.Request, response: falcon.Response, _: object, __: bool) -> None:
        """The response is about to be sent."""
        context = request.context
        seconds = time.perf_counter() - context.began
        status, route = response.status_code, request.uri_template
        data = response.data
        self._metrics.ended()
        self._metrics.observe(request.method, route, status, seconds)
        self._requests.write(
            method=request.method,
            route=route,
            status=status,
            seconds=seconds,
            correlation_id=context.correlation_id,
            bytes_out=len(data) if data else 0,
            tenant=context.tenant,
            actor=context.actor,
            client=request.remote_addr,
            code=context.code,
        )
        CORRELATION.set("")  # what this thread does next belongs to no request

    def on_error(self, request: falcon.Request, response: falcon.Response, error: Exception, _: dict[str, Any]) -> None:
        """A Falcon error handler: every error becomes a problem document."""
        identifier = request.context.correlation_id
        if isinstance(error, falcon.HTTPError):
            error = self._unserved(request, error)
        if isinstance(error, ZonaError):
            status, headers, body = problem_of(error, identifier)
            request.context.code = error.code
            if isinstance(error, Unauthenticated):
                self._metrics.auth_failure(error.code)
            if status >= 500 and error.code in ("internal_error", "isolation_breach"):
                _log.error("an error that nobody foresaw", exc_info=error)
        elif isinstance(error, falcon.HTTPError):
            status, headers, body = problem_of_falcon(error, identifier)
            request.context.code = str(status)
        else:
            _log.error("an error that nobody foresaw", exc_info=error)
            status, headers, body = unforeseen(identifier)
            request.context.code = "internal_error"
        put_problem(response, status, headers, body)

    def _unserved(self, request: falcon.Request, error: falcon.HTTPError) -> Exception:
        """What Falcon refuses, or that there were too many: no operation has counted what leads to none."""
        route = request.uri_template
        if request.method not in METHODS and route in self._methods:
            error = falcon.HTTPMethodNotAllowed(sorted(self._methods[route]))
        if error.status_code in (404, 405) and route not in self._unlimited:
            try:
                self._limits.client(request.remote_addr)
            except ZonaError as exc:
                return exc
        return error
