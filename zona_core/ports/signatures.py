"""The signature port: digital signatures of packages and licences."""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

__all__ = ["KeyPair", "SignatureScheme"]


@define(frozen=True, kw_only=True)
class KeyPair:
    """A signing key and the public key that its signatures are verified with, both in the scheme's raw form."""

    private: bytes = field(repr=False)
    public: bytes


class SignatureScheme(Protocol):
    """One way to sign (``ed25519``: RFC 8032). Deterministic: the same key and message give the same signature."""

    def new_pair(self) -> KeyPair:
        """A new pair of keys."""

    def sign(self, private: bytes, message: bytes) -> bytes:
        """The signature of ``message``; raises ``InvalidInput`` for what is no key."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` was made of ``message`` by the key of ``public``; False for any rubbish."""

    def public_text(self, public: bytes) -> str:
        """The public key as PEM (SubjectPublicKeyInfo, RFC 5280 §4.1)."""

    def public_of_text(self, text: str) -> bytes:
        """The raw public key in a PEM text; raises ``InvalidInput``."""

    def private_text(self, private: bytes) -> str:
        """The private key as PEM (PKCS #8, RFC 5958), unencrypted."""

    def pair_of_text(self, text: str) -> KeyPair:
        """The pair of a private key in a PEM text; raises ``InvalidInput``."""
