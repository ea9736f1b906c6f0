"""What a URL of Redis says.

::

    redis://[user:password@]host[:port][/database]
    redis+sentinel://[user:password@]host[:port],host[:port]/database/service
    redis+cluster://[user:password@]host[:port],host[:port]

``rediss`` in the place of ``redis`` asks for TLS. Nothing of a URL but the names of its options gets into an error: a
password that is not percent-encoded may be in any other part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl, unquote

from attrs import define, field

from zona_core.errors import ConfigurationError, Fault
from zona_core.memory_cache import DEFAULT_BYTES, SIZE_FORM, parsed_size

__all__ = ["CACHE_OPTIONS", "LIMIT_OPTIONS", "Kind", "Location"]

CACHE_OPTIONS: Final = ("size", "prefix", "timeout")
LIMIT_OPTIONS: Final = ("prefix", "timeout")

_FORMS: Final = {
    "redis": "redis://[user:password@]host[:port][/database]",
    "redis+sentinel": "redis+sentinel://[user:password@]host[:port],host[:port]/database/service",
    "redis+cluster": "redis+cluster://[user:password@]host[:port],host[:port]",
}
_URL: Final = re.compile(r"(redis|rediss)(\+sentinel|\+cluster)?://([^/?#]*)(/[^?#]*)?(\?[^#]*)?")
_ADDRESS: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_PORT: Final = 6_379
_SENTINEL_PORT: Final = 26_379
#: seconds
_TIMEOUTS: Final = (0.01, 10.0)


class Kind(Enum):
    """How the servers stand to one another."""

    ALONE = ""
    SENTINEL = "+sentinel"
    CLUSTER = "+cluster"


@define(frozen=True, kw_only=True)
class Location:
    """Where Redis is, and how it is used."""

    kind: Kind
    tls: bool
    #: of the server, the sentinels, or some nodes of the cluster
    addresses: tuple[tuple[str, int], ...]
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    database: int = 0
    #: what the sentinels call the master
    service: str = ""
    #: bytes that the near layer of a cache may take in the process; 0 for none
    size: int = DEFAULT_BYTES
    #: what every key begins with
    prefix: str = "zona"
    #: seconds that one step of a call (connecting, an answer) may take
    timeout: float = 0.1

    @property
    def shown(self) -> str:
        """The addresses, for people."""
        hosts = ((f"[{host}]" if ":" in host else host, port) for host, port in self.addresses)
        return ", ".join(f"{host}:{port}" for host, port in hosts)

    @classmethod
    def parsed(cls, url: str, options: Collection[str]) -> Location:
        """Reads ``url``, which may have these options; raises ``ConfigurationError`` that names every fault."""
        found = _URL.fullmatch(url)
        if found is None:
            raise _refusal([Fault("", "this is no URL of Redis", ", ".join(_FORMS.values()))])
        scheme, kind, authority, path, query = (part or "" for part in found.groups())
        read = _Reading(Kind(kind))
        if "@" in path + query:
            # Whatever stands there may be a part of the password: nothing more is looked at.
            raise _refusal([Fault("", "'@' stands too late", "/, ?, # and @ percent-encoded in user and password")])
        userinfo, _, hosts = authority.rpartition("@")
        username, password = read.credentials(userinfo)
        database, service = read.path(path)
        return read.result(
            tls=scheme == "rediss",
            addresses=read.addresses(hosts),
            username=username,
            password=password,
            database=database,
            service=service,
            **read.options(query, options),
        )


class _Reading:
    """Reads the parts of one URL and collects what is wrong with them."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._form = _FORMS["redis" + kind.value]
        self._faults: list[Fault] = []

    def result(self, **parts: object) -> Location:
        """The location; raises ``ConfigurationError`` if anything was wrong."""
        if self._faults:
            raise _refusal(self._faults)
        return Location(kind=self._kind, **parts)  # type: ignore[arg-type]  # each reader gives its part's type

    def credentials(self, userinfo: str) -> tuple[str | None, str | None]:
        """User and password."""
        if not userinfo:
            return None, None
        user, _, password = userinfo.partition(":")
        if not password:
            self._fault("", "a user stands there without a password")
        return unquote(user) or None, unquote(password)

    def addresses(self, hosts: str) -> tuple[tuple[str, int], ...]:
        """Hosts and ports."""
        default = _SENTINEL_PORT if self._kind is Kind.SENTINEL else _PORT
        found = []
        each = hosts.split(",") if self._kind is not Kind.ALONE else [hosts]
        for place, address in enumerate(each, 1):
            match = _ADDRESS.fullmatch(address)
            port = int(match[3] or default) if match else 0
            if match is None or not 0 < port < 65_536:
                self._fault("", f"address {place} is no host[:port] with a port of 1-65535")
            else:
                found.append((match[1] or match[2], port))
        return tuple(found)

    def path(self, path: str) -> tuple[int, str]:
        """Database and service."""
        parts = path.strip("/").split("/") if path.strip("/") else []
        database = parts.pop(0) if parts else "0"
        service = unquote(parts.pop(0)) if parts and self._kind is Kind.SENTINEL else ""
        if parts or not re.fullmatch(r"[0-9]{1,4}", database):
            self._fault("", "its path does not fit")
            return 0, ""
        if self._kind is Kind.SENTINEL and not service:
            self._fault("", "it does not name the service that the sentinels watch")
        if self._kind is Kind.CLUSTER and int(database):
            self._fault("", "a cluster has the one database 0")
        return int(database), service

    def options(self, query: str, known: Collection[str]) -> dict[str, object]:
        """Those of the options that the URL has."""
        found: dict[str, object] = {}
        for name, value in parse_qsl(query[1:], keep_blank_values=True):
            if name not in known:
                self._fault(name, "there is no such option", ", ".join(known))
            elif name in found:
                self._fault(name, "the option stands twice", "each option once")
            else:
                found[name] = self._option(name, value)
        return found

    def _option(self, name: str, value: str) -> object:
        if name == "size":
            size = 0 if value == "0" else parsed_size(value)
            if size is None:
                self._fault(name, "this is no size", f"{SIZE_FORM}; 0 for none")
            return size
        if name == "prefix":
            if not _PREFIX.fullmatch(value):
                self._fault(name, "this is no prefix", "1-64 letters, digits and _ . : -")
            return value
        least, most = _TIMEOUTS
        seconds = _number(value)
        if not least <= seconds <= most:
            self._fault(name, "this is no time", f"seconds, {least:g}-{most:g}")
        return seconds

    def _fault(self, path: str, message: str, expected: str = "") -> None:
        self._faults.append(Fault(path, message, expected or self._form))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _refusal(faults: list[Fault]) -> ConfigurationError:
    return ConfigurationError(f"the URL of Redis cannot be used: {faults[0]}", faults=faults)
