"""The options of mappers: what each takes, and every fault of what is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from zona_core.errors import Fault, InvalidInput

__all__ = ["read_zone", "takes_received_time", "unknown_options"]


def unknown_options(options: Mapping[str, Any], known: Collection[str]) -> list[Fault]:
    """A fault for each option that the mapper does not have."""
    expected = "one of " + ", ".join(sorted(known))
    return [Fault(str(name), "is no option of this mapper", expected) for name in options if name not in known]


def takes_received_time(options: Mapping[str, Any], known: Collection[str] = ("time",)) -> bool:
    """Whether the option ``time`` says ``received``; raises ``InvalidInput`` for all that is wrong with ``options``."""
    faults = unknown_options(options, known)
    chosen = options.get("time", "event")
    if chosen not in ("event", "received"):
        faults.append(Fault("time", "is no choice of a time", "event or received"))
    if faults:
        raise InvalidInput.of(faults, "The mapper's configuration")
    return bool(chosen == "received")


def read_zone(options: Mapping[str, Any]) -> tzinfo | None:
    """The time zone that the option ``zone`` names; None without it. Raises ``InvalidInput``."""
    name = options.get("zone")
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, AttributeError, OSError):
        fault = Fault("zone", "is no time zone that is known here", "a name such as Europe/Rome or UTC")
    raise InvalidInput.of([fault], "The mapper's configuration")
