"""Everything that Gunicorn is told, derived from the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from zona_http.settings import HttpSettings
from zona_service._configuration import server_context
from zona_service._listening import BACKLOG, process_count
from zona_service._metrics_directory import shared_memory

__all__ = ["gunicorn_options"]

#: connections of one worker, idle ones included
_CONNECTIONS: Final = 1000


def gunicorn_options(http: HttpSettings, descriptor: int) -> dict[str, Any]:
    """Gunicorn's settings by their names, for a socket that listens already.

    What is not named here is as Gunicorn has it by default; a test knows which names there are.
    """
    return {
        "bind": [f"fd://{descriptor}"],
        "backlog": BACKLOG,
        "workers": process_count(http.workers),
        "worker_connections": _CONNECTIONS,
        "threads": http.threads,
        "timeout": http.timeout,
        "graceful_timeout": http.graceful_timeout,
        "keepalive": http.keep_alive,
        "max_requests": http.max_requests,
        "max_requests_jitter": http.max_requests // 10,  # else workers that were made together end together
        "worker_tmp_dir": shared_memory(),
        "proc_name": "zona",
        # Gunicorn's own lines are those of the log; it writes none for requests, as raw addresses may hold tokens.
        "loglevel": http.log_level,
        "accesslog": None,
        # A request line carries a cursor or a filter at most; tokens stand in headers.
        "limit_request_line": 8190,
        "limit_request_fields": 64,
        "limit_request_field_size": 8190,
        # ``Entrance`` reads what proxies add, by one rule for every server.
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "proxy_protocol": "off",
        "http_protocols": "h1",
        "control_socket_disable": True,
        "sendfile": False,
        **_tls(http),
    }


def _tls(http: HttpSettings) -> dict[str, Any]:
    if not http.certificate:
        return {}
    context = server_context(http)  # made once: Gunicorn asks for each connection
    hook: Callable[[Any, Any], Any] = lambda _config, _default: context  # noqa: E731  # Gunicorn counts its arguments
    return {"certfile": http.certificate, "keyfile": http.certificate_key, "ssl_context": hook}
