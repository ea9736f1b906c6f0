"""The ports of authentication: password hashes, signed tokens, one-time codes (SPEC §5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from zona_core.domain.identity import SigningKey

__all__ = ["OneTimeCodes", "PasswordHasher", "TokenSigner"]


class PasswordHasher(Protocol):
    """Hashes that are slow on purpose. Safe to use from several threads."""

    def hash(self, password: str) -> str:
        """A salted hash with its parameters, as PHC text."""

    def verify(self, password: str, encoded: str) -> bool:
        """Whether ``encoded`` is a hash of ``password``, in a time that does not depend on the answer.

        False for what is no hash at all.
        """

    def outdated(self, encoded: str) -> bool:
        """Whether ``encoded`` was made with other parameters than ``hash`` uses now."""


class TokenSigner(Protocol):
    """JSON Web Tokens (RFC 7519) of one algorithm. Safe to use from several threads."""

    #: the ``alg`` of RFC 7518
    algorithm: str

    def new_key(self, kid: str, now: datetime) -> SigningKey:
        """A new active key."""

    def sign(self, claims: Mapping[str, Any], key: SigningKey) -> str:
        """A token with ``kid`` in its header; ``exp``, ``iat`` and ``nbf`` are seconds since 1970."""

    def verify(self, token: str, key: SigningKey) -> dict[str, Any]:
        """The claims of a token that ``key`` signed with this algorithm. Times are not judged.

        Raises ``Unauthenticated`` with code ``token_malformed`` or ``token_unknown`` (the signature is not this key's).
        """


class OneTimeCodes(Protocol):
    """Time-based one-time passwords (RFC 6238)."""

    def new_secret(self) -> str:
        """A new shared secret in base32."""

    def uri(self, secret: str, account: str, issuer: str) -> str:
        """The ``otpauth://`` URI that authenticator apps read."""

    def step(self, secret: str, code: str, at: datetime) -> int | None:
        """The time step that ``code`` belongs to: the current one or one beside it (RFC 6238 §5.2); else None."""
