"""Where an engine is, and the connection to it.

::

    docker:[HOST][?timeout=SECONDS][&certificates=FOLDER]

HOST is ``unix:///path`` or ``tcp://host:port``; without one, ``DOCKER_HOST`` of the environment counts, else the usual
socket. With ``certificates`` (a folder with ``ca.pem``, ``cert.pem`` and ``key.pem``), or for a host of the environment
with ``DOCKER_TLS_VERIFY`` and ``DOCKER_CERT_PATH``, the connection is TLS and both sides prove who they are.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl

import requests
from attrs import Factory, define
from docker import APIClient
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.tls import TLSConfig
from docker.transport import UnixHTTPAdapter
from docker.utils import version_lt

from zona_core.errors import ConfigurationError, EngineFailed, EngineUnavailable, Fault

from ._errors import translated

__all__ = ["LEAST_API", "Connection", "Location"]

#: of Docker 20.10: https://docs.docker.com/reference/api/engine/version-history/
LEAST_API: Final = "1.41"
#: connections that are kept open for the next call; there may be more at a time
_KEPT: Final = 32
#: seconds that an answer may take, unless the URL says so
_TIMEOUT: Final = 60.0
_LONGEST: Final = 3_600.0
_HOST: Final = re.compile(r"unix://(/[^?#]*)|tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_FORM: Final = "unix:///path or tcp://host:port"


@define(frozen=True, kw_only=True)
class Location:
    """What a container engine's URL says."""

    #: ``unix:///path`` or ``tcp://host:port``
    host: str
    #: folder; empty: no TLS
    certificates: str = ""
    #: seconds that an answer may take
    timeout: float = _TIMEOUT
    #: those that belong to one kind of engine alone
    options: Mapping[str, str] = Factory(dict)

    @classmethod
    def parsed(cls, url: str, *, options: Collection[str] = (), environ: Mapping[str, str] | None = None) -> Location:
        """Reads ``SCHEME:[HOST][?…]``, which may have these options beside those of every engine.

        Raises ``ConfigurationError`` that names every fault.
        """
        given, _, query = url.partition(":")[2].partition("?")
        surroundings = os.environ if environ is None else environ
        host = given or surroundings.get("DOCKER_HOST", "") or DEFAULT_UNIX_SOCKET.removeprefix("http+")
        faults: list[Fault] = []
        if not _HOST.fullmatch(host):
            faults.append(Fault("" if given else "DOCKER_HOST", "this is no address of an engine", _FORM))
        found = _options(query, {"timeout", "certificates", *options}, faults)
        timeout = _seconds(found.pop("timeout", f"{_TIMEOUT:g}"), faults)
        certificates = found.pop("certificates", "") if given else found.pop("certificates", "") or _of(surroundings)
        if certificates and not Path(certificates, "ca.pem").is_file():
            faults.append(Fault("certificates", "there is no ca.pem in it", "a folder with ca.pem, cert.pem, key.pem"))
        if faults:
            raise ConfigurationError(f"the container engine's URL cannot be used: {faults[0]}", faults=faults)
        return cls(host=host, certificates=certificates, timeout=timeout, options=found)


class Connection:
    """The driver's client of one engine, connected when it is first used. Safe to use from several threads."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._client: APIClient | None = None
        self._lock = Lock()

    @property
    def client(self) -> APIClient:
        """The client; raises ``EngineUnavailable`` if nothing answers, or an engine that is too old."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._connected()
        return self._client

    def read(self, path: str) -> Any:
        """What a GET gives, as JSON. Raises as ``translated``.

        NOTE: over a socket it takes less than half the time of the driver's own call, most of which is preparing the
        request; that counts where a fleet has many containers to be looked at.
        """
        client = self.client
        adapter = client.get_adapter(client.base_url)
        address = f"/v{client.api_version}{path}"
        with translated(f"GET {path}"):
            if not isinstance(adapter, UnixHTTPAdapter):
                found = client.get(client.base_url + address, timeout=self.location.timeout)
                status, body = found.status_code, found.content
            else:
                pool = adapter.get_connection("zona")
                answer = pool.request("GET", address, timeout=self.location.timeout, retries=False)
                status, body = answer.status, answer.data
            data = json.loads(body)
        if status >= requests.codes.bad_request:
            raise EngineFailed(f"GET {path}: {data.get('message', 'no reason given')}", status=status)
        return data

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any],
        headers: Mapping[str, str | bytes] = MappingProxyType({}),
        timeout: float | None = None,
    ) -> requests.Response:
        """A response whose body is not read yet; the caller closes it. ``timeout``: seconds from one byte to the next.

        The driver's own streams cannot be ended while they wait. Raises as ``translated``.
        """
        client = self.client
        url = f"{client.base_url}/v{client.api_version}{path}"
        with translated(f"{method} {path}"):
            response = client.request(
                method, url, params=dict(params), headers=dict(headers), stream=True, timeout=timeout
            )
            if response.status_code >= requests.codes.bad_request:
                with response:
                    client._raise_for_status(response)  # type: ignore[attr-defined]  # the driver's only way to its errors
            return response

    def close(self) -> None:
        """Ends connections; the next use would connect again."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _connected(self) -> APIClient:
        location = self.location
        with translated("connect"):
            client = APIClient(
                base_url=location.host,
                version="auto",
                timeout=location.timeout,  # type: ignore[arg-type]  # any number serves
                tls=_tls(location.certificates),
                max_pool_size=_KEPT,
            )
        if version_lt(client.api_version, LEAST_API):
            found = client.api_version
            client.close()
            raise EngineUnavailable(
                f"the engine at {location.host} knows version {found} of Docker's API at most",
                code="engine_too_old",
                hint=f"{LEAST_API} is the least: Docker 20.10",
            )
        # Proxies and .netrc have nothing to say about a socket, and looking for them takes longer than most calls.
        client.trust_env = not location.host.startswith("unix:")
        return client


def _tls(folder: str) -> TLSConfig | bool:
    if not folder:
        return False
    at = Path(folder)
    return TLSConfig(client_cert=(str(at / "cert.pem"), str(at / "key.pem")), ca_cert=str(at / "ca.pem"), verify=True)


def _of(environ: Mapping[str, str]) -> str:
    """The folder of the certificates that Docker's own client would use."""
    if not environ.get("DOCKER_TLS_VERIFY") or not environ.get("DOCKER_HOST"):
        return ""
    return environ.get("DOCKER_CERT_PATH") or str(Path.home() / ".docker")


def _options(query: str, known: Collection[str], faults: list[Fault]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            faults.append(Fault(name, "there is no such option", ", ".join(sorted(known))))
        elif name in found:
            faults.append(Fault(name, "the option stands twice", "each option once"))
        else:
            found[name] = value
    return found


def _seconds(text: str, faults: list[Fault]) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        faults.append(Fault("timeout", "this is no time", f"seconds, at most {_LONGEST:g}"))
    return seconds
