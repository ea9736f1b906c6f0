"""TLS 1.3 alone, and client certificates where authorities are named."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from typing import Any

import pytest

SERVERS = ["gunicorn", "granian"]


def answered(service: Any, context: ssl.SSLContext) -> int:
    """The status of an answer over TLS."""
    connection = service.connect(context)
    try:
        connection.request("GET", "/healthz")
        status: int = connection.getresponse().status
        return status
    finally:
        connection.close()


@pytest.mark.parametrize("server", SERVERS)
def test_tls_1_3_and_client_certificates(serve: Callable[..., Any], certificates: Any, server: str) -> None:
    """With authorities named, TLS 1.2, no certificate and a stranger's certificate are refused; theirs is served."""
    service = serve(
        *("--server", server, "--certificate", certificates.certificate, "--certificate-key", certificates.key),
        *("--client-authorities", certificates.authority),
    )
    assert service.url.startswith("https://")
    known = certificates.context()
    known.load_cert_chain(*certificates.issue("client"))
    assert answered(service, known) == 200

    # With TLS 1.3 the client hears of a refused certificate after its handshake, when it first reads.
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        answered(service, certificates.context())

    stranger = certificates.context()
    stranger.load_cert_chain(*certificates.strange())
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        answered(service, stranger)

    old = certificates.context()
    old.load_cert_chain(*certificates.issue("client"))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        answered(service, old)
    assert service.stop() == 0


@pytest.mark.parametrize("server", SERVERS)
def test_tls_without_client_certificates(serve: Callable[..., Any], certificates: Any, server: str) -> None:
    """Without authorities everybody is served over TLS 1.3, and nobody over TLS 1.2."""
    service = serve(
        *("--server", server, "--certificate", certificates.certificate, "--certificate-key", certificates.key)
    )
    assert answered(service, certificates.context()) == 200
    old = certificates.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        answered(service, old)
    assert service.stop() == 0
