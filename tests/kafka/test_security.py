"""Which addresses are reached, who proves what to whom, and what nobody tells."""

from __future__ import annotations

import datetime
import functools
import logging
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kafka_cluster import KafkaCluster
from kafka_gate import KafkaGate
from waiting import until

from zona_core.domain.network import NetworkPolicy
from zona_core.domain.secrets import Secret
from zona_core.errors import StreamFailed
from zona_core.ports.streams import Message
from zona_kafka import _configuration
from zona_kafka._log import DriverLog
from zona_kafka._options import options_of
from zona_kafka.sink import KafkaSink
from zona_kafka.source import KafkaSource
from zona_kafka.streams import KafkaStreams

OptionsAt = Callable[..., Mapping[str, Any]]
OpenSource = Callable[[Mapping[str, Any]], KafkaSource]
OpenSink = Callable[[Mapping[str, Any]], KafkaSink]


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A server that nobody may connect to, at an address that a test's policy leaves out."""
    with socket.create_server(("127.0.0.2", 0)) as listener:
        listener.setblocking(False)
        yield listener


def assert_untouched(trap: socket.socket) -> None:
    """Nobody has connected."""
    with pytest.raises(BlockingIOError):
        trap.accept()


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_private_brokers_need_both_to_allow_them(
    kind: str, shared_cluster: KafkaCluster, options_at: OptionsAt
) -> None:
    """The option alone does not do, nor does the tenant's policy."""
    options = options_at(shared_cluster)
    for asks, networks in ((True, ()), (False, ("127.0.0.0/8",)), (True, ("10.0.0.0/8",))):
        with pytest.raises(StreamFailed) as caught:
            getattr(KafkaStreams(), kind)({**options, "private": asks}, NetworkPolicy(private_networks=networks))
        assert caught.value.code == "address_refused"
        assert not caught.value.retryable
        assert "private_networks" in caught.value.hint


@pytest.mark.parametrize("kind", ["source", "sink"])
def test_a_cluster_that_leads_elsewhere_is_refused(
    kind: str, cluster: KafkaCluster, options_at: OptionsAt, trap: socket.socket
) -> None:
    """The addresses that brokers tell of are held against the policy before anybody connects to them."""
    options = options_at(cluster)
    cluster.advertise(1, *trap.getsockname())
    with pytest.raises(StreamFailed, match=r"127\.0\.0\.2") as caught:
        getattr(KafkaStreams(), kind)(options, NetworkPolicy(private_networks=("127.0.0.1/32",)))
    assert caught.value.code == "address_refused"
    assert_untouched(trap)


def test_a_cluster_that_leads_elsewhere_later_is_left(
    cluster: KafkaCluster, options_at: OptionsAt, trap: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers are looked at while a stream is used; one that is refused ends it for good."""
    monkeypatch.setattr(_configuration, "WATCH_SECONDS", 0.1)
    options, policy = options_at(cluster), NetworkPolicy(private_networks=("127.0.0.1/32",))
    with (
        closing(KafkaStreams().source(options, policy)) as source,
        closing(KafkaStreams().sink(options, policy)) as sink,
    ):
        sink.send([Message(value=b"x")], 10)
        until(lambda: source.read(1, 1.0))
        cluster.advertise(1, *trap.getsockname())
        # What makes clients ask anew where brokers are.
        cluster.go_down()
        cluster.come_up()

        for use in (lambda: source.read(1, 0.1), lambda: sink.send([Message(value=b"x")], 0.1)):
            with pytest.raises(StreamFailed) as caught:
                until(functools.partial(patiently, use))
            assert caught.value.code == "address_refused"
            with pytest.raises(StreamFailed) as caught:
                use()
            assert caught.value.code == "address_refused"


def patiently(use: Callable[[], object]) -> None:
    """Lets a failure pass that may go away."""
    try:
        use()
    except StreamFailed as exc:
        if not exc.retryable:
            raise


def test_names_nobody_knows(options_at: OptionsAt, shared_cluster: KafkaCluster, network: NetworkPolicy) -> None:
    """One that leads somewhere is enough; with none there is nothing to reach, for now."""
    options = options_at(shared_cluster)
    unknown = "nowhere.invalid:9092"
    KafkaStreams().source({**options, "brokers": [unknown, *options["brokers"]]}, network).close()
    with pytest.raises(StreamFailed) as caught:
        KafkaStreams().source({**options, "brokers": [unknown]}, network)
    assert (caught.value.code, caught.value.retryable) == ("dns_failed", True)


class Authority:
    """Makes certificates for names; ``pem`` is what trusts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(True, None))
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, name: str) -> ssl.SSLContext:
        """What a server of that name shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._signed(subject, key.public_key(), x509.SubjectAlternativeName([x509.DNSName(name)]))
        file = self._folder / f"{secrets.token_hex(4)}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(self, subject: x509.Name, key: Any, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority(tmp_path)


@pytest.fixture
def guarded(options_at: OptionsAt) -> Iterator[Callable[..., Mapping[str, Any]]]:
    """Options of a topic in a cluster of one broker, behind a gate that speaks TLS or asks for a login."""
    running = KafkaCluster(brokers=1)
    gates: list[KafkaGate] = []

    def made(**gate: Any) -> Mapping[str, Any]:
        gates.append(KafkaGate(int(running.addresses[0].rpartition(":")[2]), **gate))
        running.advertise(1, "localhost", gates[-1].port)
        return {**options_at(running), "brokers": [f"localhost:{gates[-1].port}"]}

    yield made
    for gate in gates:
        gate.close()
    running.stop()


ANY_LOOPBACK = NetworkPolicy(private_networks=("127.0.0.0/8", "::1/128"))


def round_trip(options: Mapping[str, Any]) -> None:
    """A message goes there and comes back."""
    streams = KafkaStreams()
    with closing(streams.sink(options, ANY_LOOPBACK)) as sink, closing(streams.source(options, ANY_LOOPBACK)) as source:
        sink.send([Message(value=b"hello")], 10)
        assert [each.value for each in until(lambda: source.read(1, 1.0))] == [b"hello"]


def test_brokers_prove_who_they_are(guarded: Callable[..., Mapping[str, Any]], authority: Authority) -> None:
    """With the authority's certificate among the options the stream is used, over TLS."""
    round_trip({**guarded(context=authority.context("localhost")), "security": "ssl", "ca": authority.pem})


@pytest.mark.parametrize("case", ["an authority that nobody trusts", "another name"])
def test_brokers_that_do_not_are_refused(
    case: str, guarded: Callable[..., Mapping[str, Any]], authority: Authority
) -> None:
    """It is said that TLS is the matter, at once; waiting does not help."""
    name = "elsewhere.example" if case == "another name" else "localhost"
    options = {**guarded(context=authority.context(name)), "security": "ssl"}
    if case == "another name":
        options["ca"] = authority.pem
    with pytest.raises(StreamFailed, match="certificate verify failed") as caught:
        KafkaStreams().source(options, ANY_LOOPBACK)
    assert not caught.value.retryable


LOGIN = {"mechanism": "PLAIN", "username": "zona", "password": Secret("s3cret")}


def test_a_login_over_tls(guarded: Callable[..., Mapping[str, Any]], authority: Authority) -> None:
    """Name and password reach the broker, and it lets in."""
    options = guarded(context=authority.context("localhost"), login=("zona", "s3cret"))
    round_trip({**options, **LOGIN, "security": "sasl_ssl", "ca": authority.pem})


def test_a_wrong_password(guarded: Callable[..., Mapping[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    """It is said at once, and neither the error nor the log has the password in it."""
    options = {**guarded(login=("zona", "another")), **LOGIN, "security": "sasl_plaintext"}
    with caplog.at_level(logging.DEBUG), pytest.raises(StreamFailed, match="cannot be reached") as caught:
        KafkaStreams().sink(options, ANY_LOOPBACK)
    assert caught.value.details["error"] == "_AUTHENTICATION"
    assert not caught.value.retryable
    assert "s3cret" not in f"{caught.value.as_dict()} {caplog.text}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("password", ["s3\0cret", "s3\ud800cret"])
def test_a_password_that_the_library_does_not_take(
    password: str, shared_cluster: KafkaCluster, options_at: OptionsAt
) -> None:
    """It is not cut short, and not told in the error."""
    options = {**options_at(shared_cluster), **LOGIN, "security": "sasl_plaintext", "password": Secret(password)}
    with pytest.raises(StreamFailed, match="cannot be made") as caught:
        KafkaStreams().source(options, ANY_LOOPBACK)
    assert "cret" not in str(caught.value.as_dict())
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_log_lines_of_the_library(caplog: pytest.LogCaptureFixture) -> None:
    """They are records of ``zona.kafka`` without the password; one complaint is written once a minute."""
    log = DriverLog(options_of({"brokers": ["a:1"], "topic": "t", **LOGIN, "security": "sasl_ssl"}))
    with caplog.at_level(logging.INFO, "zona.kafka"):
        for after in (0, 7):
            log.log(
                logging.WARNING, "%s %s", "FAIL", f"[thrd:a:{after}]: a/1: refused s3cret (after {after}ms in state UP)"
            )
        log.log(logging.WARNING, "%s", "another")
    assert [record.name for record in caplog.records] == ["zona.kafka"] * 2
    assert "s3cret" not in caplog.text
    assert "refused ********" in caplog.text
