"""Signing packages and believing their signatures (SPEC §4.2, §4.3): what the use-cases for packages stand on.

What is signed is not the bare digest: the text before it keeps a signature from counting as one of anything else that
the same key might sign one day.
"""

from __future__ import annotations

from typing import Final

from zona_core.domain.package_keys import FINGERPRINT, PackageKey, SignatureFinding, SignaturePolicy, SignatureStatus
from zona_core.errors import Conflict, InvalidPackage, NotFound
from zona_core.persistence.database import TenantData
from zona_core.ports.packages import PackageSummary, Signature, Signer
from zona_core.usecases._area import TenantContext, lacking

__all__ = ["PRIVATE", "SIGN", "inspected", "not_own", "package_key_of", "signed_bytes", "signer", "verified"]

#: what an actor needs to sign in the tenant's name
SIGN: Final = "package_keys:sign"
#: the name of the private key among a key's secrets
PRIVATE: Final = "private"
_PREFIX: Final = b"zona-package\n"


def signed_bytes(digest: bytes) -> bytes:
    """What a signature of the package with that digest (SHA-256, 32 bytes) is one of."""
    return _PREFIX + digest


def package_key_of(data: TenantData, ref: str) -> PackageKey:
    """The package key with that name or fingerprint; raises ``NotFound``."""
    key = data.package_keys.get(ref) if FINGERPRINT.match(ref) else data.package_keys.one({"name": ref})
    if key is None:
        raise NotFound(
            f"there is no package key {ref!r}", collection="package_keys", hint="zona keys list shows those there are"
        )
    return key


def signer(context: TenantContext, ref: str) -> Signer:
    """What signs packages with the tenant's own key of that name or fingerprint; the key is opened for each signature.

    Raises ``PermissionDenied`` without ``package_keys:sign``, ``NotFound``, and ``Conflict``: ``key_not_own``,
    ``key_retired``. Signing raises ``KeyUnavailable`` if the stored key cannot be opened.
    """
    if not context.actor.may(SIGN):
        raise lacking(context.actor, SIGN)
    key = package_key_of(context.data, ref)
    if not key.own:
        raise not_own(key)
    if key.retired_ts is not None:
        raise Conflict(
            f"the package key {key.name} is retired: it signs no more",
            code="key_retired",
            hint="zona keys create makes another",
        )
    scheme, private = context.parts.signature_scheme(), key.secrets[PRIVATE]

    def sign(digest: bytes) -> Signature:
        value = scheme.sign(scheme.pair_of_text(private.reveal()).private, signed_bytes(digest))
        return Signature(algorithm=key.algorithm, key=key.fingerprint, value=value)

    return sign


def verified(context: TenantContext, summary: PackageSummary, policy: SignaturePolicy) -> SignatureFinding:
    """What is to be made of a package's signature, after its digest was checked.

    Raises ``InvalidPackage``: ``signature_missing`` (only if it is required), ``signature_unknown`` for one by a key
    that is neither the tenant's own nor trusted, ``signature_invalid`` for one that the key has not made.
    """
    signature = summary.signature
    if signature is None:
        if policy is SignaturePolicy.REQUIRED:
            raise InvalidPackage(
                "the package is not signed, and a signature is required",
                code="signature_missing",
                hint="ask its maker for a signed one",
            )
        return SignatureFinding(status=SignatureStatus.MISSING)
    if policy is SignaturePolicy.IGNORED:
        return SignatureFinding(status=SignatureStatus.UNCHECKED, fingerprint=signature.key)
    key = _maker(context.data, signature)
    scheme = context.parts.signature_scheme()
    if signature.algorithm != key.algorithm or not scheme.verify(
        scheme.public_of_text(key.public), signed_bytes(summary.digest), signature.value
    ):
        raise _invalid(
            f"the signature was not made with the key {key.name} for what is in the package", key.fingerprint
        )
    return SignatureFinding(status=SignatureStatus.VALID, fingerprint=key.fingerprint, name=key.name, own=key.own)


def inspected(context: TenantContext, summary: PackageSummary) -> SignatureFinding:
    """What is known of a package's signature, where nothing hangs on it.

    Raises ``InvalidPackage``: ``signature_invalid``. That its key is not known here is told.
    """
    try:
        return verified(context, summary, SignaturePolicy.CHECKED)
    except InvalidPackage as exc:
        if exc.code != "signature_unknown" or summary.signature is None:
            raise
        return SignatureFinding(status=SignatureStatus.UNKNOWN, fingerprint=summary.signature.key)


def not_own(key: PackageKey) -> Conflict:
    """The error for what only a key of the tenant's own can do."""
    return Conflict(
        f"the package key {key.name} is somebody else's, whose public part alone is known here", code="key_not_own"
    )


def _maker(data: TenantData, signature: Signature) -> PackageKey:
    """The key that the signature says it was made with."""
    if not FINGERPRINT.match(signature.key):
        raise _invalid("the signature does not name a key by its fingerprint")
    key = data.package_keys.get(signature.key)
    if key is None:
        raise InvalidPackage(
            f"the package is signed with a key that is not trusted here: {signature.key}",
            code="signature_unknown",
            hint="if it is its maker's, zona keys trust NAME FILE takes the public key",
            fingerprint=signature.key,
        )
    return key


def _invalid(why: str, fingerprint: str = "") -> InvalidPackage:
    return InvalidPackage(
        why, code="signature_invalid", hint="do not use it: get the package anew", fingerprint=fingerprint
    )
