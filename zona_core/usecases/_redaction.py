"""Keeping secrets out of what a run leaves behind (SPEC §5: masking wherever a secret could be shown)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from zona_core.domain.secrets import MASK, Secret

__all__ = ["Redactor"]

#: shorter secrets are masked only where they are the whole text: within others they would blot out half of it
_SHORTEST_PART: Final = 4


class Redactor:
    """Masks the secrets of one run wherever they stand in texts and data, encoded forms included."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._ordered: tuple[str, ...] = ()

    def conceal(self, secret: str) -> None:
        """From now on ``secret`` is masked, and its JSON-escaped and percent-encoded forms."""
        if not secret or secret in self._forms:
            return
        escaped = json.dumps(secret)[1:-1]
        self._forms |= {secret, escaped, json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")}
        self._forms |= {quote_plus(secret), quote(secret)}
        self._ordered = tuple(
            sorted((form for form in self._forms if len(form) >= _SHORTEST_PART), key=len, reverse=True)
        )

    def conceal_all(self, values: Iterable[Any]) -> None:
        """Conceals each ``Secret`` among ``values``."""
        for value in values:
            if isinstance(value, Secret):
                self.conceal(value.reveal())

    def text(self, text: str) -> str:
        """``text`` with every concealed secret masked."""
        if text in self._forms:
            return MASK
        for form in self._ordered:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def data(self, value: Any) -> Any:
        """JSON data with every concealed secret masked, in keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Secret):
            return MASK
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value
