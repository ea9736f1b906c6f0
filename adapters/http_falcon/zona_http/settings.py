"""How the HTTP service behaves: the table ``[zona.http]`` of ``zona.toml`` and ``ZONA_HTTP_…`` in the environment."""

from __future__ import annotations

from attrs import define, setters

__all__ = ["HttpSettings"]


@define(kw_only=True, on_setattr=setters.frozen)
class HttpSettings:
    """Each setting has a default that works on one machine with no other server."""

    # -- where and with what it is served

    host: str = "127.0.0.1"
    port: int = 8063
    #: ``gunicorn`` or ``granian`` (extra ``fast``)
    server: str = "gunicorn"
    #: processes; 0 for one per processor, at most 4
    workers: int = 0
    #: whether each process keeps to one processor, where there are as many processes or more (Gunicorn on Linux)
    pin_workers: bool = True
    #: threads of a process: one is faster, more let streams and slow clients wait side by side
    threads: int = 4
    #: seconds that a request may take before its worker is given up
    timeout: int = 60
    #: seconds that requests under way have to end when the service stops
    graceful_timeout: int = 30
    #: seconds that a connection is kept open for another request
    keep_alive: int = 5
    #: requests after which a worker is replaced by a fresh one; 0 for never
    max_requests: int = 50_000
    #: addresses of proxies whose ``X-Forwarded-…`` headers are believed, parted by commas
    forwarded_allow_ips: str = "127.0.0.1,::1"
    #: PEM files; both or neither
    certificate: str = ""
    certificate_key: str = ""
    #: PEM file with the authorities of client certificates; who has none is refused
    client_authorities: str = ""

    # -- what it lets in

    #: bytes of a JSON body
    max_body: int = 1_048_576
    #: bytes of a multipart body (documents, logos)
    max_upload: int = 16_777_216
    #: bytes of a multipart body with a package of apps, which goes into a temporary file
    max_package: int = 268_435_456
    #: bytes, as they are sent, of a body that is used while it comes (events)
    max_stream: int = 1_073_741_824
    #: requests a minute of one address before it is known who asks; 0 for no limit
    client_limit: int = 6_000
    #: requests a minute of one user or API key; 0 for no limit
    key_limit: int = 6_000
    #: requests a minute of one tenant; 0 for no limit
    tenant_limit: int = 60_000

    # -- what it tells

    #: ``json`` lines or ``console`` for eyes
    log_format: str = "json"
    log_level: str = "info"
    #: whether ``/metrics`` asks for a permission (``metrics:read``); without, whoever reaches the port may read it
    metrics_protected: bool = False
    #: seconds that a stream of events lasts before the client is to ask again
    stream_seconds: int = 300
    #: seconds that a request waits for the run that it has begun, before the run goes on alone; 0 for not at all
    wait_seconds: int = 30
    #: whether cookies are sent over TLS only
    secure_cookies: bool = True
