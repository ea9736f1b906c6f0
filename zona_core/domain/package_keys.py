"""The keys of packages: a tenant's own, which sign, and those of others that it trusts (SPEC §4.2, §4.3)."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

__all__ = [
    "FINGERPRINT",
    "PackageKey",
    "SignatureFinding",
    "SignaturePolicy",
    "SignatureStatus",
    "fingerprint_of",
]

#: what a fingerprint looks like; no key's name does
FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}\Z")


@define(kw_only=True, on_setattr=setters.frozen)
class PackageKey:
    """A key that signatures of packages are verified with; one of the tenant's own also makes them."""

    #: SHA-256 of the raw public key, in hexadecimal
    fingerprint: str
    #: unique in the tenant
    name: str
    #: name of the signature scheme
    algorithm: str
    #: the public key as PEM (SubjectPublicKeyInfo, RFC 5280 §4.1)
    public: str
    #: whether it was made here; otherwise it is somebody else's, and trusted
    own: bool
    #: ``private``: PEM (PKCS #8, RFC 5958), a ``Secret``; nothing for another's key and for one that is retired
    secrets: dict[str, Any] = Factory(dict)
    #: since when it signs no more; what it signed before still counts
    retired_ts: datetime | None = None
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


class SignaturePolicy(StrEnum):
    """What is asked of a package's signature."""

    #: there is one, valid and by a key that is known here
    REQUIRED = "required"
    #: if there is one, it is valid and by a key that is known here
    CHECKED = "checked"
    #: nothing; it is not looked at
    IGNORED = "ignored"


class SignatureStatus(StrEnum):
    """What came of looking at a package's signature."""

    #: there is none
    MISSING = "missing"
    #: it is valid and by a key that is known here
    VALID = "valid"
    #: there is one, at which nobody looked
    UNCHECKED = "unchecked"
    #: there is one, by a key that is not known here; only an inspection tells it, for all else it is a refusal
    UNKNOWN = "unknown"


@define(frozen=True, kw_only=True)
class SignatureFinding:
    """What is known of a package's signature."""

    status: SignatureStatus
    #: of the key that made it; for one that is not known to be valid, of the key that the package claims
    fingerprint: str = ""
    #: what that key is called here; empty unless the signature is valid
    name: str = ""
    #: whether that key is the tenant's own
    own: bool = False


def fingerprint_of(public: bytes) -> str:
    """The fingerprint of a raw public key."""
    return hashlib.sha256(public).hexdigest()
