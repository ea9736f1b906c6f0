"""Responses → outputs: what a task gives, by JMESPath over ``{status, headers, body}``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from zona_core.domain.fields import FieldKind, OutputField
from zona_documents import Names, below, identifier, prose
from zona_openapi._fields import kind_of
from zona_openapi._media import is_json, is_text
from zona_openapi._model import Context

__all__ = ["read_outputs", "success_statuses", "wanted_media"]

_MOST_PROPERTIES: Final = 200
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ANYTHING: Final = OutputField(name="body", kind=FieldKind.JSON, path="body", label="Body")


class _Content(NamedTuple):
    """What a response holds."""

    kind: str
    schema: Any
    place: str
    #: whether other media types are documented as well
    one_of_several: bool


def read_outputs(context: Context, operation: Mapping[str, Any], place: str) -> tuple[OutputField, ...]:
    """The outputs of the operation at ``place``: those of its best successful response."""
    found = _content(context, operation, place)
    if found is None:
        return (_ANYTHING,)
    kind, there = found.kind, found.place
    plain = context.schemas.plain(found.schema, there)
    help_text = prose(plain.get("description"), 1_000)
    if kind and not is_json(kind) and "*" not in kind:
        text = is_text(kind) and plain.get("format") != "binary"
        return (
            OutputField(
                name="body",
                kind=FieldKind.TEXT if text else FieldKind.FILE,
                path="body",
                label="Body",
                help=help_text,
            ),
        )
    if plain.get("type") == "array":
        return (OutputField(name="items", kind=FieldKind.LIST, path="body", label="Items", help=help_text),)
    outputs = _by_property(context, plain, there) if plain.get("type") in (None, "object") else ()
    return outputs or (OutputField(name="body", kind=_kind(plain), path="body", label="Body", help=help_text),)


def wanted_media(context: Context, operation: Mapping[str, Any], place: str) -> str:
    """The media type to ask for, where the answer comes in several and the one that the outputs are of is unusual."""
    found = _content(context, operation, place)
    if found is None or not found.one_of_several or not is_json(found.kind):
        return ""
    return "" if found.kind.lower().startswith("application/json") else found.kind


def success_statuses(operation: Mapping[str, Any]) -> list[Any]:
    """Statuses beyond 2XX that count as success: redirections, where the operation documents nothing else."""
    responses = operation.get("responses")
    codes = [str(code) for code in responses] if isinstance(responses, dict) else []
    if any(code[:1] == "2" or code == "default" for code in codes):
        return []
    return [int(code) for code in sorted(codes) if re.match(r"3[0-9]{2}\Z", code)]


def _content(context: Context, operation: Mapping[str, Any], place: str) -> _Content | None:
    """The best response that has content."""
    responses = operation.get("responses")
    listed = {str(code): entry for code, entry in responses.items()} if isinstance(responses, dict) else {}
    codes = sorted(code for code in listed if re.match(r"2(?:[0-9]{2}|XX|xx)\Z", code))
    for code in codes or ["default"] * ("default" in listed):  # beside a success the default stands for errors
        there = below(place, "responses", code)
        found = context.references.mapping(listed[code], there)
        media = _media(context, operation, *found) if found else None
        if media:
            return media
    return None


def _media(context: Context, operation: Mapping[str, Any], response: Mapping[str, Any], place: str) -> _Content | None:
    content = response.get("content")
    if isinstance(content, dict) and content:
        kind = next((kind for kind in content if is_json(kind)), next(iter(content)))
        there = below(place, "content", kind)
        found = context.references.mapping(content[kind], there) if content[kind] is not None else None
        entry, there = found or ({}, there)
        # lines of JSON (OpenAPI 3.2) come as one text, whatever their items are
        return _Content(kind, entry.get("schema", {}), below(there, "schema"), len(content) > 1)
    schema = response.get("schema")
    if not isinstance(schema, dict) or not schema:
        return None
    if context.swagger2:
        produces = operation.get("produces", context.document.get("produces"))
        kinds = [kind for kind in produces if isinstance(kind, str)] if isinstance(produces, list) else []
        kind = next((kind for kind in kinds if is_json(kind)), kinds[0] if kinds else "application/json")
        kind = "application/octet-stream" if schema.get("type") == "file" else kind
        return _Content(kind, schema, below(place, "schema"), len(kinds) > 1)
    context.notes.add(place, "the response's schema is read as that of JSON content", "content: application/json")
    return _Content("application/json", schema, below(place, "schema"), False)


def _by_property(context: Context, plain: Mapping[str, Any], place: str) -> tuple[OutputField, ...]:
    properties = plain.get("properties")
    if not isinstance(properties, dict) or len(properties) > _MOST_PROPERTIES:
        return ()
    names = Names()
    outputs = []
    for wire, schema in properties.items():
        known = context.schemas.plain(schema, below(place, "properties", wire))
        if known.get("writeOnly") is True:
            continue
        outputs.append(
            OutputField(
                name=names.take(identifier(wire)),
                kind=_kind(known),
                path="body." + (wire if _BARE.match(wire) else json.dumps(wire)),
                label=prose(wire, 200),
                help=prose(known.get("description"), 1_000),
            )
        )
    return tuple(outputs)


def _kind(plain: Mapping[str, Any]) -> FieldKind:
    """An output is shown, not asked for: no secret, no file within JSON."""
    kind = kind_of(plain)
    return FieldKind.TEXT if kind in (FieldKind.SECRET, FieldKind.URL) else kind
