"""Settings, in layers: defaults, ``zona.toml``, environment, options (DESIGN decision 8).

Every setting has a default that works embedded. A faulty configuration names every fault at once. A part with settings
of its own, such as the HTTP service, has an attrs class for them and reads it by ``load_table`` in the same way.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import Factory, define, evolve, field, fields, fields_dict, resolve_types, setters

from zona_core.errors import ConfigurationError, Fault

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "load_settings", "load_table"]

T = TypeVar("T")

#: ``ZONA_STORE``, ``ZONA_KEYRING``, …: a setting's name in capitals
ENVIRONMENT_PREFIX: Final = "ZONA_"

_ROOT: Final = "zona"
#: tables below ``[zona]`` that are read by themselves
_OWN_TABLES: Final = frozenset({"http", "worker"})
#: what a value of the type is, in words
_IN_WORDS: Final[Mapping[Any, str]] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list[str]: "names (in the environment parted by ':')",
    dict[str, Any]: "tables [zona.plugins.NAME] in zona.toml",
}
_ALGORITHM: Final = re.compile(r"[A-Za-z0-9]{1,32}\Z")


@define(kw_only=True, on_setattr=setters.frozen)
class Settings:
    """How a ``Zona`` is put together."""

    #: folder for what has no place of its own: the embedded store, the key file, ``zona.toml``
    home: str = ""
    #: URL of the document store; empty for ``sqlite:///`` in ``home``; not in the repr, as it may hold a password
    store: str = field(default="", repr=False)
    #: where master keys come from: ``env:NAME`` or ``file:PATH``; empty for ``env:ZONA_MASTER_KEY`` if that is set,
    #: else the file ``master.key`` in ``home``
    keyring: str = ""
    #: ``shared``: all tenants' data is in the store; ``mssp``: each new tenant has a database of its own
    tenancy: str = "shared"
    #: URL of tenants' own databases, with ``{tenant}`` for the code; empty for one made of ``store``; not in the repr
    tenant_store: str = field(default="", repr=False)
    #: where calls that name no tenant work
    tenant: str = "localhost"
    #: how many handlers run at a time in this process
    workers: int = 16
    #: how long a process that does not answer keeps its runs; what it held goes on elsewhere after that
    lease_seconds: float = 15.0
    #: URL of how workers hear of work: ``threads:`` carries runs out in the process that begins them
    executor: str = field(default="threads:", repr=False)
    #: URL of the cache; not in the repr, as it may hold a password
    cache: str = field(default="memory:", repr=False)
    #: URL of the rate limiter; ``memory:`` counts in each process, ``store:`` exactly over all of them; not in the repr
    rate_limits: str = field(default="memory:", repr=False)
    #: URL of the blob store, which keeps large bytes: ``store:`` in the tenants' own databases, ``file:PATH`` in a
    #: folder; not in the repr
    blobs: str = field(default="store:", repr=False)
    #: bytes of results (as JSON) that a run's or a step's record holds itself; what is larger is in the blob store
    max_result_bytes: int = 262_144
    #: bytes of results (as JSON) that are kept at all: a task that gives more has failed
    max_blob_bytes: int = 67_108_864
    #: feeds that this process polls at a time, and streams that it reads; 0: it leaves them to others
    feed_polls: int = 8
    feed_streams: int = 8
    #: bytes that a file may have that is kept as evidence of a case
    max_evidence_bytes: int = 268_435_456
    #: URL of what runs the fleet: ``docker:`` containers of one engine, ``swarm:`` services of a Swarm, each with a
    #: Docker host after it (``docker:unix:///var/run/docker.sock``) or that of the environment; not in the repr
    container_engine: str = field(default="docker:", repr=False)
    #: server roles of this host, for a single engine
    fleet_roles: list[str] = Factory(list)
    #: days that runs are kept once they have ended, unless their tenant's compliance settings say something else; 0:
    #: for ever
    run_retention_days: float = 0.0
    #: days that events are kept once they have been received, unless they belong to a case or their tenant's compliance
    #: settings say something else; 0: for ever
    event_retention_days: float = 0.0
    #: seconds between two looks for runs and events that are to be removed; 0: never, as in all that follow
    retention_interval: float = 3_600.0
    #: seconds between two removals of what is past its time: sessions, kept answers of keyed calls
    expiry_interval: float = 3_600.0
    #: seconds between two looks for instances that are to be checked
    health_interval: float = 30.0
    #: seconds between two looks for cases whose clocks have run out
    case_clock_interval: float = 30.0
    #: seconds between two looks for alerts that are to escalate
    escalation_interval: float = 2.0
    #: seconds between two counts of what the licence limits
    licence_interval: float = 86_400.0
    #: seconds between two looks at how old the key is that signs access tokens
    key_interval: float = 86_400.0
    #: days after which a new key signs access tokens; 0: never by itself
    signing_key_days: float = 90.0
    #: with what new keys sign access tokens: ``EdDSA`` or ``HS256``
    token_algorithm: str = "EdDSA"  # noqa: S105  # an algorithm, not a secret
    #: how long an access token counts
    access_token_seconds: int = 900
    #: how long a login lasts, however often its tokens are refreshed
    session_seconds: int = 43_200
    #: logins of one user at a time; another one ends the oldest
    max_sessions: int = 10
    #: names of plugins (entry points) that are not loaded; in the environment parted by ``:``
    blocked_plugins: list[str] = Factory(list)
    #: each plugin's own settings, by plugin name
    plugins: dict[str, Any] = field(factory=dict, repr=False)

    def completed(self) -> Settings:
        """The same with everything that was left empty filled in; raises ``ConfigurationError`` for unusable values."""
        _refuse(self.faults())
        home = self.home or _default_home()
        store = self.store or f"sqlite:///{Path(home).absolute() / 'zona.db'}"
        keyring = self.keyring or ("env:ZONA_MASTER_KEY" if os.environ.get("ZONA_MASTER_KEY") else "")
        return evolve(
            self,
            home=home,
            store=store,
            tenant_store=self.tenant_store or _beside(store),
            keyring=keyring or f"file:{Path(home).absolute() / 'master.key'}",
        )

    def faults(self) -> list[Fault]:
        """Which values are of the right type and unusable all the same."""
        found = [
            Fault(name, f"{value} is out of range", f"{least}-{most}")
            for name, value, least, most in (
                ("workers", self.workers, 1, 1024),
                ("lease_seconds", self.lease_seconds, 1, 3_600),
                ("feed_polls", self.feed_polls, 0, 1_024),
                ("feed_streams", self.feed_streams, 0, 1_024),
                ("max_result_bytes", self.max_result_bytes, 1_024, 8_388_608),
                ("max_blob_bytes", self.max_blob_bytes, 1_024, 1_073_741_824),
                ("max_evidence_bytes", self.max_evidence_bytes, 1_024, 1_099_511_627_776),
                ("run_retention_days", self.run_retention_days, 0, 36_500),
                ("event_retention_days", self.event_retention_days, 0, 36_500),
                ("retention_interval", self.retention_interval, 0, 31 * 86_400),
                ("expiry_interval", self.expiry_interval, 0, 31 * 86_400),
                ("health_interval", self.health_interval, 0, 31 * 86_400),
                ("case_clock_interval", self.case_clock_interval, 0, 31 * 86_400),
                ("escalation_interval", self.escalation_interval, 0, 31 * 86_400),
                ("licence_interval", self.licence_interval, 0, 31 * 86_400),
                ("key_interval", self.key_interval, 0, 31 * 86_400),
                ("signing_key_days", self.signing_key_days, 0, 36_500),
                ("access_token_seconds", self.access_token_seconds, 1, 86_400),
                ("session_seconds", self.session_seconds, 60, 31 * 86_400),
                ("max_sessions", self.max_sessions, 1, 1_000),
            )
            if not least <= value <= most
        ]
        found += [
            Fault(name, "is no URL", expected)
            for name, value, expected in (
                ("store", self.store or "sqlite:", "for example sqlite:///zona.db"),
                ("keyring", self.keyring or "env:", "env:NAME or file:PATH"),
                ("cache", self.cache, "for example memory:"),
                ("executor", self.executor, "for example threads:"),
                ("rate_limits", self.rate_limits, "for example memory: or store:"),
                ("blobs", self.blobs, "store: or file:PATH"),
                ("container_engine", self.container_engine, "docker: or swarm:"),
            )
            if ":" not in value
        ]
        if self.blobs.startswith("store:") and self.blobs != "store:":
            found.append(Fault("blobs", "says more than store:, which takes nothing", "store:"))
        if self.tenancy not in ("shared", "mssp"):
            found.append(Fault("tenancy", "is no mode", "shared or mssp"))
        if self.tenant_store and ("{tenant}" not in self.tenant_store or ":" not in self.tenant_store):
            found.append(Fault("tenant_store", "is no URL with {tenant} in it", "mongodb://host/zona_{tenant}"))
        if not _ALGORITHM.match(self.token_algorithm):
            found.append(Fault("token_algorithm", "is no algorithm", "EdDSA or HS256"))
        return found


def load_settings(options: Mapping[str, Any] | None = None, *, file: Path | None = None) -> Settings:
    """Settings from ``zona.toml`` (``file``, else in ``home``), the environment and ``options``; later ones win.

    Raises ``ConfigurationError`` with a fault for each unknown or unusable value of every layer.
    """
    home = (options or {}).get("home")
    return load_table(Settings, _ROOT, options, file=file, home=home).completed()


def load_table(
    cls: type[T],
    table: str,
    options: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    home: str | None = None,
) -> T:
    """An attrs class of settings from a table of ``zona.toml``, the environment and ``options``; later ones win.

    ``table`` is dotted: ``zona.http`` is ``[zona.http]`` in the file and ``ZONA_HTTP_…`` in the environment. The file
    is ``file``, which must be there, else ``zona.toml`` in ``home`` (default: ``ZONA_HOME``), which need not be.
    If the class has a method ``faults()``, that says what is wrong with values of the right type.
    Raises ``ConfigurationError`` with a fault for each unknown or unusable value of every layer.
    """
    known = fields_dict(cls)  # type: ignore[arg-type]  # only attrs classes come here
    prefix = table.upper().replace(".", "_") + "_"
    given = {name: value for name, value in (options or {}).items() if value is not None}
    faults = [Fault(name, "there is no such setting", _one_of(known)) for name in given if name not in known]
    path = file or Path(home or os.environ.get(f"{ENVIRONMENT_PREFIX}HOME") or _default_home()) / "zona.toml"
    from_file = _file_layer(path, table, faults, required=file is not None)
    strange = set(from_file) - set(known) - (_OWN_TABLES if table == _ROOT else set())
    faults += (Fault(f"{path}: {name}", "there is no such setting", _one_of(known)) for name in sorted(strange))
    from_file = {name: value for name, value in from_file.items() if name in known}
    given = {name: value for name, value in given.items() if name in known}
    settings = cls()
    if from_file or given or any(f"{prefix}{name.upper()}" in os.environ for name in known):
        settings = _converted(cls, prefix, from_file, given, faults) or settings
    bounds = getattr(settings, "faults", None)
    _refuse([*faults, *(bounds() if bounds else ())])
    return settings


def _converted(
    cls: type[T], prefix: str, from_file: dict[str, Any], given: dict[str, Any], faults: list[Fault]
) -> T | None:
    """The settings of all layers; None, and why in ``faults``, if a value is of the wrong type."""
    import typed_settings
    from typed_settings.exceptions import InvalidSettingsError, InvalidValueError
    from typed_settings.loaders import DictLoader, Loader

    loaders: list[Loader] = [DictLoader(from_file), typed_settings.EnvLoader(prefix), DictLoader(given)]
    try:
        bare = _without_source(cls)  # type: ignore[arg-type]  # classes are hashable
        found = typed_settings.load_settings(bare, loaders)
        return cls(**{each.alias: getattr(found, each.name) for each in fields(cls)})  # type: ignore[arg-type]
    except InvalidSettingsError as exc:
        faults += (_unusable(cls, prefix, str(cause)) for cause in exc.exceptions)
    except InvalidValueError as exc:
        faults.append(_unusable(cls, prefix, str(exc)))
    return None


@cache
def _without_source(cls: type[T]) -> type[T]:
    """The class as one that has no source, which typed-settings would parse each time for help that nobody reads.

    NOTE: two threads that parse at a time may meet ``SystemError: AST constructor recursion depth mismatch`` in
    CPython 3.11, whose parser counts for all of them together.
    """
    return type(cls.__name__, (cls,), {"__module__": "builtins", "__slots__": ()})


def _unusable(cls: type[Any], prefix: str, told: str) -> Fault:
    """typed-settings' words for a value of the wrong type, as a fault with the setting's name for its path."""
    found = re.search(r"option '([\w.]+)' from loader (\w+)", told)
    if found is None:
        return Fault("", told)
    name, loader = found.groups()
    source = f"the environment variable {prefix}{name.upper()}" if loader == "EnvLoader" else "the value"
    wanted = fields_dict(resolve_types(cls))[name].type
    return Fault(name, f"{source} is of the wrong type", _IN_WORDS.get(wanted, "a text"))


def _refuse(faults: list[Fault]) -> None:
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigurationError(f"the configuration is not valid: {faults[0]}{more}", faults=faults)


def _file_layer(path: Path, table: str, faults: list[Fault], *, required: bool) -> dict[str, Any]:
    """What the file has in the table; what keeps it from being read is added to ``faults``."""
    try:
        layer: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            faults.append(Fault(str(path), "there is no such file", "a zona.toml"))
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        faults.append(Fault(str(path), f"cannot be read: {exc}", f"TOML with a table [{table}]"))
        return {}
    for name in table.split("."):
        layer = layer.get(name, {})
        if not isinstance(layer, dict):
            faults.append(Fault(str(path), f"{name} is no table", f"TOML with a table [{table}]"))
            return {}
    found: dict[str, Any] = layer
    return found


def _one_of(names: Mapping[str, Any]) -> str:
    return "one of " + ", ".join(names)


def _beside(store: str) -> str:
    """The URL of tenants' own databases where only the core's is given: its database's name, and the tenant's code."""
    place, question, options = store.partition("?")
    stem, dot, ending = place.rpartition(".db")
    named = f"{stem}-{{tenant}}.db" if dot and not ending else f"{place}-{{tenant}}"
    return named + question + options


def _default_home() -> str:
    """The data folder of the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return str(Path(base) / "zona")
