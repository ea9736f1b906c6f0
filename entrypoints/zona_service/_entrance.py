"""What every request passes before the application sees it: whom it comes from, and whether the service is stopping."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

__all__ = ["STOPPING", "Entrance", "Stopping", "WsgiApplication"]

#: the key in a request's environment under which streams find what tells them to end
STOPPING: Final = "zona.stopping"

#: a part of ``X-Forwarded-For``: an address, which some proxies write with a port, and then IPv6 in brackets; a zone
#: (``%eth0``) means something on the proxy's machine only
_NODE: Final = re.compile(r"([0-9.]+)(?::[0-9]{1,5})?|\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)")

#: PEP 3333
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Stopping:
    """Whether the service is stopping: said by the main process, asked by the workers it forked.

    A stream that lasts minutes asks now and then, and ends by itself instead of being cut off.
    """

    def __init__(self) -> None:
        self._flag = mmap.mmap(-1, 1)  # shared with every process that is forked from now on

    def __call__(self) -> bool:
        return self._flag[0] != 0

    def set(self) -> None:
        """From now on everybody is told that the service is stopping."""
        self._flag[0] = 1


class Entrance:
    """Believes ``X-Entrance-For`` and ``X-Entrance-Proto`` of the proxies that are named, and of nobody else.

    The client is the last address in ``X-Entrance-For`` that is no named proxy's: what stands before it was written
    by the client itself. ``proxies`` is addresses and networks parted by commas; ``*`` believes every sender, and then
    the first address counts. If that part is no address, the sender's own stays. The same rule holds under every
    server, so theirs are switched off.
    """

    def __init__(self, app: WsgiApplication, proxies: str, stopping: Callable[[], bool]) -> None:
        self._app = app
        self._stopping = stopping
        names = {part.strip() for part in proxies.split(",")} - {""}
        self._everybody = "*" in names
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(name, strict=False) for name in names - {"*"}]
        # A service has few peers that are proxies, and asks about each on every request.
        self._believed = lru_cache(maxsize=1024)(self._is_proxy)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serves the request as the proxy received it."""
        chain = environ.get("HTTP_X_FORWARDED_FOR")
        scheme = environ.get("HTTP_X_FORWARDED_PROTO")
        if (chain or scheme) and self._believed(environ.get("REMOTE_ADDR", "")):
            if chain:
                self._set_client(environ, chain)
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
        environ[STOPPING] = self._stopping
        return self._app(environ, start_response)

    def _set_client(self, environ: dict[str, Any], chain: str) -> None:
        parts = chain.split(",")
        client = _address(parts[0])
        if not self._everybody:
            addresses = map(_address, reversed(parts))
            client = next((each for each in addresses if not each or not self._believed(each)), client)
        if client:
            environ["REMOTE_ADDR"] = client

    def _is_proxy(self, text: str) -> bool:
        if self._everybody:
            return True
        try:
            address = _plain(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _plain(text: str) -> IPv4Address | IPv6Address:
    """An address; one of IPv4 in IPv6's writing is the former. Raises ``ValueError`` if it is none."""
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=1024)
def _address(part: str) -> str:
    """The address in a part of ``X-Forwarded-For``, without a port; empty if it is something else."""
    found = _NODE.fullmatch(part.strip())
    try:
        return str(_plain(found[found.lastindex or 0])) if found else ""
    except ValueError:
        return ""
