"""Models as JSON data for eyes: secrets masked, times as ISO 8601 text."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import Fault

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["as_data"]


def as_data(model: Any) -> Any:
    """``model`` (an attrs object, or a structure of them) as JSON types; every ``Secret`` is a mask."""
    return _converter().unstructure(model)


@cache
def _converter() -> Converter:
    import cattrs

    converter = cattrs.Converter()
    converter.register_unstructure_hook(Secret, lambda _: MASK)
    converter.register_unstructure_hook(Fault, Fault.as_dict)
    converter.register_unstructure_hook(datetime, lambda at: at.isoformat().replace("+00:00", "Z"))
    converter.register_unstructure_hook(tuple, lambda values: [converter.unstructure(value) for value in values])
    return converter
