"""The log: one JSON line for each event, with the correlation id of the request in which it happened (SPEC §4.7, §7).

``configure_logging`` is called by entry points, never at import. Without it a program that embeds the service finds the
lines of requests in its own ``logging``, under the name ``zona.http``.
"""

from __future__ import annotations

import io
import logging
import logging.config
import random
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO, Any, Final

import structlog
from structlog.contextvars import clear_contextvars, merge_contextvars
from structlog.typing import EventDict

from zona_core.errors import ConfigurationError, Fault
from zona_http._masking import holds_token, mask_line, mask_values, masked_text, without_queries
from zona_http._rendering import console_line, json_line
from zona_http._tracing import described

__all__ = [
    "METHODS",
    "LineHandler",
    "RequestLog",
    "begin_request",
    "bind_identity",
    "configure_logging",
    "correlation_id",
    "server_log_config",
]

#: the methods of RFC 9110 and PATCH (RFC 5789); others are told and counted as "other"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_NAMES: Final = {number: name for name, number in _LEVELS.items()}
_FORMATS: Final = ("json", "console")
_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
#: what monitoring asks every few seconds: told only when it fails, or at level ``debug``
_PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
#: refusals that somebody who watches for attacks wants to see
_WATCHED: Final = frozenset({401, 403, 429})
#: RFC 9562 §5.4: the bits that say "version 4"
_UUID_BITS: Final = ~((0xF000 << 64) | (0xC000 << 48))
_UUID_4: Final = (0x4000 << 64) | (0x8000 << 48)


class _Output:
    """Where lines go, in which form, from which level on."""

    def __init__(self, level: int, form: str, stream: IO[Any]) -> None:
        self.level = level
        self._binary: IO[bytes] | None = getattr(stream, "buffer", None)
        if self._binary is None and not isinstance(stream, io.TextIOBase):
            self._binary = stream
        self._text = stream
        self._console = (
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False) if form == "console" else None
        )

    def line(self, event: EventDict, *, masked: bool = False) -> bytes:
        """The event in its form; ``masked`` says that no text in it needs to be looked at any more."""
        line = json_line(event) if masked else mask_line(json_line(event))
        return line if self._console is None else console_line(self._console, line)

    def write(self, line: bytes) -> None:
        """Writes a line. Never raises: a log takes no request down."""
        try:  # not ``suppress``, which is slower than the rest
            if self._binary is not None:
                self._binary.write(line)
                self._binary.flush()
            else:
                self._text.write(line.decode())
        except (OSError, ValueError):  # the reader has gone, the stream is closed
            pass

    #: structlog calls its logger by the level's name
    debug = info = warning = error = critical = write

    def render(self, _: Any, __: str, event: EventDict) -> bytes:
        """structlog's last processor."""
        return self.line(event)


_output: _Output | None = None


def configure_logging(level: str, format: str, stream: IO[Any] | None = None) -> None:  # noqa: A002
    """Sends structlog's and the standard library's log, each event on one line, to ``stream`` (standard output).

    ``level`` is debug, info, warning, error or critical; ``format`` is json or console. May be called again; the last
    call counts. Raises ``ConfigurationError`` for other words.
    """
    faults = []
    if level.lower() not in _LEVELS:
        faults.append(Fault("log_level", f"{level!r} is no level", ", ".join(_LEVELS)))
    if format not in _FORMATS:
        faults.append(Fault("log_format", f"{format!r} is no format", ", ".join(_FORMATS)))
    if faults:
        raise ConfigurationError("logging cannot be configured", faults=faults)
    global _output  # noqa: PLW0603  # a process has one log
    _output = _Output(_LEVELS[level.lower()], format, stream if stream is not None else sys.stdout)
    structlog.configure(
        processors=[_with_request, _finish, _output.render],
        wrapper_class=structlog.make_filtering_bound_logger(_output.level),
        logger_factory=lambda *_: _output,
        cache_logger_on_first_use=False,
    )
    logging.config.dictConfig(server_log_config(level))


def server_log_config(level: str) -> dict[str, Any]:
    """``logging.config`` data for Gunicorn's ``logconfig_dict`` and Granian's ``log_dictconfig``.

    Their records come as lines of this log. Their access logs stay silent, for they hold raw addresses; so does urllib3
    below ``warning``, which tells the addresses that tasks call, and with them keys in query strings.
    """
    number = _LEVELS[level.lower()]
    silent = {"handlers": [], "level": "CRITICAL", "propagate": False}
    passed = {"handlers": [], "level": number, "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"zona": {"()": LineHandler}},
        "root": {"handlers": ["zona"], "level": number},
        "loggers": {
            "gunicorn.error": passed,
            "_granian": passed,
            "gunicorn.access": silent,
            "granian.access": silent,
            "urllib3": {"handlers": [], "level": max(number, logging.WARNING), "propagate": True},
        },
    }


class LineHandler(logging.Handler):
    """Takes the standard library's records into the log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record as one event; what ``extra`` brought becomes fields."""
        output = _output
        if output is None or record.levelno < output.level:
            return
        event: EventDict = {"event": _message(record), "logger": record.name}
        for name, value in record.__dict__.items():
            if name not in _RECORD:
                event.setdefault(name, value)
        if record.exc_info:
            event["exc_info"] = record.exc_info
        level = _NAMES.get(record.levelno, record.levelname.lower())
        output.write(output.line(_finish(None, level, _with_request(None, level, event))))


class RequestLog:
    """Writes the line of each request."""

    def write(
        self,
        *,
        method: str,
        route: str | None,
        status: int,
        seconds: float,
        correlation_id: str,
        bytes_out: int = 0,
        tenant: str = "",
        actor: str = "",
        client: str = "",
        code: str = "",
    ) -> None:
        """One request that was answered.

        ``route`` is the template (``/apps/v1/app/{id}``), None where none fits: never the raw path, which may hold a
        token. ``code`` is that of the problem, if it was answered with one.
        """
        level = _level_of(status, route)
        output = _output
        if output is not None and level < output.level:
            return
        event: EventDict = {
            "time": datetime.now(UTC),
            "level": _NAMES[level],
            "event": "request",
            "correlation_id": _harmless(correlation_id),
            **_fields(method, route, (tenant, actor, client, code)),
            "status": status,
            "duration_ms": round(seconds * 1_000, 3),
            "bytes_out": bytes_out,
        }
        if output is not None:
            output.write(output.line(event, masked=True))
        elif _embedder.isEnabledFor(level):
            _embedder.log(level, "%s", json_line(event).decode().rstrip())


def begin_request(identifier: str) -> None:
    """Forgets what the thread's last request bound; lines from now on carry this correlation id."""
    clear_contextvars()  # of whatever the last request's code bound
    _request.set((identifier,))


def bind_identity(identifier: str, tenant: str, actor: str) -> None:
    """Lines of the request with that correlation id from now on tell for which tenant and by whom it is made."""
    _request.set((identifier, tenant, actor))


def correlation_id(*given: str | None) -> str:
    """The first of the texts that the client gave (``X-Correlation-Id``, ``X-Request-Id``) that may serve as one.

    That is 8-64 characters of ``A-Z a-z 0-9 . _ -`` that are no token of ours; else a new UUID (version 4), as 32
    hexadecimal digits.
    """
    for text in given:
        if text and _GIVEN_ID.fullmatch(text) and not holds_token(text):
            return text
    bits = random.getrandbits(128)  # it has to be unique, not unguessable
    return f"{bits & _UUID_BITS | _UUID_4:032x}"


#: correlation id, tenant and actor of the request at hand: one variable, as each that is set costs something
_request: Final[ContextVar[tuple[str, ...]]] = ContextVar("zona_request", default=())
_BOUND: Final = ("correlation_id", "tenant", "actor")
_embedder = logging.getLogger("zona.http")
_RECORD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def _with_request(logger: Any, method: str, event: EventDict) -> EventDict:
    """A processor: what is known of the request at hand, and what code bound by structlog's own means."""
    return {**dict(zip(_BOUND, _request.get(), strict=False)), **merge_contextvars(logger, method, event)}


def _finish(_: Any, method: str, event: EventDict) -> EventDict:
    """A processor: gives time and level, tells exceptions without their values, masks by key."""
    told = event.pop("exc_info", None)
    event.pop("stack_info", None)
    finished: EventDict = {
        "time": datetime.now(UTC),
        "level": "error" if method == "exception" else method,
        "event": event.pop("event", ""),
    }
    for key, value in mask_values(event).items():
        finished.setdefault(key, value)
    error = _error_of(told)
    if error is not None:
        finished["exception"] = described(error)
    return finished


def _error_of(told: Any) -> BaseException | None:
    if isinstance(told, BaseException):
        return told
    if isinstance(told, tuple):
        error: BaseException | None = told[1]
        return error
    return sys.exc_info()[1] if told else None


def _message(record: logging.LogRecord) -> str:
    """The record's text, without the raw paths and queries that servers and clients put into it."""
    if record.name.startswith("gunicorn") and isinstance(record.args, tuple):
        record = logging.makeLogRecord(record.__dict__)
        shown = record.args or ()
        record.args = tuple("(path)" if isinstance(each, str) and each.startswith("/") else each for each in shown)
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001  # arguments that do not fit are the caller's slip; the event is told nevertheless
        text = str(record.msg)
    return without_queries(text)


def _level_of(status: int, route: str | None) -> int:
    if status >= 500:
        return logging.ERROR
    if status in _WATCHED:
        return logging.WARNING
    return logging.DEBUG if route in _PROBES and status < 400 else logging.INFO


@lru_cache(maxsize=4_096)
def _fields(method: str, route: str | None, texts: tuple[str, str, str, str]) -> dict[str, str]:
    """What comes again and again, masked once; not to be changed. ``texts`` are tenant, actor, client and code."""
    told = zip(("tenant", "actor", "client", "code"), texts, strict=True)
    return {
        "method": method if method in METHODS else "other",
        "route": masked_text(route) if route else "unmatched",
        **{name: masked_text(text) for name, text in told if text},
    }


def _harmless(identifier: str) -> str:
    """``masked_text`` for what comes once: letters and digits alone are no token, but for the beginning of a JWT."""
    return identifier if identifier.isalnum() and "eyJ" not in identifier else masked_text(identifier)
