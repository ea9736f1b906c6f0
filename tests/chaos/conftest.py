"""What the tests of steadfastness share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import waiting

Until = Callable[..., Any]


@pytest.fixture
def until() -> Until:
    """Waits for a condition: gives what it gives once that is true."""
    return waiting.until
