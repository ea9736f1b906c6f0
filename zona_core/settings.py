"""Settings, in layers: defaults, ``zona.toml``, environment, options (DESIGN decision 8).

Every setting has a default that works embedded. A faulty configuration names every fault at once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define, evolve, field, fields_dict, setters

from zona_core.errors import ConfigurationError, Fault

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "load_settings"]

#: ``ZONA_STORE``, ``ZONA_KEYRING``, …: a setting's name in capitals
ENVIRONMENT_PREFIX: Final = "ZONA_"

_TYPES: Final = {
    "workers": "a whole number",
    "blocked_plugins": "names (in the environment parted by ':')",
    "plugins": "tables [zona.plugins.NAME] in zona.toml",
}


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
    #: where calls that name no tenant work
    tenant: str = "localhost"
    #: how many handlers run at a time in this process
    workers: int = 16
    #: names of plugins (entry points) that are not loaded; in the environment parted by ``:``
    blocked_plugins: list[str] = Factory(list)
    #: each plugin's own settings, by plugin name
    plugins: dict[str, Any] = field(factory=dict, repr=False)

    def completed(self) -> Settings:
        """The same with everything that was left empty filled in; raises ``ConfigurationError`` for unusable values."""
        _refuse(_bounds(self))
        home = self.home or _default_home()
        keyring = self.keyring or ("env:ZONA_MASTER_KEY" if os.environ.get("ZONA_MASTER_KEY") else "")
        return evolve(
            self,
            home=home,
            store=self.store or f"sqlite:///{Path(home).absolute() / 'zona.db'}",
            keyring=keyring or f"file:{Path(home).absolute() / 'master.key'}",
        )


def load_settings(options: Mapping[str, Any] | None = None, *, file: Path | None = None) -> Settings:
    """Settings from ``zona.toml`` (``file``, else in ``home``), the environment and ``options``; later ones win.

    Raises ``ConfigurationError`` with a fault for each unknown or unusable value of every layer.
    """
    import typed_settings
    from typed_settings.exceptions import InvalidSettingsError, InvalidValueError
    from typed_settings.loaders import DictLoader, Loader

    given = {name: value for name, value in (options or {}).items() if value is not None}
    faults = [Fault(name, "there is no such setting", _names()) for name in given if name not in fields_dict(Settings)]
    path = file or Path(given.get("home") or os.environ.get("ZONA_HOME") or _default_home()) / "zona.toml"
    from_file = _file_layer(path, faults, required=file is not None)
    known = fields_dict(Settings)
    loaders: list[Loader] = [
        DictLoader({name: value for name, value in from_file.items() if name in known}),
        typed_settings.EnvLoader(ENVIRONMENT_PREFIX),
        DictLoader({name: value for name, value in given.items() if name in known}),
    ]
    settings = Settings()
    try:
        settings = typed_settings.load_settings(Settings, loaders)
    except InvalidSettingsError as exc:
        faults += (_unusable(str(cause)) for cause in exc.exceptions)
    except InvalidValueError as exc:
        faults.append(_unusable(str(exc)))
    _refuse([*faults, *_bounds(settings)])
    return settings.completed()


def _unusable(told: str) -> Fault:
    """typed-settings' words for a value of the wrong type, as a fault with the setting's name for its path."""
    found = re.search(r"option '([\w.]+)' from loader (\w+)", told)
    if found is None:
        return Fault("", told)
    name, loader = found.groups()
    source = f"the environment variable {ENVIRONMENT_PREFIX}{name.upper()}" if loader == "EnvLoader" else "the value"
    return Fault(name, f"{source} is of the wrong type", _TYPES.get(name, "a text"))


def _refuse(faults: list[Fault]) -> None:
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConfigurationError(f"the configuration is not valid: {faults[0]}{more}", faults=faults)


def _file_layer(path: Path, faults: list[Fault], *, required: bool) -> dict[str, Any]:
    try:
        layer: Any = tomllib.loads(path.read_text(encoding="utf-8")).get("zona", {})
    except FileNotFoundError:
        if required:
            faults.append(Fault(str(path), "there is no such file", "a zona.toml"))
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        faults.append(Fault(str(path), f"cannot be read: {exc}", "TOML with a table [zona]"))
        return {}
    if not isinstance(layer, dict):
        faults.append(Fault(str(path), "zona is no table", "TOML with a table [zona]"))
        return {}
    known = fields_dict(Settings)
    faults += (Fault(f"{path}: {name}", "there is no such setting", _names()) for name in layer if name not in known)
    return layer


def _bounds(settings: Settings) -> list[Fault]:
    found = []
    if not 1 <= settings.workers <= 1024:
        found.append(Fault("workers", f"{settings.workers} is out of range", "1-1024"))
    if settings.store and ":" not in settings.store:
        found.append(Fault("store", "is no URL", "for example sqlite:///zona.db"))
    if settings.keyring and ":" not in settings.keyring:
        found.append(Fault("keyring", "is no URL", "env:NAME or file:PATH"))
    return found


def _names() -> str:
    return "one of " + ", ".join(fields_dict(Settings))


def _default_home() -> str:
    """The data folder of the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return str(Path(base) / "zona")
