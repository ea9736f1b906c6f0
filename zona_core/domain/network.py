"""Which addresses outgoing requests may reach (SPEC §5: SSRF, DNS rebinding), and which belong to one client."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from attrs import define, setters

from zona_core.errors import Fault

__all__ = ["NetworkPolicy", "client_network", "refusal_of"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Cloud metadata services; the link-local ones are named by their networks.
_METADATA: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200/32", "168.63.129.16/32")
)
#: all of IPv6 that is given out for public use (IANA IPv6 address space; RFC 4291 §2.4)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
#: special-purpose networks that older releases of Python do not know of (RFC 6890 §2.1, RFC 9637)
_SPECIAL: Final[tuple[Network, ...]] = (IPv4Network("192.0.0.0/24"), IPv6Network("3fff::/20"))


@define(kw_only=True, on_setattr=setters.frozen)
class NetworkPolicy:
    """A tenant's rule for non-public addresses.

    An instance that asks for private addresses reaches those within ``private_networks`` and no others. A metadata
    address needs a network that lies wholly inside the metadata range: ``0.0.0.0/0`` does not open it by accident.
    """

    #: CIDR texts, for example ``("10.0.0.0/8", "127.0.0.0/8")``
    private_networks: tuple[str, ...] = ()

    def faults(self) -> list[Fault]:
        """What is wrong with the CIDR texts."""
        found = []
        for index, text in enumerate(self.private_networks):
            try:
                ip_network(text)
            except ValueError as exc:
                found.append(Fault(f"private_networks[{index}]", str(exc), "a network such as 10.0.0.0/8"))
        return found


def client_network(address: str) -> str:
    """What requests from ``address`` are counted under, so that no client is many.

    An IPv4 address is one client's. In IPv6 a client has a whole network of 64 bits to choose addresses from (RFC 4291
    §2.5.1, RFC 8981): that network as a CIDR text. A text that is no address stands for itself.
    """
    return _client_network(address) if ":" in address else address


@lru_cache(maxsize=4_096)
def _client_network(address: str) -> str:
    try:
        parsed = _unmapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return address
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, 64), strict=False))


def refusal_of(address: str, *, instance_asks: bool, policy: NetworkPolicy) -> str | None:
    """Why ``address`` (an IP text) may not be connected to, or None if it may."""
    return _refusal(address, instance_asks, tuple(policy.private_networks))


@lru_cache(maxsize=4_096)
def _refusal(address: str, instance_asks: bool, private_networks: tuple[str, ...]) -> str | None:
    target = _unmapped(ip_address(address.split("%", 1)[0]))
    metadata = any(target in network for network in _METADATA if network.version == target.version)
    if _is_public(target) and not metadata:
        return None
    kind = "metadata or link-local" if metadata else "private or reserved"
    if not instance_asks:
        return f"{target} is a {kind} address and the instance does not allow private addresses"
    for network in map(ip_network, private_networks):
        if target in network and (not metadata or _inside_metadata(network)):
            return None
    return f"{target} is a {kind} address outside the networks that the tenant's policy allows"


def _is_public(target: Address) -> bool:
    """Python counts what no registry names as global: site-local (RFC 3879), IPv4-compatible and unassigned IPv6."""
    unicast = isinstance(target, IPv4Address) or target in _GLOBAL_UNICAST
    special = any(target in network for network in _SPECIAL)
    return unicast and target.is_global and not target.is_multicast and not special


def _unmapped(address: Address) -> Address:
    """IPv4 addresses in IPv6 clothes (mapped, 6to4, NAT64, Teredo) as what they reach."""
    if isinstance(address, IPv6Address):
        nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in IPv6Network("64:ff9b::/96") else None
        teredo = address.teredo[1] if address.teredo else None
        return address.ipv4_mapped or address.sixtofour or nat64 or teredo or address
    return address


def _inside_metadata(network: Network) -> bool:
    for known in _METADATA:
        if isinstance(network, IPv4Network) and isinstance(known, IPv4Network) and network.subnet_of(known):
            return True
        if isinstance(network, IPv6Network) and isinstance(known, IPv6Network) and network.subnet_of(known):
            return True
    return False
