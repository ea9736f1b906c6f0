"""What describes and probes the service itself: health, metrics, the OpenAPI document and its page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import define

from zona_core import Zona
from zona_core.errors import NotFound
from zona_http._answers import encoded
from zona_http._headers import DOCUMENTATION_POLICY
from zona_http._health import live, ready
from zona_http._metrics import Metrics
from zona_http.operation import Access, Answer, Call, Operation
from zona_http.settings import HttpSettings

__all__ = ["SYSTEM_PATHS", "system_operations"]

_PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Zona: the HTTP API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
_START = b"""window.ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, tryItOutEnabled: false,
  presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", docExpansion: "none",
});
"""
#: file name → media type; all but the last are Swagger UI's own, from the package swagger-ui-py (Apache-2.0)
_FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript; charset=utf-8",
}
#: every path of these operations
SYSTEM_PATHS = frozenset(
    ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", *(f"/docs/{name}" for name in _FILES))
)


@define(frozen=True, kw_only=True)
class Liveness:
    """The process answers."""

    status: str


@define(frozen=True, kw_only=True)
class Dependency:
    """One thing that requests need."""

    name: str
    #: up, degraded or down
    status: str
    #: a stable code
    detail: str
    ms: float


@define(frozen=True, kw_only=True)
class Readiness:
    """Whether requests can be answered."""

    status: str
    dependencies: tuple[Dependency, ...]


def system_operations(
    zona: Zona, settings: HttpSettings, metrics: Metrics, document: dict[str, Any]
) -> list[Operation]:
    """These operations know the app that they belong to; ``document`` is filled in once all operations are known."""

    def metrics_text(_: Call) -> Answer:
        media_type, body = metrics.render()
        return Answer(body=body, media_type=media_type)

    def readiness(_: Call) -> Answer:
        good, report = ready(zona, cache=zona.cache, limiter=zona.rate_limiter)
        return Answer(data=report, status=200 if good else 503)

    def openapi(call: Call) -> Answer:
        # With the address that the client itself used, whoever imports the document has a base URL.
        servers = [{"url": call.request.prefix}]
        return Answer(body=encoded({**document, "servers": servers}), media_type="application/json")

    probe: dict[str, Any] = {"tag": "service", "access": Access.PUBLIC}
    granted = {"access": Access.GRANTED, "permission": "metrics:read", "above_tenants": True}
    guarded = granted if settings.metrics_protected else {}
    return [
        Operation(
            **probe, limited=False, method="GET", path="/healthz", id="healthz", summary="The process answers",
            handler=lambda _: live(), result=Liveness, answer_example={"status": "up"},
        ),
        Operation(
            **probe, limited=False, method="GET", path="/readyz", id="readyz",
            summary="Whether requests can be answered",
            handler=readiness, result=Readiness, problems=(),
            answer_example={
                "status": "up", "dependencies": [{"name": "store", "status": "up", "detail": "", "ms": 0.2}],
            },
        ),
        Operation(
            **{**probe, **guarded}, method="GET", path="/metrics", id="metrics", summary="Prometheus metrics",
            handler=metrics_text, media_type="text/plain",
        ),
        Operation(
            **probe, method="GET", path="/openapi.json", id="openapi", summary="This document",
            handler=openapi, media_type="application/json",
        ),
        Operation(
            **probe, method="GET", path="/docs", id="docs", summary="This document as a page",
            handler=lambda _: _shown(_PAGE, "text/html; charset=utf-8"), media_type="text/html",
        ),
        *(_file_operation(name, media_type, probe) for name, media_type in _FILES.items()),
    ]  # fmt: skip


def _file_operation(name: str, media_type: str, declared: Mapping[str, Any]) -> Operation:
    return Operation(
        **declared,
        method="GET",
        path=f"/docs/{name}",
        id="docs_" + re.sub(r"\W", "_", name),
        summary="A file of that page",
        handler=lambda _: _shown(_file(name), media_type),
        media_type=media_type.partition(";")[0],
    )


def _file(name: str) -> bytes:
    return _START if name == "start.js" else (_folder() / name).read_bytes()


def _folder() -> Path:
    """Where Swagger UI's files are; its package is not imported, as it wants a template engine that nobody needs."""
    spec = find_spec("swagger_ui")
    if spec is None or spec.origin is None:
        raise NotFound("Swagger UI is not installed", hint="pip install 'zona[http]'")
    return Path(spec.origin).parent / "static"


def _shown(body: bytes, media_type: str) -> Answer:
    headers = {"content-security-policy": DOCUMENTATION_POLICY, "cache-control": "no-cache"}
    return Answer(body=body, media_type=media_type, headers=headers)
