"""What the tests of steadfastness share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

Until = Callable[..., Any]


@pytest.fixture
def until() -> Until:
    """Waits for a condition: gives what it gives once that is true."""

    def waited(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        ends_at = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < ends_at
            time.sleep(0.01)
        return found

    return waited
