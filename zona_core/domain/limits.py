"""What an instance allows: so many calls in so many seconds, so many at a time; and how often it is tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import define

from zona_core.errors import Fault

from .instances import Instance

__all__ = ["Limits", "health_check_faults", "limit_faults", "limits_of"]

_KNOWN: Final = {"requests", "seconds", "concurrent"}


@define(frozen=True, kw_only=True)
class Limits:
    """An instance's limits; 0 is none."""

    requests: int = 0
    seconds: float = 1.0
    concurrent: int = 0

    def __bool__(self) -> bool:
        return bool(self.requests or self.concurrent)


def limits_of(instance: Instance | None) -> Limits:
    """Those in ``Instance.rate_limiting``: ``{"requests": 100, "seconds": 60, "concurrent": 5}``, each optional."""
    given: Mapping[str, Any] = instance.rate_limiting if instance is not None else {}
    return Limits(**{name: given[name] for name in _KNOWN if given.get(name)}) if given else Limits()


def limit_faults(given: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with ``rate_limiting``."""
    found = [Fault(name, "there is no such limit", ", ".join(sorted(_KNOWN))) for name in sorted(set(given) - _KNOWN)]
    for name, kinds, most in (
        ("requests", int, 1_000_000),
        ("seconds", int | float, 86_400),
        ("concurrent", int, 10_000),
    ):
        value = given.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= most):
            found.append(Fault(name, "is out of range", f"a number, 0-{most}"))
    if given.get("requests") and not given.get("seconds", 1.0):
        found.append(Fault("seconds", "is 0", "in how many seconds so many requests are allowed"))
    return found


def health_check_faults(given: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with ``health_check_config``: ``{"interval": 300, "timeout": 30}``, in seconds, each optional."""
    bounds = {"interval": (10, 31 * 86_400), "timeout": (1, 300)}
    found = [Fault(name, "is not known here", "interval, timeout") for name in sorted(set(given) - bounds.keys())]
    for name, (least, most) in bounds.items():
        value = given.get(name)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most
        ):
            found.append(Fault(name, "is out of range", f"{least}-{most} s"))
    return found
