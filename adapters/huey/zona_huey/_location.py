"""What the URL of a queue says.

::

    huey:redis://[user:password@]host[:port][/database]
    huey:redis+sentinel://[user:password@]host[:port],host[:port]/database/service

``rediss`` in the place of ``redis`` asks for TLS. Nothing of a URL but the names of its options gets into an error: a
password that is not percent-encoded may be in any other part.
"""

from __future__ import annotations

import math
import re
from typing import Final
from urllib.parse import parse_qsl, unquote

from attrs import define, field

from zona_core.errors import ConfigurationError, Fault

__all__ = ["Location"]

_PLAIN: Final = "huey:redis://[user:password@]host[:port][/database]"
_SENTINEL: Final = "huey:redis+sentinel://[user:password@]host[:port],host[:port]/database/service"
_URL: Final = re.compile(
    r"huey:(?P<scheme>rediss?)(?P<sentinel>\+sentinel)?://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?"
)
_ADDRESS: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
#: NOTE: huey leaves every other character out, so that two names could mean one queue
_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,64}")
_PORT: Final = 6_379
_SENTINEL_PORT: Final = 26_379
#: seconds
_TIMEOUTS: Final = (0.05, 10.0)


@define(frozen=True, kw_only=True)
class Location:
    """Where the queue is."""

    tls: bool
    #: of the server, or of the sentinels
    addresses: tuple[tuple[str, int], ...]
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    database: int = 0
    #: what the sentinels call the master; empty: there are none
    service: str = ""
    #: of the queue: installations that share a Redis need one each
    name: str = "zona"
    #: seconds that connecting may take, and an answer
    timeout: float = 0.5

    @property
    def shown(self) -> str:
        """The addresses, for people."""
        hosts = ((f"[{host}]" if ":" in host else host, port) for host, port in self.addresses)
        return ", ".join(f"{host}:{port}" for host, port in hosts)

    @classmethod
    def parsed(cls, url: str) -> Location:
        """Reads ``url``; raises ``ConfigurationError`` that names every fault."""
        found = _URL.fullmatch(url)
        if found is None:
            raise _refusal([Fault("", "this is no URL of a queue", f"{_PLAIN}, {_SENTINEL}")])
        scheme, sentinel, authority, path, query = (found[name] or "" for name in _URL.groupindex)
        if "@" in path + query:
            # Whatever stands there may be a part of the password: nothing more is looked at.
            raise _refusal([Fault("", "'@' stands too late", "/, ?, # and @ percent-encoded in user and password")])
        userinfo, _, hosts = authority.rpartition("@")
        user, _, password = userinfo.partition(":")
        faults: list[Fault] = []
        if userinfo and not password:
            faults.append(Fault("", "a user stands there without a password", _SENTINEL if sentinel else _PLAIN))
        addresses = _addresses(hosts, faults, sentinel=bool(sentinel))
        database, service = _path(path, faults, sentinel=bool(sentinel))
        name, timeout = _options(query, faults)
        if faults:
            raise _refusal(faults)
        return cls(
            tls=scheme == "rediss",
            addresses=addresses,
            username=unquote(user) or None,
            password=unquote(password) or None,
            database=database,
            service=service,
            name=name,
            timeout=timeout,
        )


def _addresses(hosts: str, faults: list[Fault], *, sentinel: bool) -> tuple[tuple[str, int], ...]:
    found = []
    for place, address in enumerate(hosts.split(",") if sentinel else [hosts], 1):
        match = _ADDRESS.fullmatch(address)
        port = int(match[3] or (_SENTINEL_PORT if sentinel else _PORT)) if match else 0
        if match is None or not 0 < port < 65_536:
            faults.append(Fault("", f"address {place} is no host[:port]", "a host and a port of 1-65535"))
        else:
            found.append((match[1] or match[2], port))
    return tuple(found)


def _path(path: str, faults: list[Fault], *, sentinel: bool) -> tuple[int, str]:
    """Database and service."""
    wanted = r"/([0-9]{1,4})/([^/]+)" if sentinel else r"(?:/([0-9]{1,4})?)?()"
    found = re.fullmatch(wanted, path)
    if found is None:
        faults.append(Fault("", "its path does not fit", _SENTINEL if sentinel else _PLAIN))
        return 0, ""
    return int(found[1] or 0), unquote(found[2])


def _options(query: str, faults: list[Fault]) -> tuple[str, float]:
    """Name and timeout."""
    given: dict[str, str] = {}
    for option, value in parse_qsl(query[1:], keep_blank_values=True):
        if option not in ("name", "timeout"):
            faults.append(Fault(option, "there is no such option", "name, timeout"))
        elif option in given:
            faults.append(Fault(option, "the option stands twice", "each option once"))
        given[option] = value
    name, seconds = given.get("name", "zona"), _number(given.get("timeout", "0.5"))
    least, most = _TIMEOUTS
    if not _NAME.fullmatch(name):
        faults.append(Fault("name", "this is no name", "1-64 letters, digits and _"))
    if not least <= seconds <= most:
        faults.append(Fault("timeout", "this is no time", f"seconds, {least:g}-{most:g}"))
    return name, seconds


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _refusal(faults: list[Fault]) -> ConfigurationError:
    return ConfigurationError(f"the URL of the queue cannot be used: {faults[0]}", faults=faults)
