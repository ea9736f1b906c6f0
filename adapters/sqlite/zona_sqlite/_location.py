"""The store's URL: where the file is and how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import define

from zona_core.errors import ConfigurationError, Fault

__all__ = ["Location"]

_FORM: Final = "sqlite:///relative/path.db or sqlite:////absolute/path.db"
_LONGEST_WAIT: Final = 3600.0


@define(frozen=True, kw_only=True)
class Location:
    """What a URL says; three slashes begin a relative path, four an absolute one."""

    path: Path
    #: FULL survives a loss of power; NORMAL may lose the latest transactions in one, but never a part of one
    synchronous: str = "FULL"
    #: seconds that a call waits for other writers
    busy_timeout: float = 60.0

    @classmethod
    def parsed(cls, url: str) -> Location:
        """Reads ``url``; raises ``ConfigurationError`` that names every fault."""
        parts = urlsplit(url)
        name = unquote(parts.path[1:])
        faults: list[Fault] = []
        if parts.scheme != "sqlite" or parts.netloc or parts.fragment:
            faults.append(Fault("", f"{_without_options(url)!r} is no SQLite URL", _FORM))
        elif not name or name.endswith("/") or "\0" in name or name == ":memory:":
            faults.append(Fault("", "the URL names no file", f"{_FORM}; memory:// for a store without a file"))
        options = _options(parts.query, faults)
        path = Path(name).absolute()
        if not faults and not path.parent.is_dir():
            faults.append(Fault("", f"the folder {path.parent} does not exist", "a folder that exists: make it first"))
        if faults:
            raise ConfigurationError(f"the store's URL cannot be used: {faults[0]}", faults=faults)
        return cls(
            path=path,
            synchronous=options.get("synchronous", "FULL").upper(),
            busy_timeout=float(options.get("busy_timeout", "60")),
        )


def _without_options(url: str) -> str:
    """The part of a URL that is surely no secret: neither user and password nor options."""
    return url.split("?", 1)[0].rsplit("@", 1)[-1]


def _options(query: str, faults: list[Fault]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in options:
            faults.append(Fault(name, "the option stands twice", "each option once"))
        options[name] = value
        if name == "synchronous":
            if value.upper() not in ("FULL", "NORMAL"):
                faults.append(Fault(name, f"{value!r} is unknown", "FULL or NORMAL"))
        elif name == "busy_timeout":
            if not _is_wait(value):
                faults.append(Fault(name, f"{value!r} is no time", f"seconds, 0-{_LONGEST_WAIT:g}"))
        else:
            faults.append(Fault(name, "there is no such option", "synchronous, busy_timeout"))
    return options


def _is_wait(text: str) -> bool:
    try:
        return 0 <= float(text) <= _LONGEST_WAIT
    except ValueError:
        return False
