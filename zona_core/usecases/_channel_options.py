"""What a channel says about where to deliver: checked against its notifier's fields, secrets sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.domain.definitions import text_faults
from zona_core.domain.fields import FieldKind
from zona_core.domain.policies import Channel
from zona_core.domain.secrets import MASK, Secret
from zona_core.domain.values import checked
from zona_core.errors import Fault, InvalidInput, NotFound
from zona_core.usecases._area import Parts

__all__ = ["checked_options"]


def checked_options(
    parts: Parts, title: str, notifier: str, options: Mapping[str, Any], before: Channel | None
) -> dict[str, Any]:
    """The options as they are to be stored, in the place of those of ``before``.

    A secret given as the mask that it is shown as stays as it was, as long as the notifier does. Raises
    ``InvalidInput`` with every fault.
    """
    faults = text_faults("title", title, 200)
    try:
        kind = parts.notifier(notifier)
    except NotFound as exc:
        raise InvalidInput.of([*faults, Fault("notifier", exc.message, exc.hint)], "The channel") from exc
    kept = before.options if before is not None and before.notifier == notifier else {}
    secret = {field.name for field in kind.options if field.kind is FieldKind.SECRET}
    masks = [name for name, value in options.items() if name in secret and _is_mask(value)]
    lost = [name for name in masks if not isinstance(kept.get(name), Secret)]
    faults += [Fault(f"options.{name}", "is the mask that stands for secrets", "the secret itself") for name in lost]
    given = {name: kept[name] if name in masks and name not in lost else value for name, value in options.items()}
    clean, wrong = checked(kind.options, {name: value for name, value in given.items() if name not in lost})
    faults += [fault.under("options") for fault in wrong if fault.path not in lost]
    if not faults:
        faults = [fault.under("options") for fault in kind.faults(clean)]
    if faults:
        raise InvalidInput.of(faults, f"The channel {title[:200]!r}")
    return clean


def _is_mask(value: Any) -> bool:
    if isinstance(value, Secret):
        return value.token is None and value.reveal() == MASK
    return isinstance(value, str) and value == MASK
