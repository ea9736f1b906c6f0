"""Which addresses may be reached."""

from __future__ import annotations

import pytest

from zona_core import NetworkPolicy, refusal_of
from zona_core.domain.network import client_network

NOTHING = NetworkPolicy()
EVERYTHING = NetworkPolicy(private_networks=("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_free(address: str) -> None:
    """A public address needs no permission."""
    assert refusal_of(address, instance_asks=False, policy=NOTHING) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fc00::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "ff02::1",
        "fec0::1",
        "::127.0.0.1",
        "4000::1",
        "64:ff9b:1::7f00:1",
        "2001:0:0:0:0:0:80ff:fffe",
        "3fff::1",
        "192.0.0.8",
    ],
)
def test_other_addresses_need_instance_and_policy(address: str) -> None:
    """Neither the instance's wish nor the policy alone opens a non-public address."""
    assert refusal_of(address, instance_asks=False, policy=EVERYTHING)
    assert refusal_of(address, instance_asks=True, policy=NOTHING)


def test_instance_and_policy_together_open_a_network() -> None:
    """Addresses within the policy's networks are open to an instance that asks, those outside are not."""
    policy = NetworkPolicy(private_networks=("10.0.0.0/8", "fc00::/7"))
    assert refusal_of("10.9.9.9", instance_asks=True, policy=policy) is None
    assert refusal_of("fc00::9", instance_asks=True, policy=policy) is None
    assert refusal_of("::ffff:10.9.9.9", instance_asks=True, policy=policy) is None
    assert refusal_of("192.168.0.1", instance_asks=True, policy=policy)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::a9fe:a9fe", "fd00:ec2::254", "168.63.129.16"])
def test_metadata_needs_a_network_of_its_own(address: str) -> None:
    """A policy that opens everything does not open metadata services by accident."""
    assert refusal_of(address, instance_asks=True, policy=EVERYTHING)
    exact = NetworkPolicy(private_networks=(f"{address}/{128 if ':' in address else 32}",))
    assert refusal_of(address, instance_asks=True, policy=exact) is None


def test_a_faulty_policy_names_the_network() -> None:
    """A text that is no network is told with its index."""
    [fault] = NetworkPolicy(private_networks=("10.0.0.0/8", "10.0.0.1/8")).faults()
    assert fault.path == "private_networks[1]"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2002:c000:207:1::1", "192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_a_client_is_known_by_what_it_cannot_choose(address: str, counted: str) -> None:
    """An IPv4 address counts for itself, also in IPv6 clothes; of IPv6 the network of 64 bits; other texts as such."""
    assert client_network(address) == counted
