"""The scheme ``ed25519`` (RFC 8032 §5.1: PureEdDSA over edwards25519), by the library ``cryptography``."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from zona_core.ports.signatures import KeyPair

from ._pem import private_of, public_of, refusal
from ._points import is_public_key

__all__ = ["Ed25519"]

#: of a private key (the seed of RFC 8032 §5.1.5) and of a public one
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


class Ed25519:
    """See ``zona_core.ports.signatures.SignatureScheme``. Raw keys are RFC 8032's 32 bytes each."""

    def new_pair(self) -> KeyPair:
        """A new pair, drawn from the operating system's source of random numbers."""
        return _pair(Ed25519PrivateKey.from_private_bytes(os.urandom(_KEY_BYTES)))

    def sign(self, private: bytes, message: bytes) -> bytes:
        """64 bytes; raises ``InvalidInput`` for what is no key."""
        return _private(private).sign(message)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether the signature is the key's; a key that ``public_of_text`` would refuse has made none."""
        if len(signature) != _SIGNATURE_BYTES or not is_public_key(public):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def public_text(self, public: bytes) -> str:
        """PEM (RFC 8410 §4); raises ``InvalidInput`` for what is no key."""
        _refuse_bad_point(public)
        key = Ed25519PublicKey.from_public_bytes(public)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def public_of_text(self, text: str) -> bytes:
        """The raw key; raises ``InvalidInput``, also for a point that is nobody's key."""
        public = public_of(text).public_bytes_raw()
        _refuse_bad_point(public)
        return public

    def private_text(self, private: bytes) -> str:
        """PEM (RFC 8410 §7), unencrypted; raises ``InvalidInput`` for what is no key."""
        return _private(private).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def pair_of_text(self, text: str) -> KeyPair:
        """The pair; the public key is reckoned from the private one. Raises ``InvalidInput``."""
        return _pair(private_of(text))


def _pair(key: Ed25519PrivateKey) -> KeyPair:
    return KeyPair(private=key.private_bytes_raw(), public=key.public_key().public_bytes_raw())


def _private(raw: bytes) -> Ed25519PrivateKey:
    if len(raw) != _KEY_BYTES:
        raise refusal("private", f"it has {len(raw)} bytes", f"{_KEY_BYTES} bytes")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _refuse_bad_point(public: bytes) -> None:
    if not is_public_key(public):
        raise refusal(
            "public", "it is no point of the curve that could be anybody's key", "an Ed25519 public key of 32 bytes"
        )
