"""Secrets on their way into documents and out: sealed by the tenant's cipher, bound to their place.

The associated data is tenant, collection, document key and field path, so that a ciphertext moved elsewhere does not
open (SPEC §5). Documents are of JSON types, which have no bytes: a token stands in them in base64 (RFC 4648 §4).
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput, KeyUnavailable
from zona_core.ports.cipher import FieldCipher
from zona_core.ports.store import Document

__all__ = ["SEALED", "Sealer", "in_form"]

#: the single key of the object that stands for a secret in a document
SEALED: Final = "$sealed"


class Sealer:
    """Seals and unseals the secrets of one tenant's collection.

    ``native`` says that documents can hold bytes: a token stands in them as it is, else in base64. ``cipher`` is a
    function, so that a store without secrets needs no master key.
    """

    def __init__(
        self,
        cipher: Callable[[], FieldCipher],
        tenant_code: str,
        collection: str,
        attributes: tuple[str, ...],
        *,
        native: bool = False,
    ) -> None:
        self._cipher = cipher
        self._native = native
        self._place = _framed(tenant_code) + _framed(collection)
        self._attributes = attributes

    def seal(self, document: Document) -> Document:
        """``document`` with every ``Secret`` in the attributes replaced by ``{"$sealed": base64 of the token}``.

        A secret that was read from this very place keeps its token. Raises ``KeyUnavailable``, and
        ``InvalidInput`` for a plain value that would read back as a secret.
        """
        for attribute in self._attributes:
            values = document.get(attribute)
            if values:
                document[attribute] = {
                    name: self._sealed(document["_id"], f"{attribute}.{name}", value)
                    if isinstance(value, Secret)
                    else _plain(f"{attribute}.{name}", value)
                    for name, value in values.items()
                }
        return document

    def unseal(self, document: Document) -> Document:
        """``document`` with what ``seal`` put there replaced by a ``Secret``, decoded and opened when it is revealed.

        Revealing raises ``KeyUnavailable``; its code is ``secret_damaged`` also for what is not base64.
        """
        for attribute in self._attributes:
            for name, value in document.get(attribute, {}).items():
                if _is_sealed(value):
                    text = _text_of(value[SEALED])
                    opener = partial(self._opened, document["_id"], f"{attribute}.{name}")
                    # What is no text is damaged as an empty one is: reading the document does not fail for it.
                    document[attribute][name] = Secret.sealed(text, opener)
        return document

    def _sealed(self, key: str, path: str, secret: Secret) -> dict[str, Any]:
        text = secret.token
        if text is None or not self._opens_here(key, path, text):
            token = self._cipher().seal(secret.reveal(), self._context(key, path))
            text = b2a_base64(token, newline=False).decode()
        return _stored(text, native=self._native)

    def _opens_here(self, key: str, path: str, text: str) -> bool:
        """Whether an unchanged secret is being written back to its own place; one from elsewhere is sealed anew.

        Only opening it tells: the same place of another store may be under other master keys.
        """
        try:
            self._opened(key, path, text)
        except KeyUnavailable:
            return False
        return True

    def _opened(self, key: str, path: str, text: str) -> str:
        return self._cipher().open(_token(text), self._context(key, path))

    def _context(self, key: str, path: str) -> bytes:
        return self._place + _framed(key) + _framed(path)


def in_form(values: dict[str, Any], *, native: bool) -> dict[str, Any]:
    """An attribute's values with every sealed secret in the form of a store, as ``native`` says; nothing is opened."""
    return {
        name: _stored(_text_of(value[SEALED]), native=native) if _is_sealed(value) else value
        for name, value in values.items()
    }


def _stored(text: str, *, native: bool) -> dict[str, Any]:
    return {SEALED: a2b_base64(text) if native else text}


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {SEALED}


def _framed(text: str) -> bytes:
    """``text`` after its length: no two lists of parts run together into the same bytes."""
    data = text.encode()
    return len(data).to_bytes(4, "big") + data


def _text_of(stored: Any) -> str:
    """A token as text, in whichever form it is stored."""
    if isinstance(stored, bytes):
        return b2a_base64(stored, newline=False).decode()
    return stored if isinstance(stored, str) else ""


def _token(text: str) -> bytes:
    # Surplus padding, which the strict mode lets pass, hides nothing: the token itself is authenticated.
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        pass  # Raised from here, the refusal would carry the cause along.
    raise KeyUnavailable("A secret cannot be opened: what is stored is not base64.", code="secret_damaged")


def _plain(path: str, value: Any) -> Any:
    if _is_sealed(value):
        raise InvalidInput.of(
            [Fault(path, f"an object with the one key {SEALED} stands for a secret", "another value")]
        )
    return value
