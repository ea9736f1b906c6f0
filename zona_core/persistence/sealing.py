"""Secrets on their way into documents and out: sealed by the tenant's cipher, bound to their place.

The associated data is tenant, collection, document key and field path, so that a ciphertext moved elsewhere does not
open (SPEC §5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from zona_core.domain.secrets import Secret
from zona_core.errors import KeyUnavailable
from zona_core.ports.cipher import FieldCipher
from zona_core.ports.store import Document

__all__ = ["SEALED", "Sealer"]

#: the single key of the object that stands for a secret in a document
SEALED: Final = "$sealed"


class Sealer:
    """Seals and unseals the secrets of one tenant's collection.

    ``cipher`` is a function, so that a store without secrets needs no master key.
    """

    def __init__(
        self, cipher: Callable[[], FieldCipher], tenant_code: str, collection: str, attributes: tuple[str, ...]
    ) -> None:
        self._cipher = cipher
        self._place = (tenant_code, collection)
        self._attributes = attributes

    def seal(self, document: Document) -> Document:
        """``document`` with every ``Secret`` in the attributes replaced by ``{"$sealed": token}``."""
        for attribute in self._attributes:
            values = document.get(attribute)
            if values:
                document[attribute] = {
                    name: self._sealed(document["_id"], f"{attribute}.{name}", value)
                    if isinstance(value, Secret)
                    else value
                    for name, value in values.items()
                }
        return document

    def unseal(self, document: Document) -> Document:
        """``document`` with every ``{"$sealed": token}`` replaced by a ``Secret`` that opens when revealed."""
        for attribute in self._attributes:
            for name, value in document.get(attribute, {}).items():
                if isinstance(value, dict) and value.keys() == {SEALED}:
                    context = self._context(document["_id"], f"{attribute}.{name}")
                    document[attribute][name] = Secret.sealed(value[SEALED], self._opener(context))
        return document

    def _sealed(self, key: str, path: str, secret: Secret) -> dict[str, Any]:
        context = self._context(key, path)
        token = secret.token
        if token is not None and self._opens_here(token, context):
            return {SEALED: token}
        return {SEALED: self._cipher().seal(secret.reveal(), context)}

    def _opens_here(self, token: str, context: bytes) -> bool:
        """Whether an unchanged secret is being written back to its own place; one from elsewhere is sealed anew."""
        try:
            self._cipher().open(token, context)
        except KeyUnavailable:
            return False
        return True

    def _opener(self, context: bytes) -> Callable[[str], str]:
        return lambda token: self._cipher().open(token, context)

    def _context(self, key: str, path: str) -> bytes:
        return b"".join(
            len(part).to_bytes(4, "big") + part for part in (text.encode() for text in (*self._place, key, path))
        )
