"""A tenant's compliance settings (SPEC §1): which there are, and what each may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_core.errors import Fault, InvalidInput
from zona_core.usecases._engine.event_retention import COMPLIANCE_KEY as EVENT_RETENTION_DAYS
from zona_core.usecases._engine.retention import COMPLIANCE_KEY as RUN_RETENTION_DAYS

__all__ = ["EVENT_RETENTION_DAYS", "RUN_RETENTION_DAYS", "checked_compliance"]

#: by name: the least and the most that it may be, as the platform's setting of the same name, and what it counts
_KNOWN: Final[Mapping[str, tuple[float, float, str]]] = {
    EVENT_RETENTION_DAYS: (0, 36_500, "days, 0: for ever"),
    RUN_RETENTION_DAYS: (0, 36_500, "days, 0: for ever"),
}


def checked_compliance(settings: Mapping[str, Any]) -> dict[str, float]:
    """The settings as they are stored; raises ``InvalidInput`` for unknown names, and values that cannot be."""
    faults = [fault for name, value in settings.items() for fault in _faults(name, value)]
    if faults:
        raise InvalidInput.of(faults, "The compliance settings")
    return {name: float(settings[name]) for name in sorted(settings)}


def _faults(name: str, value: Any) -> list[Fault]:
    if name not in _KNOWN:
        return [Fault(str(name)[:80], "there is no such setting", ", ".join(sorted(_KNOWN)))]
    least, most, unit = _KNOWN[name]
    expected = f"{least:,}-{most:,} {unit}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [Fault(name, "is no number", expected)]
    return [] if least <= value <= most else [Fault(name, "is out of range", expected)]
