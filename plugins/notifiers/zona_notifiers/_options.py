"""What the options of all channels have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.secrets import Secret
from zona_core.domain.values import checked
from zona_core.errors import Fault, KeyUnavailable, NotificationFailed

__all__ = ["PRIVATE", "clear_text", "revealed", "settled"]

PRIVATE: Final = Field(
    name="private",
    label="Private network",
    kind=FieldKind.BOOLEAN,
    default=False,
    help="whether it may be at a private address; the tenant's network policy has to allow that address, too",
)


def clear_text(value: Any) -> str | None:
    """The text of a ``Secret`` that is in clear; None for a sealed one, which was checked before it was sealed."""
    return value.reveal() if isinstance(value, Secret) and value.token is None else None


def revealed(options: Mapping[str, Any], name: str) -> str:
    """The text of the secret option ``name``; empty if it is not given."""
    value = options.get(name)
    return value.reveal() if isinstance(value, Secret) else ""


def settled(
    fields: tuple[Field, ...], options: Mapping[str, Any], faults: Callable[[Mapping[str, Any]], list[Fault]]
) -> dict[str, Any]:
    """``options`` with secrets in clear and defaults filled in, checked anew: an older release may have stored them.

    ``faults`` looks at them together. Raises ``NotificationFailed``.
    """
    given, found = checked(fields, _opened(options))
    found = found or faults(given)
    if found:
        raise NotificationFailed("The channel's options cannot be used", code="invalid_options", faults=found)
    return given


def _opened(options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {name: Secret(value.reveal()) if isinstance(value, Secret) else value for name, value in options.items()}
    except KeyUnavailable:
        failure = NotificationFailed(
            "A secret of the channel cannot be opened",
            code=KeyUnavailable.code,
            retryable=True,
            hint="the key that it was sealed with has to be at hand",
        )
    raise failure
