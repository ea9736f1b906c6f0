"""The forms of packages."""

from __future__ import annotations

from pathlib import Path

import pytest
from package_samples import FORMS, Place


@pytest.fixture(params=FORMS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each form in turn."""
    return Place(FORMS[request.param](), tmp_path / "package")


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Place]:
    """All forms at once."""
    return {name: Place(make(), tmp_path / name) for name, make in FORMS.items()}
