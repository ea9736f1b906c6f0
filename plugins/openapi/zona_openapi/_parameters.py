"""Parameter lists: the path's and the operation's joined, repaired and in the terms of OpenAPI 3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from zona_documents import below
from zona_openapi._model import Context, Parameter, Parameters, Path

__all__ = ["declared_path_names", "example_of", "read_parameters"]

#: parameters of one list
_MOST: Final = 1_000
#: those that frame the message or name its target: the transport sets them
_TRANSPORT_HEADERS: Final = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z")
_STYLES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
#: Swagger 2.0's collectionFormat → style, explode
_COLLECTIONS: Final[Mapping[str, tuple[str, bool]]] = {
    "csv": ("", False),
    "ssv": ("spaceDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
#: the keys of a Swagger 2.0 parameter that make its schema
_INLINE: Final = {
    *("type", "format", "items", "enum", "default", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
}


def declared_path_names(context: Context, *lists: tuple[Any, str]) -> list[str]:
    """The names of the path parameters that parameter lists (each with its place) declare."""
    names = []
    for raw, _ in _entries(context, *lists):
        if isinstance(raw.get("name"), str) and str(raw.get("in")).lower() == "path":
            names.append(raw["name"])
    return list(dict.fromkeys(names))


def read_parameters(context: Context, path: Path, *lists: tuple[Any, str]) -> Parameters:
    """The parameters of ``lists`` (each with its place, the later overriding by name and ``in``) and of ``path``."""
    found: dict[tuple[str, str], Parameter] = {}
    body: tuple[dict[str, Any], str] | None = None
    form: dict[str, tuple[dict[str, Any], str]] = {}
    content_type = ""
    for one in lists:
        here: set[tuple[str, str]] = set()
        for raw, place in _entries(context, one):
            where, name = _where(context, raw, place, path), _name(raw, path)
            if where == "body":
                body = (raw, place)
            elif where == "formData" and name:
                form[name] = (raw, place)
            if where not in _STYLES:
                continue
            if where == "header" and _is_ignored(context, name, place):
                content_type = _content_type(name, raw) or content_type
                continue
            if not _usable(context, name, where, place, path):
                continue
            if (name, where) in here:
                context.notes.add(place, f"the {where} parameter {name!r} stands twice; the first one counts", "one")
                continue
            here.add((name, where))
            found[name, where] = _parameter(context, raw, place, name, where)
    listed = [*found.values(), *_undeclared(context, path, found, lists[-1][1])]
    return Parameters(listed=tuple(listed), body=body, form=tuple(form.values()), content_type=content_type)


def _entries(context: Context, *lists: tuple[Any, str]) -> Iterator[tuple[dict[str, Any], str]]:
    for entries, place in lists:
        if entries is None:
            continue
        if not isinstance(entries, list):
            context.notes.add(place, "the parameters are not a list; they are left out", "a list")
            continue
        if len(entries) > _MOST:
            context.notes.add(place, f"only the first {_MOST:,} parameters are read")
        context.budget.spend(len(entries[:_MOST]))
        for index, entry in enumerate(entries[:_MOST]):
            found = context.references.mapping(entry, below(place, index))
            if found:
                yield found


def _name(raw: Mapping[str, Any], path: Path) -> str:
    """The wire name; a path parameter's as the template writes it (``{id:[0-9]+}``, ``{+path}``, ``{ id }``)."""
    name = raw.get("name")
    if not isinstance(name, str):
        return ""
    if str(raw.get("in")).lower() == "path" and name not in path.names:
        return next((written for written in path.names if _bare(written) == _bare(name)), name)
    return name


def _bare(name: str) -> str:
    return name.partition(":")[0].strip(" +*?.;#&/").lower()


def _where(context: Context, raw: Mapping[str, Any], place: str, path: Path) -> str:
    where = raw.get("in")
    known = {name.lower(): name for name in (*_STYLES, "body", "formData")}
    if isinstance(where, str) and where in known.values():
        if where in ("body", "formData") and not context.swagger2:
            context.notes.add(place, f"a parameter with in: {where} is read as the request body", "requestBody")
        return where
    guess = known.get(where.lower(), "") if isinstance(where, str) else ""
    if not guess and where is None:
        guess = "path" if raw.get("name") in path.names else "query"
    if guess:
        context.notes.add(place, f"in: {where!r} is read as {guess}", "path, query, header or cookie")
    else:
        context.notes.add(place, f"in: {str(where)[:60]!r} is not known; the parameter is left out", ", ".join(_STYLES))
    return guess


def _usable(context: Context, name: str, where: str, place: str, path: Path) -> bool:
    if not name or len(name) > 200 or any(ord(char) < 32 for char in name) or "{{" in name:
        context.notes.add(place, "the parameter has no usable name; it is left out", "a name")
        return False
    if where in ("header", "cookie") and not _TOKEN.match(name):
        context.notes.add(place, f"{name!r} cannot name a {where}; the parameter is left out", "a token (RFC 9110)")
        return False
    if where == "header" and name.lower() in _TRANSPORT_HEADERS:
        context.notes.add(place, f"the header {name} is set by the transport; the parameter is left out")
        return False
    if where == "path" and name not in path.names:
        context.notes.add(place, f"the path has no {{{name}}}; the parameter is left out", "a name in the path")
        return False
    return True


def _is_ignored(context: Context, name: str, place: str) -> bool:
    """Whether other parts of the document say what a header is (OpenAPI 3.0.4 §4.8.12.1; 2.0 has no such rule)."""
    known = name.lower()
    if known == "authorization":
        if not context.swagger2 and not context.has_security:
            context.notes.add(place, "the header Authorization is not sent: no security scheme says how", "a scheme")
        return not context.swagger2 or context.has_security
    return known == "content-type" or (known == "accept" and not context.swagger2)


def _content_type(name: str, raw: Mapping[str, Any]) -> str:
    if name.lower() != "content-type":
        return ""
    schema = raw.get("schema")
    options = [raw.get("example"), raw.get("default")]
    if isinstance(schema, dict):
        options += [schema.get("example"), schema.get("default")]
    return next((option for option in options if isinstance(option, str) and "/" in option), "")


def _parameter(context: Context, raw: dict[str, Any], place: str, name: str, where: str) -> Parameter:
    schema, schema_place, content = _schema(context, raw, place)
    if where == "header" and name.lower() == "authorization":
        schema = {"type": "string", "format": "password"}
    style, explode = _style(context, raw, place, where)
    required = raw.get("required") is True
    if where == "path" and not required:
        context.notes.add(place, f"the path parameter {name!r} is required, whatever is said", "required: true")
        required = True
    return Parameter(
        name=name,
        where=where,
        required=required,
        schema=schema,
        schema_place=schema_place,
        place=place,
        style=style,
        explode=explode,
        allow_reserved=raw.get("allowReserved") is True and where == "query",
        content=content,
        description=raw.get("description"),
        example=example_of(raw, context, place),
    )


def _schema(context: Context, raw: dict[str, Any], place: str) -> tuple[Any, str, str]:
    """A parameter's schema, its place, and the media type that it is serialised as, if any."""
    media = raw.get("content")
    if isinstance(media, dict) and media and "schema" not in raw:
        kind, entry = next(iter(media.items()))
        there = below(place, "content", kind)
        if "json" not in kind.lower():
            context.notes.add(there, f"{kind!r} is not serialised; the value is sent as text", "application/json")
        schema = entry.get("schema", {}) if isinstance(entry, dict) else {}
        return schema, below(there, "schema"), "application/json" if "json" in kind.lower() else ""
    if isinstance(raw.get("schema"), dict | bool):
        return raw["schema"], below(place, "schema"), ""
    inline = {key: value for key, value in raw.items() if key in _INLINE}
    if inline and not context.swagger2:
        context.notes.add(place, "the parameter's type stands beside its schema's place", "schema: {type: …}")
    if not inline:
        context.notes.add(place, "the parameter has no schema; any text is taken", "schema")
    return inline or {"type": "string"}, place, ""


def _style(context: Context, raw: Mapping[str, Any], place: str, where: str) -> tuple[str, bool | None]:
    """Style and explode where they are not the defaults of ``where``."""
    if context.swagger2 or ("collectionFormat" in raw and "style" not in raw):
        collection = raw.get("collectionFormat", "csv" if context.swagger2 else "multi")
        known = _COLLECTIONS.get(collection) if isinstance(collection, str) else None
        if known is None or (where != "query" and known[0]):
            context.notes.add(place, f"collectionFormat {str(collection)[:30]!r} is read as csv", "csv")
            known = _COLLECTIONS["csv"]
        is_list = raw.get("type") == "array"
        return (known[0] if known[0] != "form" else "", known[1]) if is_list and where == "query" else ("", None)
    style, explode = raw.get("style"), raw.get("explode")
    if style is not None and style not in _STYLES[where]:
        context.notes.add(place, f"style {str(style)[:30]!r} is not one of {where}; the default is used", "a style")
        style = None
    default_explode = where in ("query", "cookie") and style in (None, "form")
    wanted = explode if isinstance(explode, bool) and explode is not default_explode else None
    return (style if isinstance(style, str) and style != _STYLES[where][0] else ""), wanted


def example_of(raw: Mapping[str, Any], context: Context, place: str) -> Any:
    """The example of a parameter or media type: ``example``, or the first usable one of ``examples``."""
    if raw.get("example") is not None:
        return raw["example"]
    examples = raw.get("examples")
    if isinstance(examples, dict) and examples:
        name, first = next(iter(examples.items()))
        found = context.references.mapping(first, below(place, "examples", name)) if isinstance(first, dict) else None
        return found[0].get("value", found[0].get("dataValue")) if found else first
    if isinstance(examples, list) and examples:
        return examples[0]
    return raw.get("x-example")


def _undeclared(
    context: Context, path: Path, found: Mapping[tuple[str, str], Parameter], place: str
) -> Iterator[Parameter]:
    """Parameters that only the path names."""
    for name in path.names:
        if (name, "path") not in found:
            context.notes.add(place, f"the path parameter {name!r} is not declared; a text is taken", "a declaration")
            yield _text(name, "path", place)
    for name, value in path.query:
        if value.startswith("{") and value.endswith("}") and (name, "query") not in found and name:
            yield _text(name, "query", place)


def _text(name: str, where: str, place: str) -> Parameter:
    return Parameter(name=name, where=where, required=True, schema={"type": "string"}, schema_place=place, place=place)
