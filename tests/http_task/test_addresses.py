"""Which addresses are connected to: SSRF and DNS rebinding (SPEC §5)."""

import socket

import pytest

from zona_core.domain.network import NetworkPolicy
from zona_core.errors import AddressRefused, TaskFailed

NOTHING = NetworkPolicy()
EVERYTHING_PRIVATE = NetworkPolicy(private_networks=("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "１２７.0.0.1",
    ],
)
def test_private_addresses_are_refused_in_every_spelling(lab, monkeypatch, host) -> None:
    """Without the instance's wish and the tenant's leave nothing private is connected to."""

    def never(*_: object) -> None:
        raise AssertionError("a socket was connected")

    monkeypatch.setattr(socket.socket, "connect", never)
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": f"http://{host}:80"}, allow_private=False, network=EVERYTHING_PRIVATE)
    assert isinstance(caught.value, AddressRefused), caught.value
    assert caught.value.code == "address_refused"
    assert "allow_private" in caught.value.hint
    assert caught.value.details["addresses"]


@pytest.mark.parametrize(
    ("asks", "policy", "reached"),
    [(True, "127.0.0.0/8", True), (True, "10.0.0.0/8", False), (False, "127.0.0.0/8", False), (True, None, False)],
)
def test_private_addresses_need_both_instance_and_policy(lab, service, asks, policy, reached) -> None:
    """The instance asks, the tenant's policy allows."""
    network = NetworkPolicy(private_networks=(policy,)) if policy else NOTHING
    if reached:
        assert lab.run({"base_url": service.url}, allow_private=asks, network=network).performance["http_status"] == 200
    else:
        with pytest.raises(AddressRefused):
            lab.run({"base_url": service.url}, allow_private=asks, network=network)
        assert service.seen == []


def test_a_wide_policy_does_not_open_the_metadata_service(lab) -> None:
    """0.0.0.0/0 in the policy is not a leave for 169.254.169.254."""
    with pytest.raises(AddressRefused) as caught:
        lab.run({"base_url": "http://169.254.169.254/latest"}, network=EVERYTHING_PRIVATE)
    assert "metadata" in caught.value.message


def test_the_address_that_was_checked_is_the_one_that_is_dialled(lab, service, names) -> None:
    """A name that changes its address after the check changes nothing: it is resolved once."""
    names.set("rebind.zona.test", ["127.0.0.1"], ["169.254.169.254"])
    lab.run({"base_url": service.named("rebind.zona.test")})
    assert names.asked == ["rebind.zona.test"]
    assert service.seen[0].headers["Host"] == f"rebind.zona.test:{service.port}"


def test_a_kept_connection_is_not_used_for_an_address_that_is_not_allowed(lab, service, names) -> None:
    """Each request resolves and checks anew; what is kept belongs to the address, not to the name."""
    names.set("moves.zona.test", ["127.0.0.1"], ["10.9.9.9"])
    lab.run({"base_url": service.named("moves.zona.test")})
    with pytest.raises(AddressRefused) as caught:
        lab.run({"base_url": service.named("moves.zona.test")})
    assert caught.value.details == {"host": "moves.zona.test", "addresses": ["10.9.9.9"]}
    assert len(service.seen) == 1


def test_only_the_allowed_addresses_of_a_name_are_used(lab, service, names) -> None:
    """A refused address among allowed ones is left out."""
    names.set("mixed.zona.test", ["10.9.9.9", "169.254.169.254", "127.0.0.1"])
    assert lab.run({"base_url": service.named("mixed.zona.test")}).performance["http_status"] == 200


def test_the_next_address_is_tried(lab, service, names) -> None:
    """Nobody listens at the first one."""
    names.set("two.zona.test", ["127.0.0.2", "127.0.0.1"])
    assert lab.run({"base_url": service.named("two.zona.test")}).performance["http_status"] == 200


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://user:canary@example.com",
        "http://exa mple.com",
        "http://example.com\\@evil.com",
        "http://example.com:0",
        "http://example.com:99999",
        "http://exa\nmple.com",
        "http://a%2e.com",
        "http://-bad-.com",
        "http://[::1",
        "http://example.com/a/../b",
        "javascript:alert(1)",
        "//example.com",
        "",
    ],
)
def test_urls_that_are_none_are_refused_before_anything_is_resolved(lab, names, url) -> None:
    """What could be read in two ways is not read at all; the message does not show the URL."""
    with pytest.raises(TaskFailed) as caught:
        lab.run({"base_url": url})
    assert caught.value.code == "invalid_request"
    assert names.asked == []
    assert "canary" not in caught.value.message
