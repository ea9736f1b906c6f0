"""Which media type a request body is sent as, and what is known of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import Factory, define

from zona_documents import below
from zona_openapi._model import Context, Parameters
from zona_openapi._parameters import example_of

__all__ = ["Media", "is_json", "is_text", "request_media"]

_MEDIA_TYPE: Final = re.compile(
    r"(?:\*|[A-Za-z0-9!#$&^_.+-]+)/[A-Za-z0-9!#$&^_.+*-]+"
    r"(?:\s*;\s*[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+-]+|\"[^\"\r\n]*\"))*\Z"
)
_FORM: Final = "application/x-www-form-urlencoded"
#: style → what parts the items of a list in a form
_DELIMITERS: Final[Mapping[Any, str]] = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
#: the same for Swagger 2.0's collectionFormat; ``multi`` repeats the part
_COLLECTION_DELIMITERS: Final[Mapping[Any, str]] = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|", "multi": ""}
_FORM_TEXT: Final = re.compile(r"[^\s=&]+=[^&]*(?:&[^\s=&]+=[^&]*)*\Z")


@define(frozen=True, kw_only=True)
class Media:
    """A request body before it becomes fields."""

    #: json, form, multipart, text or binary
    form: str
    media_type: str
    schema: Any
    place: str
    required: bool
    description: Any = None
    example: Any = None
    #: what parts the items of those properties of a form whose lists are sent as one value
    delimiters: Mapping[str, str] = Factory(dict)
    #: where a property stands, if not below the schema's place
    places: Mapping[str, str] = Factory(dict)


def request_media(context: Context, operation: Mapping[str, Any], place: str, parameters: Parameters) -> Media | None:
    """The body that the operation takes, or None if it takes none."""
    if context.swagger2:
        return _swagger2(context, operation, place, parameters)
    raw = operation.get("requestBody")
    found = context.references.mapping(raw, below(place, "requestBody")) if raw is not None else None
    body, there = found or ({}, below(place, "requestBody"))
    content = body.get("content")
    listed = content if isinstance(content, dict) else {}
    context.budget.spend(len(listed))
    usable = {kind: entry for kind, entry in listed.items() if len(kind) < 200 and _MEDIA_TYPE.match(kind)}
    for kind in (kind for kind in listed if kind not in usable):
        context.notes.add(below(there, "content", kind), f"{kind[:60]!r} is no media type", "such as application/json")
    if usable:
        return _best(context, usable, body, there)
    if parameters.form:
        return _form_media(context, parameters, ())
    if parameters.body or listed or (found and content is None and body):
        return _guessed(context, listed, body, there, parameters)
    if found and place.rpartition("/")[2] in ("post", "put", "patch"):
        context.notes.add(there, "the body has no media type; any JSON may be given", "content: application/json")
        return Media(form="json", media_type="application/json", schema={}, place=there, required=False)
    return None


def _best(context: Context, usable: Mapping[str, Any], body: Mapping[str, Any], place: str) -> Media:
    kind = min(usable, key=_rank)  # of equals the first
    there = below(place, "content", kind)
    found = context.references.mapping(usable[kind], there) if usable[kind] is not None else None
    entry, there = found or ({}, there)
    schema, schema_place = entry.get("schema", {}), below(there, "schema")
    form = _form_of(kind, context.schemas.plain(schema, schema_place))
    exact = kind if "*" not in kind else {"json": "application/json", "text": "text/plain"}.get(form, "")
    return Media(
        form=form,
        media_type=exact or "application/octet-stream",
        schema=schema,
        place=schema_place,
        required=body.get("required") is True,
        description=body.get("description"),
        example=example_of(entry, context, there),
        delimiters=_encoded_delimiters(context, entry.get("encoding"), below(there, "encoding")),
    )


def _encoded_delimiters(context: Context, encoding: Any, place: str) -> dict[str, str]:
    """What ``encoding`` says of lists (OpenAPI 3.1.1 §4.8.15); the rest of it is noted."""
    found = {}
    for name, raw in encoding.items() if isinstance(encoding, dict) else ():
        if not isinstance(raw, dict):
            continue
        style = raw.get("style", "form")
        if set(raw) & {"contentType", "headers"} or style not in _DELIMITERS:
            message = "only style and explode of lists are followed; the part is sent by its type"
            context.notes.add(below(place, name), message)
        if raw.get("explode", style == "form") is False and style in _DELIMITERS:
            found[name] = _DELIMITERS[style]
    return found


def _rank(kind: str) -> int:
    bare = _bare(kind)
    order = ("application/json", "", _FORM, "multipart/form-data", "text/plain")
    if bare in order:
        return order.index(bare)
    if is_json(bare):
        return 1
    return 5 if "*" not in bare and is_text(bare) else 6 if "*" not in bare else 7


def _bare(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is JSON (RFC 6839: the suffix ``+json``)."""
    bare = _bare(kind)
    return bare in ("application/json", "text/json") or bare.endswith("+json")


def is_text(kind: str) -> bool:
    """Whether a media type is text that people read."""
    bare = _bare(kind)
    return bare.startswith("text/") or bool(re.search(r"[/+](?:xml|x?-?yaml|javascript|x-ndjson|csv|graphql)\Z", bare))


def _form_of(kind: str, schema: Mapping[str, Any]) -> str:
    bare = _bare(kind)
    if is_json(bare):
        return "json"
    if bare == _FORM:
        return "form"
    if bare == "multipart/form-data":
        return "multipart"
    if schema.get("format") == "binary":
        return "binary"
    if bare in ("*/*", "application/*"):
        return "text" if schema.get("type") == "string" else "json"
    return "text" if is_text(bare) else "binary"


def _guessed(
    context: Context, listed: Mapping[str, Any], body: Mapping[str, Any], place: str, parameters: Parameters
) -> Media:
    """A body whose media type is not told, or not as it should be: its example tells most."""
    raw, there = parameters.body or ({}, place)
    texts = [_example_in(entry) for entry in listed.values()]
    texts += [_example_in(entry) for entry in (raw, body, raw.get("schema"))]
    example = next((text for text in texts if text not in (None, "")), None)
    kind = parameters.content_type if _MEDIA_TYPE.match(parameters.content_type) else ""
    if isinstance(example, str):
        data = _json_or_none(example)
        kind = kind or (
            "application/json" if data is not None else _FORM if _FORM_TEXT.match(example) else "text/plain"
        )
        example = data if data is not None and is_json(kind) else example
    kind = kind or "application/json"
    schemas = (entry.get("schema") for entry in listed.values() if isinstance(entry, dict))
    schema: Any = next((found for found in schemas if isinstance(found, dict)), {})
    if not schema and isinstance(raw.get("schema"), dict) and raw["schema"].get("type") != "string":
        schema = raw["schema"]  # a generator's "string" says only that a text box was shown
    context.notes.add(there, f"the body is sent as {kind}, as its example or its header suggests", "a media type")
    form = _form_of(kind, {})
    return Media(
        form="text" if form in ("form", "multipart") and not schema else form,
        media_type=kind,
        schema=schema if form in ("json", "form", "multipart") else {"type": "string"},
        place=below(there, "schema"),
        required=body.get("required") is True or raw.get("required") is True,
        description=raw.get("description") or body.get("description"),
        example=example,
    )


def _example_in(entry: Any) -> Any:
    if isinstance(entry, dict):
        return entry.get("example", entry.get("value"))
    return entry if isinstance(entry, str) else None


def _json_or_none(text: str) -> Any:
    try:
        found = json.loads(text) if len(text) <= 100_000 else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _swagger2(context: Context, operation: Mapping[str, Any], place: str, parameters: Parameters) -> Media | None:
    consumes = operation.get("consumes", context.document.get("consumes"))
    kinds = [kind for kind in consumes if isinstance(kind, str)] if isinstance(consumes, list) else []
    for kind in kinds:
        if not _MEDIA_TYPE.match(kind):
            context.notes.add(below(place, "consumes"), f"{kind[:60]!r} is no media type", "such as application/json")
    kinds = [kind for kind in kinds if _MEDIA_TYPE.match(kind)]
    if parameters.form:
        return _form_media(context, parameters, kinds)
    if not parameters.body:
        return None
    raw, there = parameters.body
    schema, schema_place = raw.get("schema", {}), below(there, "schema")
    kind = min(kinds, key=_rank) if kinds else "application/json"
    form = _form_of(kind, context.schemas.plain(schema, schema_place))
    return Media(
        form=form,
        media_type=kind if "*" not in kind else "application/json",
        schema=schema,
        place=schema_place,
        required=raw.get("required") is True,
        description=raw.get("description"),
        example=example_of(raw, context, there),
    )


def _form_media(context: Context, parameters: Parameters, kinds: list[str] | tuple[str, ...]) -> Media:
    """The body that ``in: formData`` parameters make."""
    properties = {raw["name"]: _form_property(raw) for raw, _ in parameters.form}
    files = any(part.get("type") == "file" for part in properties.values())
    wanted = [kind for kind in kinds if _bare(kind) in (_FORM, "multipart/form-data")]
    multipart = files or (bool(wanted) and _bare(min(wanted, key=_rank)) != _FORM)
    if files and wanted and all(_bare(kind) == _FORM for kind in wanted):
        context.notes.add(
            parameters.form[0][1], "a file is sent as multipart/form-data", "consumes: multipart/form-data"
        )
    return Media(
        form="multipart" if multipart else "form",
        media_type="multipart/form-data" if multipart else _FORM,
        schema={
            "type": "object",
            "properties": properties,
            "required": [raw["name"] for raw, _ in parameters.form if raw.get("required") is True],
        },
        place=parameters.form[0][1],
        required=any(raw.get("required") is True for raw, _ in parameters.form),
        delimiters=_collection_delimiters(context, parameters) if context.swagger2 else {},
        places={raw["name"]: there for raw, there in parameters.form},
    )


def _collection_delimiters(context: Context, parameters: Parameters) -> dict[str, str]:
    found = {}
    for raw, place in parameters.form:
        collection = raw.get("collectionFormat", "csv")
        if not isinstance(collection, str) or collection not in _COLLECTION_DELIMITERS:
            context.notes.add(place, f"collectionFormat {str(collection)[:30]!r} is read as csv", "csv")
            collection = "csv"
        found[raw["name"]] = _COLLECTION_DELIMITERS[collection]
    return found


def _form_property(raw: Mapping[str, Any]) -> dict[str, Any]:
    schema = raw.get("schema")
    kept = dict(schema) if isinstance(schema, dict) else {}
    outer = {key: value for key, value in raw.items() if key not in ("in", "name", "required", "schema", "$ref")}
    return {**outer, **kept} or {"type": "string"}
