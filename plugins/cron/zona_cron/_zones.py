"""Time zones by name.

Their rules are the machine's (``zoneinfo``: the system's files, or else the package ``tzdata`` where it is installed);
UTC needs none.
"""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["zone_of"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_LONGEST: Final = 64
_UTC: Final = ("UTC", "Etc/UTC")
#: lie among the zones but are no names of zones: what this machine is set to, rules without a place, other time scales
_NO_ZONES: Final = re.compile(r"localtime|posixrules|Factory|(?:right|posix)/.*")


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> tzinfo:
    """The zone of that name in the IANA time zone database; raises ``LookupError``."""
    if name in _UTC:
        return UTC
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or _NO_ZONES.fullmatch(name):
        raise LookupError("is no name of a time zone")
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError) as exc:  # no such file; a folder; a file of another kind
        raise LookupError(f"there is no time zone {name!r} in this machine's database") from exc
