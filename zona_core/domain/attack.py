"""Tactics and techniques of MITRE ATT&CK that the tags of rules name: ``attack.execution``, ``attack.t1059.001``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["TACTICS", "tactics_of", "techniques_of"]

#: in the order in which an attack usually goes on; older names of rules that have been renamed since among them
TACTICS: Final = (
    "Reconnaissance",
    "Resource Development",
    "Initial Access",
    "Execution",
    "Persistence",
    "Privilege Escalation",
    "Stealth",
    "Defense Impairment",
    "Defense Evasion",
    "Credential Access",
    "Discovery",
    "Lateral Movement",
    "Collection",
    "Command and Control",
    "Exfiltration",
    "Impact",
)
_BY_TAG: Final = {name.lower().replace(" ", "-"): name for name in TACTICS}
_TECHNIQUE: Final = re.compile(r"attack\.(t[0-9]{4}(?:\.[0-9]{3})?)\Z")
_PREFIX: Final = "attack."


def tactics_of(tags: Iterable[str]) -> tuple[str, ...]:
    """The tactics that tags name, each once, in the order of ``TACTICS``."""
    found = {
        _BY_TAG.get(tag.lower().removeprefix(_PREFIX).replace("_", "-"))
        for tag in tags
        if tag.lower().startswith(_PREFIX)
    }
    return tuple(name for name in TACTICS if name in found)


def techniques_of(tags: Iterable[str]) -> tuple[str, ...]:
    """The techniques that tags name, each once, as ``T1059.001``, in ascending order."""
    return tuple(sorted({found[1].upper() for tag in tags if (found := _TECHNIQUE.match(tag.lower()))}))
