"""``create_app``: the HTTP service as a WSGI application, made of a ``Zona`` and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import falcon

from zona_core import Zona
from zona_core.errors import ConfigurationError, Fault

from ._endpoint import Endpoint, Service
from ._gates import Limits
from ._headers import SecuredResponse
from ._metrics import Metrics
from ._openapi import document_of
from ._plugin_routes import unfitness
from ._schemas import Schemas
from ._watch import Watch
from .operation import Operation
from .routes import operations_of
from .routes.system import SYSTEM_PATHS, system_operations
from .settings import HttpSettings

__all__ = ["create_app", "operations"]


def create_app(zona: Zona, settings: HttpSettings | None = None) -> falcon.App:  # type: ignore[type-arg]
    """A Falcon (WSGI) application for ``zona``, which the caller closes.

    Reads no environment and opens nothing before the first request. Raises ``ConfigurationError`` naming every
    operation of a plugin that cannot be served.
    """
    settings = settings or HttpSettings()
    served = operations(zona)
    release = version("zona")
    metrics = Metrics(release, routes={operation.path for operation in served} | SYSTEM_PATHS)
    zona.observe(metrics.runs)
    document: dict[str, Any] = {}
    everything = [*served, *system_operations(zona, settings, metrics, document)]
    schemas = Schemas(_bodies(everything), _results(everything))
    document.update(document_of(everything, schemas, settings, release))
    limits = Limits(zona, settings, metrics)
    service = Service(zona, settings, schemas, limits, metrics)
    app: falcon.App[Any, Any] = falcon.App(
        middleware=[watch := Watch(metrics, limits)], independent_middleware=True, response_type=SecuredResponse
    )
    app.req_options.auto_parse_form_urlencoded = False
    app.req_options.strip_url_path_trailing_slash = False
    app.req_options.keep_blank_qs_values = True
    app.resp_options.secure_cookies_by_default = settings.secure_cookies
    app.add_error_handler(Exception, watch.on_error)
    app.add_error_handler(falcon.HTTPError, watch.on_error)
    _route(app, everything, service)
    watch.learn(everything)
    return app


def operations(zona: Zona) -> list[Operation]:
    """The operations that are served: Zona's own, then those of plugins."""
    own = list(operations_of())
    faults: list[Fault] = []
    for plugin, given in zona.plugins.http_routes():
        problem = unfitness(given, own, SYSTEM_PATHS)
        if problem:
            faults.append(Fault(f"plugins.{plugin}", problem))
        else:
            own.append(given)
    if faults:
        raise ConfigurationError(f"an HTTP operation of a plugin cannot be served: {faults[0]}", faults=faults)
    return own


class _Resource:
    """A path: Falcon finds a responder for each method among its attributes."""


def _route(app: falcon.App[Any, Any], served: Iterable[Operation], service: Service) -> None:
    resources: dict[str, _Resource] = {}
    for operation in served:
        resource = resources.setdefault(operation.path, _Resource())
        endpoint = Endpoint(operation, service)
        for method in operation.methods:
            setattr(resource, f"on_{method.lower()}", endpoint)
    for path, resource in resources.items():
        app.add_route(path, resource)


def _bodies(served: Iterable[Operation]) -> list[Any]:
    return list(dict.fromkeys(operation.body for operation in served if operation.body))


def _results(served: Iterable[Operation]) -> list[Any]:
    return list(dict.fromkeys(operation.result for operation in served if operation.result is not None))
