"""Request bodies → inputs and the HTTP handler's ``body`` configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from zona_core.domain.fields import Field, FieldKind
from zona_documents import Names, below, identifier, prose
from zona_openapi._media import Media, request_media
from zona_openapi._model import Body, Context, Parameters

__all__ = ["read_body"]

#: an object with more properties is one input
_MOST_PROPERTIES: Final = 300
_TYPES: Final = {"json": "json", "form": "form", "multipart": "multipart", "text": "raw", "binary": "raw"}


def read_body(
    context: Context, operation: Mapping[str, Any], place: str, parameters: Parameters, names: Names
) -> Body | None:
    """The body of the operation at ``place``, or None if it has none; ``names`` are those of its inputs."""
    media = request_media(context, operation, place, parameters)
    if media is None:
        return None
    if media.form in ("text", "binary"):
        return _raw(context, media, names)
    plain = context.schemas.plain(media.schema, media.place)
    # a GET with a body that nobody asked for is refused by some servers: there it is one input, sent if given
    split = place.rpartition("/")[2] not in ("get", "head") and (media.required or not place.endswith("/delete"))
    properties = _properties(context, media, plain) if split else {}
    if properties:
        return _by_property(context, media, plain, properties, names)
    if media.form in ("form", "multipart") and plain.get("type") not in (None, "object"):
        context.notes.add(media.place, "a form is made of an object", "type: object")
        plain = {}
    return _whole(context, media, plain, names)


def _properties(context: Context, media: Media, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that become inputs, or none if the object is better given as a whole."""
    found = plain.get("properties")
    if plain.get("type") not in (None, "object") or not isinstance(found, dict) or plain.get("nullable") is True:
        return {}
    if len(found) > _MOST_PROPERTIES or any("{{" in name for name in found):
        return {}
    if plain.get("additionalProperties") not in (None, False):
        context.notes.add(media.place, "only the properties that the schema names are inputs")
    return found


def _by_property(
    context: Context, media: Media, plain: Mapping[str, Any], properties: Mapping[str, Any], names: Names
) -> Body | None:
    needed = plain.get("required")
    required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
    examples = media.example if isinstance(media.example, dict) else plain.get("example")
    fields: list[Field] = []
    content: dict[str, str] = {}
    for wire, schema in properties.items():
        there = media.places.get(wire) or below(media.place, "properties", wire)
        known = context.schemas.plain(schema, there)
        if known.get("readOnly") is True:
            continue
        name = names.take(identifier(wire), identifier(f"body_{wire}"))
        example = examples.get(wire) if isinstance(examples, dict) else None
        fields.append(
            context.fields.field(
                name,
                schema,
                there,
                plain=known,
                required=wire in required,
                label=wire,
                example=example,
                binary=media.form == "multipart",
            )
        )
        content[wire] = _template(name, media.delimiters.get(wire, "") if known.get("type") == "array" else "")
    return Body(fields=tuple(fields), config=_config(media, content)) if fields else None


def _template(name: str, delimiter: str) -> str:
    """The input's value, or its items as one text."""
    value = f"input.{name}"
    return f"{{{{ {value} && join('{delimiter}', {value}[*].to_string(@)) }}}}" if delimiter else f"{{{{ {value} }}}}"


def _whole(context: Context, media: Media, plain: dict[str, Any], names: Names) -> Body:
    name = names.take("body", "request_body")
    field = context.fields.field(
        name,
        media.schema,
        media.place,
        plain=plain,
        required=media.required,
        label="Body",
        help=_help(media),
        example=media.example,
    )
    return Body(fields=(field,), config=_config(media, f"{{{{ input.{name} }}}}"))


def _raw(context: Context, media: Media, names: Names) -> Body:
    name = names.take("body", "request_body")
    binary = media.form == "binary"
    field = context.fields.field(
        name,
        {"type": "string", "format": "binary"} if binary else {"type": "string"},
        media.place,
        required=media.required,
        label="Body",
        help=_help(media),
        example=None if binary else media.example,
        binary=binary,
    )
    kept = field.schema if field.kind is not FieldKind.FILE else None
    return Body(fields=(evolve(field, schema=kept),), config=_config(media, f"{{{{ input.{name} }}}}"))


def _help(media: Media) -> str:
    """The body's description and, if it is not of the kind of the field, its example as text."""
    text = prose(media.description, 1_000)
    if isinstance(media.example, str) and media.form == "json":
        text += f"\nExample: {prose(media.example, 500)}"
    elif isinstance(media.example, dict | list) and media.form == "text":
        text += f"\nExample: {prose(json.dumps(media.example), 500)}"
    return text.strip()


def _config(media: Media, content: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"type": _TYPES[media.form], "content": content}
    usual = {
        "json": "application/json",
        "form": "application/x-www-form-urlencoded",
        "multipart": "multipart/form-data",
    }
    if media.media_type.lower() != usual.get(config["type"]):
        config["media_type"] = media.media_type
    return config
