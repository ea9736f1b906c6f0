"""``Secret``: a value that shows itself only when asked, at the last moment (SPEC §5, DESIGN decision 6)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Final, NoReturn

__all__ = ["MASK", "Secret"]

#: what stands wherever a secret would have been shown
MASK: Final = "********"


class Secret:
    """A text that is secret: in clear, or sealed (encrypted) with the means to open it.

    ``str``, ``repr`` and formatting give a mask; pickling and copying into JSON fail. ``reveal()`` gives the text.
    Made in clear by ``Secret("…")``; stores make sealed ones, whose token travels unchanged until revealed.
    """

    __slots__ = ("_clear", "_open", "_token")

    def __init__(self, clear: str) -> None:
        if not isinstance(clear, str):
            raise TypeError("a Secret is made of a str")
        self._clear: str | None = clear
        self._token: str | None = None
        self._open: Callable[[str], str] | None = None

    @classmethod
    def sealed(cls, token: str, opener: Callable[[str], str]) -> Secret:
        """A secret known only by its ciphertext ``token``, as text; ``opener`` decrypts it when it is revealed."""
        secret = cls.__new__(cls)
        secret._clear, secret._token, secret._open = None, token, opener
        return secret

    @property
    def token(self) -> str | None:
        """The ciphertext it was read with, as it stands in its document; None for one made in clear."""
        return self._token

    def reveal(self) -> str:
        """The text in clear.

        Raises ``KeyUnavailable`` if it is sealed and cannot be opened with the keys at hand.
        """
        if self._clear is not None:
            return self._clear
        assert self._open is not None
        assert self._token is not None
        return self._open(self._token)

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(*(each.reveal().encode("utf-8", "surrogatepass") for each in (self, other)))

    #: a hash of the clear text would be a fingerprint of it
    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self
