"""AES-256-GCM with a key for each tenant.

Keys, all by HKDF-SHA256 (RFC 5869) from a 32-byte master key, told apart by ``info``::

    key id       4 bytes, shown as 8 hexadecimal digits    info = "zona field cipher 1: key id"
    tenant key   32 bytes                                  info = "zona field cipher 1: tenant key " + tenant code

The key id tells nothing of the master key and needs no register. A token is bytes::

    offset 0    1 byte      version of all this: 01
           1    4 bytes     key id
           5    12 bytes    nonce
           17   n bytes     ciphertext, as long as the text in UTF-8
           17+n 16 bytes    tag

The associated data are the caller's context: the place is authenticated. Version and master key need not be in it: both
have gone into the tenant key, with which alone the token opens.

A keyring has any number of master keys: the first seals, all of them open. That is what rotation needs: put a new key
first, seal again what names an older id, drop the older key. A scheme in which a tenant's key is random and wrapped by
the master key (so that forgetting it shreds the tenant's secrets) would be another version beside this one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from os import urandom
from threading import Lock
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zona_core.errors import InvalidInput, KeyUnavailable

__all__ = ["KEY_BYTES", "AesGcmKeyring", "TenantCipher"]

#: length of a master key and of a tenant key
KEY_BYTES: Final = 32

_VERSION: Final = b"\x01"
_ID_BYTES: Final = 4
# NOTE: a nonce may never come twice under one key. Random ones of 96 bits are safe for 2**32 seals by a key
# (NIST SP 800-38D §8.3). Each tenant has a key of its own, so the bound is four thousand million seals per tenant and
# master key. They come from the kernel, so that forked processes do not share them.
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_NONCE_AT: Final = len(_VERSION) + _ID_BYTES
_SEALED_AT: Final = _NONCE_AT + _NONCE_BYTES
_LEAST_BYTES: Final = _SEALED_AT + _TAG_BYTES

# NOTE: slices made once, and of bytes: either is measurably faster than a[i:j], and than a memoryview, on each opening.
_HEADER: Final = slice(_NONCE_AT)
_NONCE: Final = slice(_NONCE_AT, _SEALED_AT)
_SEALED: Final = slice(_SEALED_AT, None)

_ID_INFO: Final = b"zona field cipher 1: key id"
_TENANT_INFO: Final = b"zona field cipher 1: tenant key "

_Decrypt = Callable[[bytes, bytes, bytes], bytes]


class TenantCipher:
    """One tenant's ``FieldCipher``. Holds no state but keys: safe to use from several threads and after a fork.

    ``keys`` are (key id, tenant key) pairs, the sealing one first.
    """

    __slots__ = ("_decrypts", "_encrypt", "_header")

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        # What every call needs is made here once; opening and sealing are on the path of every run.
        self._decrypts: dict[bytes, _Decrypt] = {}
        for key_id, key in reversed(keys):
            self._header = _VERSION + bytes.fromhex(key_id)
            aead = AESGCM(key)
            self._encrypt = aead.encrypt
            self._decrypts[self._header] = aead.decrypt

    def seal(self, clear: str, context: bytes) -> bytes:
        """The token for ``clear`` at the place that ``context`` names; two calls give two tokens.

        Raises ``InvalidInput`` for a text with lone surrogates, which has no UTF-8 form.
        """
        try:
            nonce = urandom(_NONCE_BYTES)
            return self._header + nonce + self._encrypt(nonce, clear.encode(), context)
        except UnicodeEncodeError:
            pass  # It holds the text in clear: not even as the context of another exception does it go further.
        raise InvalidInput("A secret text has characters (lone surrogates) that UTF-8 cannot encode.")

    def open(self, token: bytes, context: bytes) -> str:
        """The text in clear.

        Raises ``KeyUnavailable``: ``key_unknown`` if the token names a key that is not in the keyring (``details``:
        ``key_id``), ``secret_damaged`` if token or context are not those it was sealed with.
        """
        try:
            return self._decrypts[token[_HEADER]](token[_NONCE], token[_SEALED], context).decode()
        except (KeyError, InvalidTag, ValueError):
            pass  # Raised from here, the refusal would carry the cause along; a UnicodeDecodeError holds the text.
        raise self._refusal(token)

    def __repr__(self) -> str:
        return f"<TenantCipher, key {_key_id(self._header)}>"

    def _refusal(self, token: bytes) -> KeyUnavailable:
        header = token[_HEADER]
        if header in self._decrypts or not token.startswith(_VERSION) or len(token) < _LEAST_BYTES:
            return KeyUnavailable(
                "A secret cannot be opened: "
                "it was altered, or it stands in another place than the one it was sealed for.",
                code="secret_damaged",
            )
        key_id = _key_id(header)
        return KeyUnavailable(
            f"A secret was sealed with the master key {key_id}, which is not in the keyring.",
            code="key_unknown",
            hint=f"Add the master key {key_id} after the current one.",
            key_id=key_id,
        )


class AesGcmKeyring:
    """Master keys, and the cipher of each tenant.

    The first of ``master_keys`` seals, all of them open. The ciphers of the ``capacity`` tenants last asked for are
    kept, the same object for the same tenant. Safe to use from several threads.

    Raises ``KeyUnavailable``: ``master_key_missing`` (none), ``master_key_invalid`` (not 32 bytes long, or two keys
    with one id).
    """

    __slots__ = ("_capacity", "_ciphers", "_lock", "_masters")

    def __init__(self, master_keys: Sequence[bytes], *, capacity: int = 1024) -> None:
        if not master_keys:
            raise KeyUnavailable("There is no master key.", code="master_key_missing")
        if any(len(key) != KEY_BYTES for key in master_keys):
            raise KeyUnavailable(f"A master key is not {KEY_BYTES} bytes long.", code="master_key_invalid")
        distinct = list(dict.fromkeys(master_keys))
        self._masters = {_derived(key, _ID_INFO, _ID_BYTES).hex(): key for key in distinct}
        if len(self._masters) < len(distinct):
            raise KeyUnavailable("Two different master keys have one key id.", code="master_key_invalid")
        self._capacity = capacity
        self._ciphers: OrderedDict[str, TenantCipher] = OrderedDict()
        self._lock = Lock()

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the master keys, the sealing one first."""
        return tuple(self._masters)

    def for_tenant(self, tenant_code: str) -> TenantCipher:
        """The tenant's cipher; the same object for the same tenant while it is kept."""
        with self._lock:
            kept = self._ciphers.get(tenant_code)
            if kept is not None:
                self._ciphers.move_to_end(tenant_code)
                return kept
        made = self._make(tenant_code)  # outside the lock: others need not wait for a derivation
        with self._lock:
            cipher = self._ciphers.setdefault(tenant_code, made)
            self._ciphers.move_to_end(tenant_code)
            while len(self._ciphers) > self._capacity:
                self._ciphers.popitem(last=False)
            return cipher

    def _make(self, tenant_code: str) -> TenantCipher:
        info = _TENANT_INFO + tenant_code.encode()
        return TenantCipher([(key_id, _derived(key, info, KEY_BYTES)) for key_id, key in self._masters.items()])

    def __repr__(self) -> str:
        return f"<AesGcmKeyring, keys {', '.join(self._masters)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring is not pickled")


def _derived(master_key: bytes, info: bytes, length: int) -> bytes:
    # No salt: the master key is uniformly random already (RFC 5869 §3.1).
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(master_key)


def _key_id(header: bytes) -> str:
    return header[len(_VERSION) :].hex()
