"""The task handler ``http``: runs tasks that are one HTTP request, described by their ``handler_config``."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from uuid import uuid4

from zona_core.domain.apps import AppDescription, TaskDefinition
from zona_core.errors import Fault, TaskFailed
from zona_core.ports.handlers import Connection, ConnectionReport, TaskCall, TaskOutcome
from zona_http_task._auth import satisfied_alternative
from zona_http_task._checks import app_checks, task_checks
from zona_http_task._config_reading import read_app, read_task
from zona_http_task._content import Config, Reading
from zona_http_task._deadline import Deadline
from zona_http_task._failures import describe, status_failure
from zona_http_task._oauth import TokenCache
from zona_http_task._outputs import outputs_of, records_in
from zona_http_task._requests import build_probe, build_request
from zona_http_task._responses import parsed_body
from zona_http_task._scope import Scope
from zona_http_task._session import Limits, Session
from zona_http_task._transport import Answer, Transport

__all__ = ["HttpTaskHandler"]

_TEST_BYTES: Final = 65_536
#: the service did not accept the credentials
_UNWELCOME: Final = (401, 403, 407)


class HttpTaskHandler:
    """Implements the port ``TaskHandler``. Keeps connections and access tokens; safe for several threads."""

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        """``ssl_context`` replaces the system's trust store, for services with certificates of a private authority.

        It must verify certificates and host names (``ValueError``).
        """
        self._transport = Transport(ssl_context)
        self._tokens = TokenCache()
        self._agent = _agent()

    def close(self) -> None:
        """Closes the connections that are kept open."""
        self._transport.close()

    def app_faults(self, app: AppDescription) -> list[Fault]:
        """What is wrong with ``handler_config["http"]`` of the app."""
        reading = read_app(app.handler_config)
        return [*reading.faults, *app_checks(reading, app)]

    def task_faults(self, task: TaskDefinition, app: AppDescription) -> list[Fault]:
        """What is wrong with the task's ``handler_config`` and its outputs' paths."""
        reading = read_task(task.handler_config)
        return [*reading.faults, *task_checks(reading, read_app(app.handler_config).config, task, app)]

    def run(self, call: TaskCall) -> TaskOutcome:
        """Sends the request once (see ``Session.answer``) and reads the outputs from the answer.

        Raises ``TaskFailed`` with one of the codes ``http_status``, ``connection_failed``, ``tls_failed``,
        ``dns_failed``, ``address_refused``, ``invalid_request``, ``invalid_response``, ``invalid_output``,
        ``response_too_large``, ``credentials_missing``, ``task_timeout``, ``abandoned``.
        """
        started = time.perf_counter()
        run = {"idempotency_key": call.idempotency_key, "attempt": call.attempt}
        scope = _scope(call.connection, call.inputs, run)
        with scope.guarding():
            app = _usable(read_app(call.connection.integration.handler_config))
            task = _usable(read_task(call.task.handler_config))
            session = self._session(call.connection, scope, Deadline(call.timeout, call.abandoned))
            request = build_request(app, task, scope, _instance_url(call.connection), self._agent)
            alternatives = app.alternatives if task.alternatives is None else task.alternatives
            schemes = satisfied_alternative(app.schemes, alternatives, scope)
            limits = Limits(success=task.success, max_bytes=task.max_response_bytes, redirects=task.redirects)
            answer = session.answer(request, schemes, limits)
            if not limits.wants(answer.status):
                raise status_failure(request.method, answer, scope)
            return _outcome(call, answer, session.hops, started, scope)

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:
        """Requests what the app names as its test, by default the base URL, with the first credentials that are there.

        Any status below 500 will do, but those that refuse the credentials. Raises like ``run``.
        """
        started = time.perf_counter()
        scope = _scope(connection, {}, {"idempotency_key": str(uuid4()), "attempt": 1})
        with scope.guarding():
            app = _usable(read_app(connection.integration.handler_config))
            session = self._session(connection, scope, Deadline(timeout))
            request = build_probe(app, scope, _instance_url(connection), self._agent)
            schemes = satisfied_alternative(app.schemes, app.alternatives, scope)
            answer = session.answer(request, schemes, Limits(success=(), max_bytes=_TEST_BYTES))
            ok = answer.status < 500 and answer.status not in _UNWELCOME
            detail = f"{request.url.origin} answered {describe(answer.status)}"
            if answer.status in _UNWELCOME:
                detail += ": it does not accept the credentials"
            return ConnectionReport(ok=ok, detail=f"{scope.masked(detail)}.", duration_ms=_milliseconds(started))

    def _session(self, connection: Connection, scope: Scope, deadline: Deadline) -> Session:
        return Session(
            connection=connection, scope=scope, deadline=deadline, transport=self._transport, tokens=self._tokens
        )


def _agent() -> str:
    try:
        return f"zona/{version('zona')}"
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "zona"


def _scope(connection: Connection, inputs: Mapping[str, Any], run: Mapping[str, Any]) -> Scope:
    instance = {**connection.values}
    if _instance_url(connection):
        instance["base_url"] = _instance_url(connection)
    return Scope(instance=instance, inputs=inputs, run=run, conceal=connection.conceal)


def _instance_url(connection: Connection) -> str:
    """The instance's own base URL: it wins over the app's."""
    own = connection.instance.base_url if connection.instance else ""
    value = connection.values.get("base_url")
    return own or (value if isinstance(value, str) else "")


def _usable(reading: Reading[Config]) -> Config:
    """The configuration; raises ``TaskFailed`` (``invalid_request``) if it was stored with faults."""
    if reading.faults:
        raise TaskFailed(
            f"The configuration is not valid: {reading.faults[0]}", code="invalid_request", faults=reading.faults
        )
    return reading.config


def _outcome(call: TaskCall, answer: Answer, hops: int, started: float, scope: Scope) -> TaskOutcome:
    body = parsed_body(answer, scope.masked_octets)
    outputs = outputs_of(call.task.outputs, {"status": answer.status, "headers": answer.headers, "body": body})
    performance = {
        "http_status": answer.status,
        "bytes_received": answer.bytes_received,
        "bytes_sent": answer.bytes_sent,
        "connection_reused": answer.connection_reused,
        "redirects": hops,
        "duration_ms": _milliseconds(started),
    }
    return TaskOutcome(outputs=outputs, records_processed=records_in(outputs, body), performance=performance)


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
