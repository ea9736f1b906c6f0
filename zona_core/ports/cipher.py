"""The field cipher port (SPEC §5)."""

from __future__ import annotations

from typing import Protocol

__all__ = ["FieldCipher", "Keyring"]


class FieldCipher(Protocol):
    """Seals and opens one tenant's secret texts.

    A token names its format version and key, so that keys can rotate while older tokens stay readable. It is bytes; who
    keeps it in a text encodes it. ``context`` (the associated data) says where the value stands; a token opened with
    another context fails.
    """

    def seal(self, clear: str, context: bytes) -> bytes:
        """The token for ``clear``; two calls give two tokens."""

    def open(self, token: bytes, context: bytes) -> str:
        """The text in clear.

        Raises ``KeyUnavailable``: ``key_unknown`` (made with a key not at hand), ``secret_damaged`` (token or
        context altered).
        """


class Keyring(Protocol):
    """Master keys; each tenant's keys are derived from them. Safe to use from several threads."""

    def for_tenant(self, tenant_code: str) -> FieldCipher:
        """The tenant's cipher; the same object for the same tenant (derived keys are kept)."""
