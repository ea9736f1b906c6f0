"""From a host name to the addresses that may be connected to (SPEC §5: SSRF, DNS rebinding)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from attrs import define

from zona_core.errors import AddressRefused, TaskFailed

__all__ = ["Endpoint", "Guard", "allowed_endpoints"]

#: why an address (an IP text) may not be connected to, or None
Guard = Callable[[str], str | None]


@define(frozen=True)
class Endpoint:
    """A checked address in the form that ``connect`` takes: nothing is resolved after the check."""

    family: int
    address: tuple[Any, ...]


def allowed_endpoints(host: str, port: int, guard: Guard) -> list[Endpoint]:
    """The addresses of ``host`` that ``guard`` lets pass, in the resolver's order.

    The resolver also reads the odd spellings of addresses (decimal, octal, short forms), so that none slips through.
    Raises ``TaskFailed`` (``dns_failed``), or ``AddressRefused`` if it lets none pass.
    """
    endpoints: list[Endpoint] = []
    refusals: dict[str, str] = {}
    for endpoint in _resolved(host, port):
        address = str(endpoint.address[0])
        refusal = guard(address)
        if refusal:
            refusals[address] = refusal
        elif endpoint not in endpoints:
            endpoints.append(endpoint)
    if endpoints:
        return endpoints
    address, refusal = next(iter(refusals.items()))
    raise AddressRefused(
        f"{host} may not be reached: {refusal}",
        hint=(
            "a private address needs allow_private on the instance and a network in the tenant's policy "
            f"(network.private_networks) that holds {address}"
        ),
        host=host,
        addresses=sorted(refusals),
    )


def _resolved(host: str, port: int) -> list[Endpoint]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
    except UnicodeError:
        reason = "it is no host name"
    else:
        inet = [Endpoint(family, address) for family, _, _, _, address in found if family in _FAMILIES]
        if inet:
            return inet
        reason = "it has no address"
    raise TaskFailed(f"{host} cannot be resolved: {reason}", code="dns_failed", retryable=True, host=host)


_FAMILIES = (socket.AF_INET, socket.AF_INET6)
