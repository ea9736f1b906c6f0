"""Parameters of authentication and actions → fields."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from attrs import evolve

from zona_core.domain.fields import Field, FieldKind
from zona_drafts.fields import with_default, with_example, with_options
from zona_drafts.reading import Part

__all__ = ["PARAMETER", "Secrecy", "read_field"]

PARAMETER: Final = (
    *("action_field", "configuration", "description", "example", "id", "in", "multiline", "multiselect", "name"),
    *("options", "required", "schema", "scheme", "skip_multicheck", "tags", "unique_toggled", "value"),
    *("value_replace", "variant"),
)

_KINDS: Final = {
    "array": FieldKind.LIST,
    "bool": FieldKind.BOOLEAN,
    "boolean": FieldKind.BOOLEAN,
    "dict": FieldKind.JSON,
    "float": FieldKind.NUMBER,
    "int": FieldKind.NUMBER,
    "integer": FieldKind.NUMBER,
    "json": FieldKind.JSON,
    "list": FieldKind.LIST,
    "number": FieldKind.NUMBER,
    "object": FieldKind.JSON,
    "str": FieldKind.TEXT,
    "string": FieldKind.TEXT,
    "text": FieldKind.TEXT,
}

_SECRET: Final = frozenset(
    ("apikey", "credential", "credentials", "passphrase", "passwd", "password", "privatekey", "secret", "token")
)
#: tokens that lead from page to page, and addresses where tokens are had
_NO_SECRET: Final = frozenset(("continuation", "cursor", "endpoint", "next", "page", "type", "uri", "url"))
_PLAIN: Final = frozenset(
    (
        *("account", "address", "base", "cluster", "customer", "database", "db", "dn", "domain", "email", "endpoint"),
        *("environment", "fqdn", "group", "host", "hostname", "id", "instance", "ip", "login", "mail", "name", "org"),
        *("organization", "port", "project", "protocol", "proxy", "region", "server", "site", "ssl", "subscription"),
        *("tenant", "timeout", "tls", "uri", "url", "user", "username", "verify", "version", "workspace", "zone"),
    )
)


class Secrecy(Enum):
    """What a text is taken for whose name does not say whether it is secret: the format has no mark for it."""

    #: what signs in
    LIKELY = "likely"
    #: what an action is given
    UNLIKELY = "unlikely"


def read_field(part: Part, name: str, secrecy: Secrecy, *, required: bool) -> Field:
    """The field for a parameter, without a name."""
    part.only(*PARAMETER)
    field = Field(name="", required=required, help=part.prose("description", 2_000), kind=_kind(part))
    if field.kind is FieldKind.LIST:
        field = evolve(field, item_kind=FieldKind.TEXT)
    field = with_options(field, part, "options", several=part.flag("multiselect"))
    example = part.data.get("example")
    if _is_text_after_all(field, example):
        part.warn("schema", f"the example is no {field.kind.value}; the value is taken as text", field.kind.value)
        field = evolve(field, kind=FieldKind.TEXT)
    if field.kind is FieldKind.TEXT and _is_secret(part, name, secrecy):
        field = evolve(field, kind=FieldKind.SECRET)
    return with_example(with_default(field, part, "value"), example)


def _kind(part: Part) -> FieldKind:
    schema = part.data.get("schema")
    if isinstance(schema, str):
        told = schema.strip().lower()
    else:
        inner = part.part("schema")
        told = inner.line("type").lower() if inner else ""
    if told and told not in _KINDS:
        part.warn("schema", f"the type {told!r} is not known; the value is taken as text", "string")
    return _KINDS.get(told, FieldKind.TEXT)


def _is_text_after_all(field: Field, example: object) -> bool:
    """Whether an example shows that a boolean or number is none: texts are what the format's values are at the end."""
    if field.kind not in (FieldKind.BOOLEAN, FieldKind.NUMBER) or not isinstance(example, str) or not example.strip():
        return False
    return with_example(field, example).example is None


def _is_secret(part: Part, name: str, secrecy: Secrecy) -> bool:
    words = frozenset(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name[:200]).lower()))
    joined = "".join(re.findall(r"[a-z]+", name[:200].lower()))
    if words & _SECRET or any(word in joined for word in ("apikey", "password", "privatekey", "secretkey")):
        return not words & _NO_SECRET
    if secrecy is Secrecy.UNLIKELY or words & _PLAIN:
        return False
    part.warn("name", f"nothing says whether {name[:60]!r} is secret; it is taken for a secret")
    return True
