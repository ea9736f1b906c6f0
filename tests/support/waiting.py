"""Waiting for what gives no sign."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["PATIENCE", "until"]

#: seconds after which something that has to happen counts as not happening
PATIENCE = 60.0


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What ``condition`` gives once that is true."""
    ends_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends_at, "it never happened"
        time.sleep(0.01)
    return found
