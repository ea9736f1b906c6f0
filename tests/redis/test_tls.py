"""Redis behind TLS: its certificate has to be one that the machine trusts."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from real_servers import RedisServer

from zona_huey.executor import HueyExecutor
from zona_redis.cache import LayeredCache


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that it signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = builder.sign(key, hashes.SHA256())
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files


@pytest.fixture
def address(shared_server: RedisServer, certificate: tuple[Path, Path], proxy_to: Callable[..., Any]) -> str:
    """Where the server takes TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return str(proxy_to(shared_server.port, context).address)


def test_a_trusted_certificate(
    address: str, certificate: tuple[Path, Path], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and messages go through TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    one, other = (LayeredCache(f"rediss://{address}?prefix={prefix}&timeout=5") for _ in range(2))
    one.put("a", b"1", ttl=60, tags=["x"])
    assert other.get("a") == b"1"
    one.forget("x")
    assert one.available
    one.close()
    other.close()


def test_any_other_certificate(address: str, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whom nobody vouches for is not spoken to."""
    cache = LayeredCache(f"rediss://{address}?prefix={prefix}&timeout=5")
    assert not cache.available
    assert "certificate" in caplog.text.lower()
    cache.close()


def test_a_queue_behind_tls(
    address: str, certificate: tuple[Path, Path], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wake-ups go through TLS."""
    url = f"huey:rediss://{address}?name={prefix.replace('-', '_')}&timeout=5"
    woken = threading.Event()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    announcing, listening = HueyExecutor(url), HueyExecutor(url)
    listening.listen(woken.set)
    announcing.announce()
    assert woken.wait(60)
    announcing.close()
    listening.close()


def test_a_queue_with_any_other_certificate(address: str, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whom nobody vouches for is sent nothing."""
    executor = HueyExecutor(f"huey:rediss://{address}?name={prefix.replace('-', '_')}&timeout=5")
    executor.announce()
    executor.close()
    assert "certificate" in caplog.text.lower()
