"""Security schemes → the app's authentication and the instance fields that it needs; requirements → alternatives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import Factory, define, evolve

from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.values import value_faults
from zona_documents import Names, below, identifier, line, prose
from zona_openapi._model import Context

__all__ = ["Security", "read_security"]

Alternatives = list[list[str]]

#: schemes of a document, alternatives of a requirement
_MOST: Final = 50
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\Z")


@define(frozen=True, kw_only=True)
class _Scheme:
    """One scheme: its configuration, and its fields by what they are for."""

    config: dict[str, Any]
    fields: tuple[Field, ...]


@define(frozen=True, kw_only=True)
class _Part:
    """A value that a scheme needs from each instance."""

    name: str
    label: str
    kind: FieldKind = FieldKind.SECRET
    default: Any = None


@define(kw_only=True)
class Security:
    """The document's schemes, and what the operations asked of them so far."""

    context: Context
    schemes: dict[str, _Scheme]
    #: the alternatives of each operation that was read
    asked: list[Alternatives] = Factory(list)
    scopes: dict[str, set[str]] = Factory(dict)

    def alternatives(self, operation: Mapping[str, Any], place: str) -> Alternatives:
        """The task's ``auth``: its own ``security``, or else the document's; ``[[]]`` is "nobody asks"."""
        holder, there = (operation, place) if "security" in operation else (self.context.document, "#")
        if "security" in holder:
            found = self._required(holder["security"], below(there, "security"))
        elif self.schemes:
            self.context.notes.add("#", "no operation says which security it needs; each scheme is tried", "security")
            found = [*([name] for name in self.schemes), []]
        else:
            found = [[]]
        self.asked.append(found)
        return found

    def config(self) -> dict[str, Any]:
        """The app's ``auth``."""
        return {
            name: {**scheme.config, "scopes": sorted(self.scopes[name])} if self.scopes.get(name) else scheme.config
            for name, scheme in self.schemes.items()
        }

    def fields(self) -> list[Field]:
        """The instance fields; required are those without which no operation can be called."""
        options = [frozenset(option) for alternatives in self.asked for option in alternatives]
        everywhere = frozenset.intersection(*options) if options else frozenset()
        found = []
        for name, scheme in self.schemes.items():
            always = name in everywhere
            found += [evolve(field, required=always and field.default is None) for field in scheme.fields]
        return found

    def _required(self, raw: Any, place: str) -> Alternatives:
        if not isinstance(raw, list):
            self.context.notes.add(place, "the security requirements are not a list; they are left out", "a list")
            return [*([name] for name in self.schemes), []]
        found: Alternatives = []
        for index, entry in enumerate(raw[:_MOST]):
            there = below(place, index)
            if isinstance(entry, str):
                self.context.notes.add(there, f"{entry[:60]!r} is read as a requirement without scopes", "a mapping")
                entry = {entry: []}  # noqa: PLW2901
            if not isinstance(entry, dict):
                self.context.notes.add(there, "the security requirement is no mapping; it is left out", "a mapping")
                continue
            self.context.budget.spend(len(entry))
            unknown = [name for name in entry if name not in self.schemes]
            for name in unknown:
                self.context.notes.add(
                    below(there, name), f"there is no usable scheme {name[:60]!r}", "a scheme's name"
                )
            if unknown and len(unknown) == len(entry):
                continue
            option = [name for name in entry if name in self.schemes]
            self._remember_scopes(entry)
            if option not in found:
                found.append(option)
        if not found and raw and self.schemes:
            return [*([name] for name in self.schemes), []]
        return found or [[]]

    def _remember_scopes(self, entry: Mapping[str, Any]) -> None:
        for name, scopes in entry.items():
            scheme = self.schemes.get(name)
            if scheme and scheme.config["type"] == "oauth2_client_credentials" and isinstance(scopes, list):
                kept = {scope for scope in scopes if isinstance(scope, str) and scope and "{{" not in scope}
                self.scopes.setdefault(name, set()).update(kept)


def read_security(context: Context, names: Names) -> Security:
    """The schemes of the document, with fields whose names come from ``names``."""
    listed = _listed(context)
    drafts = {}
    for name, (raw, place) in listed.items():
        draft = _draft(context, raw, place)
        if draft:
            drafts[name] = (*draft, raw)
    wanted = [part.name for _, parts, _ in drafts.values() for part in parts]
    schemes = {}
    for name, (config, parts, raw) in drafts.items():
        fields = [_field(part, raw, name, names, alone=wanted.count(part.name) == 1) for part in parts]
        given = {part.name: f"{{{{ instance.{field.name} }}}}" for part, field in zip(parts, fields, strict=True)}
        filled = {
            key: given.get(value.name, "") if isinstance(value, _Part) else value for key, value in config.items()
        }
        schemes[name] = _Scheme(config=filled, fields=tuple(fields))
    return Security(context=context, schemes=schemes)


def _listed(context: Context) -> dict[str, tuple[dict[str, Any], str]]:
    """The raw schemes and their places; definitions in Swagger 2.0's place count in every document."""
    components = context.document.get("components")
    groups = [(context.document.get("securityDefinitions"), "#/securityDefinitions")]
    if isinstance(components, dict):
        groups.insert(0, (components.get("securitySchemes"), "#/components/securitySchemes"))
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for group, place in groups:
        if group is not None and not isinstance(group, dict):
            context.notes.add(place, "the security schemes are not a mapping; they are left out", "a mapping")
        for name, raw in list(group.items())[:_MOST] if isinstance(group, dict) else ():
            known = context.references.mapping(raw, below(place, name))
            if known and name not in found:
                found[name] = known
                if place == "#/securityDefinitions" and not context.swagger2:
                    context.notes.add(below(place, name), "the scheme stands in Swagger 2.0's place", "#/components")
    return found


def _draft(context: Context, raw: Mapping[str, Any], place: str) -> tuple[dict[str, Any], list[_Part]] | None:
    """The scheme's configuration with parts in place of templates, and the parts."""
    kind = str(raw.get("type")).lower()
    if kind == "apikey":
        return _api_key(context, raw, place)
    if kind == "basic" or (kind == "http" and str(raw.get("scheme")).lower() == "basic"):
        username = _Part(name="username", label="User name", kind=FieldKind.TEXT)
        password = _Part(name="password", label="Password")
        return {"type": "basic", "username": username, "password": password}, [username, password]
    if kind in ("http", "bearer"):
        return _http(context, place, "bearer" if kind == "bearer" else raw.get("scheme"))
    if kind == "oauth2":
        return _oauth2(context, raw, place)
    if kind == "openidconnect":
        return _access_token(context, place, "OpenID Connect is not spoken")
    if kind == "mutualtls":
        context.notes.add(place, "client certificates are not supported; the scheme is left out")
    else:
        context.notes.add(
            place, f"{str(raw.get('type'))[:60]!r} is no security scheme; it is left out", "apiKey, http, oauth2"
        )
    return None


def _api_key(context: Context, raw: Mapping[str, Any], place: str) -> tuple[dict[str, Any], list[_Part]]:
    where, name = str(raw.get("in")).lower(), raw.get("name")
    if where not in ("header", "query", "cookie"):
        context.notes.add(below(place, "in"), f"{str(raw.get('in'))[:60]!r} is read as header", "header, query, cookie")
        where = "header"
    usable = isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable()
    if not usable or (where != "query" and not _TOKEN.match(str(name))):
        otherwise = {"header": "X-API-Key", "query": "api_key", "cookie": "api_key"}[where]
        context.notes.add(below(place, "name"), f"the key has no usable name; {otherwise} is taken", "a name")
        name = otherwise
    part = _Part(name="api_key", label="API key")
    return {"type": "api_key", "in": where, "name": name, "value": part}, [part]


def _http(context: Context, place: str, scheme: Any) -> tuple[dict[str, Any], list[_Part]]:
    part = _Part(name="token", label="Token")
    config: dict[str, Any] = {"type": "bearer", "token": part}
    if str(scheme).lower() == "bearer":
        return config, [part]
    if isinstance(scheme, str) and _TOKEN.match(scheme):
        context.notes.add(place, f"the scheme {scheme} is sent as a fixed token: Authorization: {scheme} …", "bearer")
        return {**config, "prefix": scheme}, [part]
    context.notes.add(below(place, "scheme"), "the HTTP scheme is not named; bearer is taken", "basic or bearer")
    return config, [part]


def _oauth2(context: Context, raw: Mapping[str, Any], place: str) -> tuple[dict[str, Any], list[_Part]]:
    flows = raw.get("flows")
    flow = flows.get("clientCredentials") if isinstance(flows, dict) else None
    if raw.get("flow") == "application":
        flow = raw
    if not isinstance(flow, dict):
        return _access_token(context, place, "only the OAuth 2.0 client credentials flow is spoken")
    url = flow.get("tokenUrl")
    usable = isinstance(url, str) and not value_faults(Field(name="u", kind=FieldKind.URL), url) and "{{" not in url
    if not usable:
        context.notes.add(
            below(place, "tokenUrl"), "the token URL is not absolute; each instance has to give it", "a URL"
        )
    parts = [
        _Part(name="client_id", label="Client id", kind=FieldKind.TEXT),
        _Part(name="client_secret", label="Client secret"),
        _Part(name="token_url", label="Token URL", kind=FieldKind.URL, default=url if usable else None),
    ]
    client_id, client_secret, token_url = parts
    config = {
        "type": "oauth2_client_credentials",
        "token_url": token_url,
        "client_id": client_id,
        "client_secret": client_secret,
    }
    return config, parts


def _access_token(context: Context, place: str, why: str) -> tuple[dict[str, Any], list[_Part]]:
    context.notes.add(place, f"{why}: an access token has to be given", "clientCredentials, bearer or apiKey")
    part = _Part(name="access_token", label="Access token")
    return {"type": "bearer", "token": part}, [part]


def _field(part: _Part, raw: Mapping[str, Any], scheme: str, names: Names, *, alone: bool) -> Field:
    name = identifier(part.name if alone else f"{scheme}_{part.name}")
    return Field(
        name=names.take(name, identifier(f"auth_{name}")),
        label=part.label if alone else line(f"{part.label} ({scheme})", 200),
        kind=part.kind,
        default=part.default,
        help=prose(raw.get("description"), 2_000),
    )
