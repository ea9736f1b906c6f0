"""The application that a WSGI server serves."""

from __future__ import annotations

import atexit

from zona_core import Settings, Zona
from zona_http.settings import HttpSettings
from zona_service._entrance import Entrance, Stopping, WsgiApplication
from zona_service._taking_part import take_part

__all__ = ["get_app", "open_app"]


def get_app() -> WsgiApplication:
    """The application with the settings of ``zona.toml`` and the environment, for servers other than ``zona serve``.

    In the order of SPEC §4.6: logging, configuration, store, application. To be called in each worker process, after
    it was forked; what it opened is closed when the process ends. Raises ``ConfigurationError`` naming every fault,
    ``StoreUnavailable``.
    """
    from zona_http._logging import configure_logging
    from zona_service._configuration import load, require_ready

    configure_logging("info", "json")
    settings, http = load()
    configure_logging(http.log_level, http.log_format)
    require_ready(settings)
    app, zona = open_app(settings, http, Stopping())
    atexit.register(zona.close)
    return app


def open_app(settings: Settings, http: HttpSettings, stopping: Stopping) -> tuple[WsgiApplication, Zona]:
    """An application and the ``Zona`` behind it, which the caller closes.

    The process takes part in carrying out runs from now on, unless a queue leaves them to workers. One that forks calls
    this in the children: a ``Zona`` holds threads and files that no fork carries over.
    """
    from zona_http.app import create_app

    zona = Zona(settings)
    take_part(zona)
    return Entrance(create_app(zona, http), http.forwarded_allow_ips, stopping), zona
