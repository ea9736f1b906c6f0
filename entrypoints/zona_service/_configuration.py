"""All settings of the service in one go, and whether what they name can be worked with (SPEC §4.6)."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, TypeVar

from zona_core import Actor, ConfigurationError, Fault, Settings, Zona, load_settings
from zona_core.settings import load_table
from zona_http.settings import HttpSettings

__all__ = ["SERVERS", "load", "require_ready", "server_context"]

T = TypeVar("T")

_LOG: Final = logging.getLogger("zona.licence")

SERVERS: Final = ("gunicorn", "granian")

#: setting → least and most
_BOUNDS: Final = {
    "port": (0, 65_535),
    "workers": (0, 256),
    "threads": (1, 256),
    "timeout": (1, 86_400),
    "graceful_timeout": (1, 86_400),
    "keep_alive": (0, 3_600),
    "max_requests": (0, 1_000_000_000),
    "max_body": (1, 1 << 31),
    "max_upload": (1, 1 << 31),
    "max_package": (1, 1 << 40),
    "max_stream": (1, 1 << 40),
    "client_limit": (0, 1_000_000_000),
    "key_limit": (0, 1_000_000_000),
    "tenant_limit": (0, 1_000_000_000),
    "stream_seconds": (1, 86_400),
    "wait_seconds": (0, 86_400),
}
_WORDS: Final = {
    "server": SERVERS,
    "log_format": ("json", "console"),
    "log_level": ("debug", "info", "warning", "error", "critical"),
}


def load(
    options: Mapping[str, Any] | None = None, http_options: Mapping[str, Any] | None = None
) -> tuple[Settings, HttpSettings]:
    """The core's settings and those of the table ``[zona.http]``; options win over the environment and the file.

    Raises ``ConfigurationError`` naming every fault of both; those of the table have paths that begin with ``http.``.
    """
    faults: list[Fault] = []
    settings = _collected(lambda: load_settings(options), faults)
    home = (options or {}).get("home")
    http = _collected(lambda: load_table(HttpSettings, "zona.http", http_options, home=home), faults, under="http")
    if http is not None:
        known = {fault.path for fault in faults}
        faults += (fault for fault in _http_faults(http) if fault.path not in known)
    if faults or settings is None or http is None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigurationError(f"the configuration is not valid: {faults[0]}{more}", faults=faults)
    return settings, http


def require_ready(settings: Settings) -> None:
    """Opens the master key and the store once, and closes them again.

    What the holder of the licence should know is logged.
    Raises ``ConfigurationError`` (``not_initialised`` if ``zona init`` never ran), ``KeyUnavailable`` or
    ``StoreUnavailable``.
    """
    home = Path(settings.home)
    if not home.is_dir() and str(home.absolute()) in settings.store:
        raise ConfigurationError(
            f"there is no folder {home}", code="not_initialised", hint="zona init makes it, with all that goes in it"
        )
    # NOTE: closed before any process forks: neither SQLite's files nor threads survive a fork
    # (https://www.sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork").
    with Zona(settings) as zona:
        zona.plugins.open_keyring(settings.keyring)
        _ = zona.runs_here  # an unusable URL of a queue is told now
        system = zona.system(Actor.trusted("zona"))
        report = system.store.check()
        notices = () if report.notes else system.licence.show().notices
    for notice in notices:
        _LOG.warning("%s", notice.message)
    if report.notes:
        raise ConfigurationError(
            "the store is not as this release needs it",
            code="store_differs",
            faults=[Fault("store", note) for note in report.notes],
            hint="zona store migrate mends what belongs to an older version",
        )


def server_context(http: HttpSettings) -> ssl.SSLContext:
    """TLS 1.3 with the certificate that the settings name; client certificates are required if authorities are named.

    Raises ``OSError`` (``ssl.SSLError`` included) for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(http.certificate, http.certificate_key, password=_no_password)
    if http.client_authorities:
        context.load_verify_locations(http.client_authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    # Without this OpenSSL would ask at the terminal, and a service would wait for ever.
    raise OSError("the key is locked with a password")


def _collected(load_one: Callable[[], T], faults: list[Fault], *, under: str = "") -> T | None:
    try:
        return load_one()
    except ConfigurationError as exc:
        found = exc.faults or (Fault("", exc.message),)
        faults += (fault if os.sep in fault.path else fault.under(under) for fault in found)
        return None


def _http_faults(http: HttpSettings) -> list[Fault]:
    found = [
        Fault(f"http.{name}", f"{getattr(http, name)} is out of range", f"{least}-{most}")
        for name, (least, most) in _BOUNDS.items()
        if not least <= getattr(http, name) <= most
    ]
    found += (
        Fault(f"http.{name}", f"{getattr(http, name)!r} is unknown", " or ".join(words))
        for name, words in _WORDS.items()
        if getattr(http, name) not in words
    )
    if not http.host:
        found.append(Fault("http.host", "is empty", "an address, for example 127.0.0.1 or ::"))
    found += (
        Fault("http.forwarded_allow_ips", f"{part!r} is no address", "addresses or networks parted by commas, or *")
        for part in http.forwarded_allow_ips.split(",")
        if part.strip() not in ("", "*") and not _is_network(part.strip())
    )
    return [*found, *_tls_faults(http)]


def _tls_faults(http: HttpSettings) -> list[Fault]:
    names = ("certificate", "certificate_key")
    missing = [name for name in names if not getattr(http, name)]
    if len(missing) == 1:
        return [Fault(f"http.{missing[0]}", "is missing", "a PEM file: a certificate and its key belong together")]
    if missing:
        needless = http.client_authorities
        return (
            [Fault("http.client_authorities", "needs TLS", "certificate and certificate_key too")] if needless else []
        )
    unreadable = [
        Fault(f"http.{name}", f"the file {getattr(http, name)} cannot be read", "a PEM file")
        for name in (*names, "client_authorities")
        if getattr(http, name) and not os.access(getattr(http, name), os.R_OK)
    ]
    if unreadable:
        return unreadable
    try:
        server_context(http)
    except OSError as exc:
        reason = getattr(exc, "reason", None) or exc.strerror or str(exc)
        return [Fault("http.certificate", f"certificate, key and authorities cannot be used: {reason}", "PEM files")]
    return []


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
