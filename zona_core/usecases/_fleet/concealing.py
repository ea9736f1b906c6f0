"""Keeping secrets out of what engines and hooks say."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable

from zona_core.domain.secrets import MASK

__all__ = ["Conceal", "concealing", "traced"]

#: gives a text without any secret in it
Conceal = Callable[[str], str]

#: characters that a secret, or a line of one, has at least to be looked for: a shorter one is in every other word
_SHORTEST = 4


def concealing(secrets: Iterable[bytes]) -> Conceal:
    """What masks these secrets, and each line of one that has several, wherever they stand in a text."""
    texts = {secret.decode("utf-8", "replace") for secret in secrets}
    lines = {line.strip() for text in texts for line in text.splitlines()}
    hidden = sorted((each for each in texts | lines if len(each) >= _SHORTEST), key=len, reverse=True)

    def conceal(text: str) -> str:
        for each in hidden:
            text = text.replace(each, MASK)
        return text

    return conceal


def traced(error: BaseException) -> str:
    """Where an unforeseen error comes from, for a log: its class and the way there, not what it says."""
    return "".join((type(error).__name__, "\n", *traceback.format_tb(error.__traceback__))).rstrip()
