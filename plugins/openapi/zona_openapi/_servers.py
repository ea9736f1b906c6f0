"""Servers → the ``base_url`` field, fields for server variables, and the base URL's template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import Factory, define, evolve

from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.values import value_faults
from zona_documents import Names, below, identifier, line, prose
from zona_openapi._model import Context

__all__ = ["Servers", "read_servers"]

_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_MOST: Final = 100
_MOST_LISTED: Final = 20
_URL_FIELD: Final = Field(name="base_url", kind=FieldKind.URL)


@define(frozen=True, kw_only=True)
class _Variable:
    """A server variable as the document describes it, and its field."""

    name: str
    raw: Mapping[str, Any]
    field: Field


@define(kw_only=True)
class Servers:
    """How an app's instances find their remote side, and what operations live elsewhere."""

    context: Context
    #: of the app's fields
    names: Names
    #: the template of the base URL, or "" if each instance has to give it
    base_url: str = ""
    base_field: Field
    variables: list[_Variable] = Factory(list)

    def fields(self) -> list[Field]:
        """Those of the server variables that were met so far, and the base URL's."""
        return [*(variable.field for variable in self.variables), self.base_field]

    def own(self, *holders: tuple[Mapping[str, Any], str]) -> str:
        """The template of the server that an operation or its path names for itself; "" if that is the app's.

        ``holders`` are what may name one, each with its place, the nearest first.
        """
        for holder, place in holders:
            found = _entries(self.context, holder.get("servers"), below(place, "servers"))
            usable = [entry for entry in found if _is_absolute(entry[0])]
            if usable:
                template = self.template(*usable[0], required=False)
                return "" if template == self.base_url else template
            for url, _, there in found:
                message = f"the operation's own server {url[:100]!r} is no absolute URL; the app's is used"
                self.context.notes.add(there, message, "http:// or https:// and a host")
        return ""

    def template(self, url: str, raw: Mapping[str, Any], place: str, *, required: bool) -> str:
        """The URL with its variables as templates; ``required`` if a variable without default is needed by all."""
        variables = raw.get("variables")
        listed = variables if isinstance(variables, dict) else {}
        names = {}
        for name in dict.fromkeys(_VARIABLE.findall(url)):
            there = below(place, "variables", name)
            names[name] = self._variable(name, listed.get(name), there, required=required).name
        return _VARIABLE.sub(lambda match: f"{{{{ instance.{names[match[1]]} }}}}", url).rstrip("/")

    def _variable(self, name: str, raw: Any, place: str, *, required: bool) -> Field:
        """The variable's field; servers that describe a variable alike share it."""
        if not isinstance(raw, dict):
            self.context.notes.add(place, f"the server variable {name!r} is not described; a text is asked for")
            raw = {}
        enum = raw.get("enum")
        self.context.budget.spend(len(self.variables) + (len(enum) if isinstance(enum, list) else 1))
        known = next((one.field for one in self.variables if one.name == name and one.raw == raw), None)
        if known is not None:
            return known
        field = _variable_field(self.context, name, raw, place, self.names)
        field = evolve(field, required=field.required and required)
        self.variables.append(_Variable(name=name, raw=raw, field=field))
        return field


def read_servers(context: Context, names: Names) -> Servers:
    """The document's servers; ``names`` are those of the app's fields."""
    names.take("base_url")
    found = _listed(context)
    usable = [entry for entry in found if _is_absolute(entry[0])]
    for url, _, place in found:
        if not _is_absolute(url):
            context.notes.add(place, f"the server {url[:100]!r} is no absolute URL", "http:// or https:// and a host")
    if not usable:
        context.notes.add("#/servers", "no server can be used as it is: each instance needs its base_url", "a URL")
        return Servers(context=context, names=names, base_field=_base_field(found, default=None, required=True))
    url = usable[0][0].rstrip("/")
    default = None if _VARIABLE.search(url) else url
    servers = Servers(context=context, names=names, base_field=_base_field(found, default=default, required=False))
    servers.base_url = servers.template(*usable[0], required=True)
    return servers


def _listed(context: Context) -> list[tuple[str, dict[str, Any], str]]:
    document = context.document
    found = [] if context.swagger2 else _entries(context, document.get("servers"), "#/servers")
    host = document.get("host")
    if isinstance(host, str) and host.strip() and not any(_is_absolute(url) for url, _, _ in found):
        if not context.swagger2:
            context.notes.add("#/host", "host, basePath and schemes are read as a server", "servers")
        found = [*_from_host(document, host.strip()), *found]
    return found


def _entries(context: Context, servers: Any, place: str) -> list[tuple[str, dict[str, Any], str]]:
    if servers is None:
        return []
    found = []
    for index, entry in enumerate(servers[:_MOST] if isinstance(servers, list) else [servers]):
        there = below(place, index)
        raw = {"url": entry} if isinstance(entry, str) else entry
        known = context.references.mapping(raw, there)
        if known:
            url = known[0].get("url")
            found.append((url.strip() if isinstance(url, str) else "", known[0], there))
    return found


def _from_host(document: Mapping[str, Any], host: str) -> list[tuple[str, dict[str, Any], str]]:
    schemes = document.get("schemes")
    listed = [str(scheme).rstrip(":/").lower() for scheme in schemes] if isinstance(schemes, list) else []
    usable = [scheme for scheme in ("https", "http") if scheme in listed] or ["https"]
    path = document.get("basePath")
    path = path.strip() if isinstance(path, str) else ""
    path = path if not path or path.startswith("/") else f"/{path}"
    host = host.split("://", 1)[-1].rstrip("/")
    return [(f"{scheme}://{host}{path}", {}, "#/host") for scheme in usable]


def _is_absolute(url: str) -> bool:
    """Whether the URL with its variables filled in can be one (a variable may stand for the scheme)."""
    if "{{" in url or len(url) > 2_000:
        return False
    filled = _VARIABLE.sub("x", re.sub(r"\A\{[^{}]*\}://", "https://", url))
    filled = re.sub(r":x(?=/|\Z)", ":1", filled)  # a variable port
    return not value_faults(_URL_FIELD, filled) and not re.search(r"[{}\s?#]", filled) and filled.isprintable()


def _base_field(found: list[tuple[str, dict[str, Any], str]], *, default: str | None, required: bool) -> Field:
    texts = ["Where the API is: scheme, host and, if there is one, the path before the operations' own."]
    if found and not default and required:
        paths = [url for url, _, _ in found if url.startswith("/") and url != "/"]
        texts += [f"The document gives only its path: {line(paths[0], 200)}"] if paths else []
    if len(found) > 1:
        rows = [f"{line(url, 200)} {line(raw.get('description'), 100)}".strip() for url, raw, _ in found]
        texts += ["The document lists:", *(f"- {row}" for row in rows[:_MOST_LISTED] if row)]
    return Field(
        name="base_url",
        label="Base URL",
        kind=FieldKind.URL,
        required=required,
        default=default,
        help="\n".join(texts),
        example="https://api.example.com" if required else None,
    )


def _variable_field(context: Context, variable: str, raw: Mapping[str, Any], place: str, names: Names) -> Field:
    enum = raw.get("enum")
    choices = tuple(dict.fromkeys(line(entry, 200) for entry in enum)) if isinstance(enum, list) else ()
    choices = tuple(choice for choice in choices if choice)
    default = line(raw.get("default"), 200) or None
    if choices and default is not None and default not in choices:
        context.notes.add(place, "the default is not among the values of the enum; the first one is used")
        default = choices[0]
    if default is None and raw:
        context.notes.add(place, "the server variable has no default; each instance has to give it", "default")
    return Field(
        name=names.take(identifier(variable), identifier(f"server_{variable}")),
        label=line(variable, 200),
        kind=FieldKind.CHOICE if choices else FieldKind.TEXT,
        required=default is None,
        default=default,
        choices=choices,
        help=prose(raw.get("description"), 2_000),
    )
