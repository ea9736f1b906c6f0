"""The OpenAPI 3.1 document, made of the declarations that route, guard and validate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, get_type_hints

import attrs
import msgspec

from zona_core.usecases.registry import use_cases

from ._answers import encoded
from ._gates import CSRF_HEADER, KEY_HEADER
from ._problems import PROBLEM_TYPE
from ._schemas import Schemas, schema_of
from .operation import Access, Operation
from .settings import HttpSettings

__all__ = ["document_of"]

_TEXT: Final = {"type": "string"}
_FAULT: Final = {
    "type": "object",
    "properties": {"path": _TEXT, "message": _TEXT, "expected": _TEXT},
    "required": ["path", "message"],
}
#: RFC 9457 §3, and what SPEC §3 adds
_PROBLEM: Final = {
    "type": "object",
    "description": "A failure (RFC 9457).",
    "properties": {
        "type": {"type": "string", "description": "urn:zona:problem: and the code"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "success": {"const": False},
        "code": {"type": "string", "description": "stable: what programs may test for"},
        "correlation_id": {"type": "string", "description": "what the log has it under"},
        "errors": {"type": "array", "items": _FAULT},
        "hint": _TEXT,
        "details": {"type": "object", "description": "what was done all the same"},
    },
    "required": ["type", "title", "status", "detail", "success", "code", "correlation_id"],
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that the object was read with, or * for whatever is there.",
    "schema": _TEXT,
    "example": '"1"',
}
_IF_MATCH_OR_NEW: Final = {
    **_IF_MATCH,
    "required": False,
    "description": "Replaces: the ETag that the object was read with, or * for whatever is there. Without it: creates.",
}
_IF_MATCH_IF_GIVEN: Final = {
    **_IF_MATCH,
    "required": False,
    "description": "The ETag that the object was read with: if it has another by now, nothing is done.",
}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1-128 visible characters: the same call sent again with the same key is done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}
_PHRASES: Final[Mapping[int, str]] = {
    200: "Done.",
    201: "Made.",
    202: "Begun.",
    204: "Done; there is nothing to say.",
    304: "It is as the ETag in If-None-Match says.",
    400: "The request cannot be read.",
    401: "Who asks is not known.",
    403: "Who asks may not.",
    404: "There is no such thing.",
    405: "There is no such method.",
    409: "It collides with what is stored.",
    412: "It is not the revision that If-Match names.",
    413: "The body is too large.",
    414: "The URI is too long.",
    415: "The body is of another media type.",
    422: "The input is not valid; errors say where.",
    428: "If-Match is missing.",
    429: "Too many requests; Retry-After says when there may be another.",
    500: "Something went wrong inside.",
    501: "It takes something that is not installed here.",
    502: "The remote side failed.",
    503: "A dependency is away.",
    504: "The remote side did not answer in time.",
}


def document_of(
    operations: Iterable[Operation], schemas: Schemas, settings: HttpSettings, version: str
) -> dict[str, Any]:
    """The document; ``schemas`` hold what the operations declare."""
    paths: dict[str, dict[str, Any]] = {}
    tags: dict[str, None] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
        tags[operation.tag] = None
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Zona",
            "version": version,
            "summary": "Security automation engine",
            "description": "Apps, connections, runs, and who may use them, tenant by tenant.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in tags],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, "Problem": _PROBLEM},
            "securitySchemes": _security_schemes(settings),
        },
    }


def _security_schemes(settings: HttpSettings) -> dict[str, Any]:
    cookie = "__Host-zona" if settings.secure_cookies else "zona"
    return {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "api_key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": f"Changes need the header {CSRF_HEADER} too.",
        },
    }


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation, schemas),
        "security": [] if operation.access is Access.PUBLIC else [{"bearer": []}, {"api_key": []}, {"session": []}],
    }
    if text := _description(operation):
        described["description"] = text
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body is not None:
        content: dict[str, Any] = {"schema": schemas.of(operation.body)}
        if operation.example is not None:
            content["example"] = operation.example
        media_type = "multipart/form-data" if operation.multipart else "application/json"
        described["requestBody"] = {"required": True, "content": {media_type: content}}
    elif operation.stream:
        described["requestBody"] = {"required": True, "content": _streamed(operation)}
    return described


def _streamed(operation: Operation) -> dict[str, Any]:
    """What is used while it comes is of any schema; in another coding it is the same."""
    content: dict[str, Any] = {media_type: {"schema": {}} for media_type in operation.stream}
    if operation.example is not None and "application/json" in content:
        content["application/json"]["example"] = operation.example
    return content


def _description(operation: Operation) -> str:
    needed = operation.permission
    if operation.use_case:
        use_case = use_cases()[operation.use_case]
        needed = use_case.permission
    needs = f"Needs the permission `{needed}`." if needed else ""
    return "\n\n".join(filter(None, (operation.description, needs)))


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if operation.params is not None:
        hints = get_type_hints(operation.params, include_extras=True)
        in_path = set(re.findall(r"{(\w+)}", operation.path))
        for item in attrs.fields(operation.params):
            found.append(_parameter(item, hints[item.name], in_path))
    if operation.locks:
        found.append(_IF_MATCH_OR_NEW if operation.creates else _IF_MATCH)
    elif operation.conditional:
        found.append(_IF_MATCH_IF_GIVEN)
    if operation.replayable:
        found.append(_IDEMPOTENCY)
    return found


def _parameter(item: Any, kind: Any, in_path: set[str]) -> dict[str, Any]:
    schema = _plain(dict(schema_of(kind)))
    described: dict[str, Any] = {
        "name": item.name,
        "in": "path" if item.name in in_path else "query",
        "required": item.name in in_path or item.default is attrs.NOTHING,
    }
    if text := schema.pop("description", ""):
        described["description"] = text
    if examples := schema.pop("examples", None):
        described["example"] = examples[0]
    return {**described, "schema": schema}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema: a query has no null, an enumeration needs no component."""
    components = schema.pop("$defs", {})
    choices = [part for part in schema.pop("anyOf", ()) if part != {"type": "null"}]
    if len(choices) == 1:
        schema = {**choices[0], **schema}
    if "$ref" in schema:
        schema = {**components[schema.pop("$ref").rpartition("/")[2]], **schema}
    schema.pop("title", None)
    if schema.get("default", 0) is None:
        del schema["default"]
    return schema


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {str(operation.status): _success(operation, schemas)}
    if operation.creates:
        responses["201"] = {**responses[str(operation.status)], "description": _PHRASES[201]}
    for status in operation.also:
        also = {} if status == 204 else responses[str(operation.status)]
        responses[str(status)] = {**also, "description": _PHRASES[status]}
    for status in sorted(_statuses(operation)):
        responses[str(status)] = {
            "description": _PHRASES[status],
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if operation.method == "GET" and operation.access is not Access.PUBLIC and not operation.media_type:
        responses["304"] = {"description": _PHRASES[304]}
    if operation.params is not None:  # the server's own answer, before the service sees the request
        responses["414"] = {"description": _PHRASES[414]}
    for problem in operation.problems:
        shown = responses[str(problem.status)]
        shown["description"] = f"{_PHRASES[problem.status]} Codes: {', '.join(problem.codes)}."
    return responses


def _statuses(operation: Operation) -> set[int]:
    found = {429, *(problem.status for problem in operation.problems)}
    if operation.access is not Access.PUBLIC:
        found |= {401, 403, 503}
    if operation.access is not Access.PUBLIC or operation.params is not None:
        found.add(422)
    if "{" in operation.path or (operation.params is not None and operation.access is Access.GRANTED):
        found |= {404}  # a filter may name what is not there, too
    if operation.method not in ("GET", "HEAD") and operation.access is Access.GRANTED:
        found |= {404, 409}
    if operation.body is not None or operation.stream:
        found |= {400, 413, 415, 422}
    if operation.keyed:
        found |= {400}
    if operation.locks or operation.conditional:
        found |= {400, 412}
    if operation.locks:
        found |= {428}
    return found


def _success(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _PHRASES[operation.status]}
    if operation.status == 204:
        return described
    if operation.headers:
        described["headers"] = {
            name: {"schema": _TEXT, "description": text} for name, text in operation.headers.items()
        }
    if operation.media_type:
        media_types = (operation.media_type, *operation.also_media_types)
        described["content"] = {media_type: {"schema": {}} for media_type in media_types}
        return described
    data = {} if operation.result is None else schemas.of(operation.result)
    meta: dict[str, Any] = {"type": "object"}
    if operation.paged:
        cursor = {"type": ["string", "null"], "description": "cursor of the next page: after=…"}
        meta = {"type": "object", "properties": {"next": cursor}, "required": ["next"]}
    envelope = {
        "type": "object",
        "properties": {"success": {"const": True}, "data": data, "meta": meta},
        "required": ["success", "data", "meta"],
    }
    content: dict[str, Any] = {"schema": envelope}
    if operation.answer_example is not None:
        shown = {"success": True, "data": operation.answer_example, "meta": {"next": None} if operation.paged else {}}
        content["example"] = msgspec.json.decode(encoded(shown))
    described["content"] = {"application/json": content}
    correlation = {"schema": _TEXT, "description": "what the log has the request under"}
    described["headers"] = {"X-Correlation-Id": correlation, **described.get("headers", {})}
    return described
