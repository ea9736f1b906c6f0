"""The store's URL: which servers, which database, and how patient the driver is."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from attrs import define, field
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from zona_core.errors import ConfigurationError, Fault

__all__ = ["Location"]

_FORM: Final = "mongodb://user:password@host1,host2/database?replicaSet=name"
_DEFAULT_DATABASE: Final = "zona"
_RESERVED: Final = ("admin", "config", "local")
_UNFIT_IN_NAMES: Final = frozenset('/\\. "$*<>:|?\0')
#: what the store promises depends on these: a URL may name them, but not otherwise
_SETTLED: Final = {
    "w": "majority",
    "readconcernlevel": "majority",
    "readpreference": "primary",
    "journal": "true",
    "retrywrites": "true",
    "retryreads": "true",
    "tz_aware": "true",
}
#: the driver's own are made for patience: a frozen primary would be noticed after half a minute and more
_DEFAULTS: Final = {
    "serverSelectionTimeoutMS": "5000",
    "connectTimeoutMS": "2000",
    "socketTimeoutMS": "10000",
    "heartbeatFrequencyMS": "1000",
    "waitQueueTimeoutMS": "5000",
    "wtimeoutMS": "8000",
    "appName": "zona",
}
_PROMISED: Final = {"w": "majority", "readConcernLevel": "majority"}


@define(frozen=True, kw_only=True)
class Location:
    """What a URL says."""

    database: str
    #: connection string of the servers, with every option, for any database: who shares it can share a client
    servers: str = field(repr=False)
    #: the servers without user, password and options: for people
    shown: str

    @classmethod
    def parsed(cls, url: str) -> Location:
        """Reads ``url``; raises ``ConfigurationError`` that names every fault and shows no password."""
        scheme, _, rest = url.partition("://")
        place, _, query = rest.partition("?")
        servers, _, path = place.partition("/")
        user, _, hosts = servers.rpartition("@")
        name = unquote(path) or _DEFAULT_DATABASE
        options = dict(parse_qsl(query, keep_blank_values=True))
        faults = [*_faults_of_place(scheme, hosts, name), *_faults_of_options(query)]
        if user and path and scheme == "mongodb" and _wants_source(options):
            options["authSource"] = name  # what the driver takes from the path, which is left out below
        chosen = {name.lower() for name in options}
        options |= {name: value for name, value in _DEFAULTS.items() if name.lower() not in chosen} | _PROMISED
        servers_url = f"{scheme}://{servers}/?{urlencode(options, quote_via=quote)}"
        if not faults:
            faults += _faults_of_driver(servers_url)
        if faults:
            raise ConfigurationError(f"the store's URL cannot be used: {faults[0]}", faults=faults)
        return cls(database=name, servers=servers_url, shown=f"{scheme}://{hosts}/{name}")


def _faults_of_place(scheme: str, hosts: str, name: str) -> list[Fault]:
    faults = []
    if scheme not in ("mongodb", "mongodb+srv") or not hosts:
        faults.append(Fault("", "this is no MongoDB URL", _FORM))
    if len(name.encode(errors="replace")) > 63 or not _UNFIT_IN_NAMES.isdisjoint(name) or name in _RESERVED:
        # NOTE: it is not shown, as it may be a part of a password in which a slash was not escaped.
        expected = "at most 63 bytes, no dots or blanks, not admin, config or local; %2F for a slash in a password"
        faults.append(Fault("", "the database's name is not usable", expected))
    return faults


def _faults_of_options(query: str) -> list[Fault]:
    faults = []
    seen: set[str] = set()
    for name, value in parse_qsl(query, keep_blank_values=True):
        lower = name.lower()
        if lower in seen and lower != "readpreferencetags":
            faults.append(Fault(name, "the option stands twice", "each option once"))
        seen.add(lower)
        settled = _SETTLED.get(lower)
        if settled is not None and value.lower() != settled:
            faults.append(Fault(name, "the store's promises do not leave this open", f"{settled}, or nothing"))
    return faults


def _wants_source(options: dict[str, str]) -> bool:
    """Whether the driver would look for the user in the database of the path."""
    lower = {name.lower(): value for name, value in options.items()}
    return "authsource" not in lower and lower.get("authmechanism", "SCRAM").upper().startswith("SCRAM")


def _faults_of_driver(url: str) -> list[Fault]:
    """What the driver does not like; it is not told in its own words, in which there may be parts of a password."""
    if url.startswith("mongodb+srv"):
        return []  # it would ask the DNS, which is not to be waited for here
    try:
        parse_uri(url, validate=True, warn=False)
    except (PyMongoError, ValueError, TypeError):
        expected = f"{_FORM}; user and password percent-encoded, options as in MongoDB's manual"
        return [Fault("", "the driver cannot read hosts, user or options", expected)]
    return []
