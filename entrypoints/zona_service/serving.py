"""Running the service until it is told to stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from importlib import import_module
from typing import Any

from attrs import define

from zona_service._extras import require_extra

__all__ = ["Serving", "serve"]


@define(frozen=True, kw_only=True)
class Serving:
    """What is told when the service takes requests."""

    #: with the real port, if any free one was asked for
    url: str
    server: str
    workers: int
    threads: int
    #: of the main process: signals go there
    pid: int


def serve(
    options: Mapping[str, Any] | None = None,
    http_options: Mapping[str, Any] | None = None,
    *,
    ready: Callable[[Serving], None],
) -> None:
    """Starts the service and returns when a signal has ended it; options win over environment and ``zona.toml``.

    In the order of SPEC §4.6. ``ready`` is called once, when the socket takes connections. Raises
    ``ConfigurationError`` naming every fault (also if an extra is not installed or the address is taken),
    ``KeyUnavailable``, ``StoreUnavailable``, ``ZonaError`` if the workers cannot be kept alive.
    """
    require_extra("http", "falcon", "gunicorn", "structlog", "prometheus_client")
    from zona_service._metrics_directory import metrics_directory

    with metrics_directory():
        _serve(options, http_options, ready)


def _serve(
    options: Mapping[str, Any] | None, http_options: Mapping[str, Any] | None, ready: Callable[[Serving], None]
) -> None:
    from zona_http._logging import configure_logging
    from zona_service._configuration import load, require_ready
    from zona_service._listening import listen, process_count, url_of

    configure_logging("info", "json")
    load_all = partial(load, options, http_options)
    settings, http = load_all()
    if http.server == "granian":
        require_extra("fast", "granian")
    configure_logging(http.log_level, http.log_format)
    require_ready(settings)
    import_module("zona_http.app")  # once, before processes fork, so that they share it
    with closing(listen(http.host, http.port)) as listener:
        serving = Serving(
            url=url_of(listener, tls=bool(http.certificate)),
            server=http.server,
            workers=process_count(http.workers),
            threads=http.threads,
            pid=os.getpid(),
        )
        told = partial(ready, serving)
        if http.server == "granian":
            from zona_service.granian_server import serve_granian

            serve_granian(settings, http, listener, reload=load_all, ready=told)
        else:
            from zona_service.gunicorn_server import serve_gunicorn

            serve_gunicorn(settings, http, listener, reload=load_all, ready=told)
