"""Brokers' addresses, held against the tenant's policy before they are connected to (SPEC §5: SSRF)."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from zona_core.domain.network import NetworkPolicy, refusal_of
from zona_core.errors import StreamFailed

from ._options import Options

__all__ = ["bootstrap_servers", "check_addresses"]


def bootstrap_servers(options: Options, network: NetworkPolicy) -> str:
    """librdkafka's ``bootstrap.servers``: brokers that may be reached.

    Without TLS they are the addresses that were checked, so that no second look-up gives others. With TLS they are the
    names, which certificates are checked against: a name that leads elsewhere later meets no peer that can prove it.
    Raises ``StreamFailed``: ``dns_failed`` if no broker's name is known, ``address_refused``.
    """
    unknown: StreamFailed | None = None
    servers: list[str] = []
    for host, port in options.brokers:
        try:
            addresses = _checked(host, port, options, network)
        except StreamFailed as exc:
            if exc.code != "dns_failed":
                raise
            unknown = exc
            continue
        hosts = [host] if options.encrypted else addresses
        servers += (f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in hosts)
    if not servers and unknown is not None:
        raise unknown
    return ",".join(dict.fromkeys(servers))


def check_addresses(brokers: Iterable[tuple[str, int]], options: Options, network: NetworkPolicy) -> None:
    """Refuses brokers that a cluster tells of, as ``bootstrap_servers`` does; a name nobody knows leads nowhere."""
    for host, port in brokers:
        try:
            _checked(host, port, options, network)
        except StreamFailed as exc:
            if exc.code != "dns_failed":
                raise


def _checked(host: str, port: int, options: Options, network: NetworkPolicy) -> list[str]:
    addresses = _resolved(host, port)
    for address in addresses:
        refusal = refusal_of(address, instance_asks=options.private, policy=network)
        if refusal:
            failure = StreamFailed(
                f"the Kafka broker {host}:{port} may not be reached: {refusal}",
                code="address_refused",
                host=host,
                address=address,
            )
            failure.hint = (
                "a private address needs the option private and a network in the tenant's policy "
                f"(network.private_networks) that holds {address}"
            )
            raise failure
    return addresses


def _resolved(host: str, port: int) -> list[str]:
    """Every address of a name. librdkafka takes any of them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is no host name"
        raise StreamFailed(
            f"the Kafka broker {host}:{port} cannot be resolved: {reason}", code="dns_failed", retryable=True, host=host
        ) from exc
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))
