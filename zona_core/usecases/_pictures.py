"""What pictures of graphs and of runs have in common."""

from __future__ import annotations

from zona_core.errors import Fault, InvalidInput
from zona_core.ports.drawing import PictureFormat

__all__ = ["check_picture_format"]


def check_picture_format(name: str) -> None:
    """Raises ``InvalidInput`` for a form that pictures do not have."""
    if name not in list(PictureFormat):
        raise InvalidInput.of([Fault("format", "is no form of picture", ", ".join(PictureFormat))])
