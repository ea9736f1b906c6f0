"""Signers of access tokens (JSON Web Tokens, RFC 7519): ``EdDSA`` (Ed25519, RFC 8037) and ``HS256`` (RFC 7518 §3.2).

Each signer knows one algorithm and no other: a token whose header names another one, ``none`` included, is refused
before any key is looked at (RFC 8725 §3.1). Keys are parsed once and kept.
"""

from __future__ import annotations

import binascii
import os
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any, Final, Generic, TypeVar

import orjson
from attrs import define
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt import InvalidAlgorithmError, InvalidSignatureError, InvalidTokenError, PyJWS
from jwt.algorithms import Algorithm, HMACAlgorithm, OKPAlgorithm

from zona_core.domain.identity import SigningKey
from zona_core.domain.secrets import Secret
from zona_core.errors import InvalidInput, KeyUnavailable, Unauthenticated

__all__ = ["EdDsaSigner", "Hs256Signer"]

#: the attribute of ``SigningKey.secrets`` that holds the key
_PRIVATE: Final = "private"
_HMAC_BYTES: Final = 32
#: characters; ours have a few hundred, and longer ones are not worth decoding
_LONGEST_TOKEN: Final = 8192
#: an installation has one active key and a few that still verify
_KEYS_KEPT: Final = 64

#: a datetime would become a text, where RFC 7519 §2 has a number
_STRICT: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

K = TypeVar("K")


@define(frozen=True)
class _Pair:
    """What an Ed25519 key signs with and what it verifies with."""

    private: Ed25519PrivateKey
    # NOTE: always derived from the private key, which is sealed. SigningKey.public lies open in the store: whoever
    # could replace it there could sign tokens.
    public: Ed25519PublicKey


class _Ed25519(OKPAlgorithm):
    """PyJWT's EdDSA on keys that are parsed already."""

    def prepare_key(self, key: Any) -> Any:
        return key


class _HmacSha256(HMACAlgorithm):
    """PyJWT's HS256 on keys that are checked already: its own check parses the key as JSON and DER each time."""

    def __init__(self) -> None:
        super().__init__(HMACAlgorithm.SHA256)

    def prepare_key(self, key: Any) -> Any:
        return key


class _Keys(Generic[K]):
    """Parsed keys by ``kid``. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[Secret, K]] = OrderedDict()
        self._lock = Lock()

    def get(self, kid: str, secret: Secret) -> K | None:
        """What was parsed from this very ``secret``: another one under the same id is another key."""
        kept = self._kept.get(kid)
        return kept[1] if kept is not None and kept[0] is secret else None

    def put(self, kid: str, secret: Secret, parsed: K) -> None:
        with self._lock:
            self._kept[kid] = (secret, parsed)
            self._kept.move_to_end(kid)
            while len(self._kept) > _KEYS_KEPT:
                self._kept.popitem(last=False)


class _Signer(ABC, Generic[K]):
    """What both signers share. ``K`` is a parsed key."""

    algorithm: str

    def __init__(self, implementation: Algorithm) -> None:
        self._jws = PyJWS(algorithms=[])  # not even the library's own algorithms are known
        self._jws.register_algorithm(self.algorithm, implementation)
        self._keys: _Keys[K] = _Keys()

    def sign(self, claims: Mapping[str, Any], key: SigningKey) -> str:
        """A token for ``claims`` with ``kid`` in its header.

        Raises ``InvalidInput`` with code ``invalid_claims`` for what JSON cannot hold, ``KeyUnavailable`` with code
        ``signing_key_unusable`` for a key of another algorithm or one that is damaged.
        """
        try:
            payload = orjson.dumps(dict(claims), option=_STRICT)
        except TypeError as exc:
            raise InvalidInput("The claims of a token are not JSON data.", code="invalid_claims") from exc
        return self._jws.encode(payload, self._signing(self._parsed(key)), self.algorithm, headers={"kid": key.kid})

    def verify(self, token: str, key: SigningKey) -> dict[str, Any]:
        """The claims of a token that ``key`` signed. See ``zona_core.ports.identity.TokenSigner``.

        Raises ``Unauthenticated``: ``token_malformed``, ``token_unknown``; ``KeyUnavailable`` as ``sign`` does.
        """
        parsed = self._parsed(key)
        claims = self._claims(token, key.kid, self._verifying(parsed))
        if isinstance(claims, str):  # Raised from here, the refusal carries no library's error along.
            raise Unauthenticated(_REFUSALS[claims], code=claims)
        return claims

    def _claims(self, token: object, kid: str, key: Any) -> dict[str, Any] | str:
        """The claims, or the code of the refusal."""
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            return _MALFORMED
        try:
            found = self._jws.decode_complete(token, key, algorithms=[self.algorithm])
            claims = orjson.loads(found["payload"])
        except (InvalidAlgorithmError, InvalidSignatureError):
            return _UNKNOWN
        except (InvalidTokenError, ValueError):
            return _MALFORMED
        if not isinstance(claims, dict):
            return _MALFORMED
        return claims if found["header"].get("kid") == kid else _UNKNOWN

    def _parsed(self, key: SigningKey) -> K:
        secret = key.secrets.get(_PRIVATE)
        if key.algorithm != self.algorithm or not isinstance(secret, Secret):
            raise _unusable(key, f"it is no {self.algorithm} key")
        parsed = self._keys.get(key.kid, secret)
        if parsed is None:
            parsed = self._loaded(secret.reveal())
            if parsed is None:
                raise _unusable(key, f"what is kept of it is no {self.algorithm} key")
            self._keys.put(key.kid, secret, parsed)
        return parsed

    def _new(self, kid: str, now: datetime, private: str, public: str = "") -> SigningKey:
        return SigningKey(
            kid=kid, algorithm=self.algorithm, secrets={_PRIVATE: Secret(private)}, public=public, created_ts=now
        )

    @abstractmethod
    def _loaded(self, text: str) -> K | None:
        """The key that ``text`` holds; None if it holds none."""

    def _signing(self, parsed: K) -> Any:
        return parsed

    def _verifying(self, parsed: K) -> Any:
        return parsed


class EdDsaSigner(_Signer[_Pair]):
    """Tokens signed by Ed25519 key pairs, kept as PEM (PKCS#8); see ``zona_core.ports.identity.TokenSigner``."""

    algorithm = "EdDSA"

    def __init__(self) -> None:
        super().__init__(_Ed25519())

    def new_key(self, kid: str, now: datetime) -> SigningKey:
        """A new active key pair; ``public`` is PEM (SubjectPublicKeyInfo)."""
        made = Ed25519PrivateKey.generate()
        private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._new(kid, now, private.decode(), public.decode())

    def _loaded(self, text: str) -> _Pair | None:
        try:
            private = load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return None
        return _Pair(private, private.public_key()) if isinstance(private, Ed25519PrivateKey) else None

    def _signing(self, parsed: _Pair) -> Any:
        return parsed.private

    def _verifying(self, parsed: _Pair) -> Any:
        return parsed.public


class Hs256Signer(_Signer[bytes]):
    """Tokens under a shared key of 32 bytes, kept in base64; see ``zona_core.ports.identity.TokenSigner``."""

    algorithm = "HS256"

    def __init__(self) -> None:
        super().__init__(_HmacSha256())

    def new_key(self, kid: str, now: datetime) -> SigningKey:
        """A new active key; it has no public part."""
        return self._new(kid, now, b64encode(os.urandom(_HMAC_BYTES)).decode())

    def _loaded(self, text: str) -> bytes | None:
        try:
            key = b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return None
        return key if len(key) >= _HMAC_BYTES else None  # RFC 7518 §3.2: no shorter than the hash


_MALFORMED: Final = "token_malformed"
_UNKNOWN: Final = "token_unknown"
_REFUSALS: Final[Mapping[str, str]] = {
    _MALFORMED: "The access token is not one of ours: it has another form.",
    _UNKNOWN: "The access token was not signed with a key of this installation.",
}


def _unusable(key: SigningKey, why: str) -> KeyUnavailable:
    return KeyUnavailable(
        f"The signing key {key.kid} cannot be used: {why}.",
        code="signing_key_unusable",
        hint="retire it and make a new one",
        kid=key.kid,
    )
