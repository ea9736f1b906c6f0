"""Signing packages and believing their signatures."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from attrs import evolve

from zona_core import Actor, Conflict, NotFound, PermissionDenied, Zona
from zona_core.domain.package_keys import SignatureFinding, SignaturePolicy, SignatureStatus, fingerprint_of
from zona_core.errors import InvalidPackage, status_of
from zona_core.ports.packages import PACKAGE_VERSION, PackageSummary, Signature
from zona_core.usecases._signatures import signed_bytes, signer, verified
from zona_signing._ed25519 import Ed25519

DIGEST = hashlib.sha256(b"records").digest()
SCHEME = Ed25519()
FOREIGN = SCHEME.new_pair()
REQUIRED, CHECKED, IGNORED = SignaturePolicy


def context_of(zona: Zona, code: str = "localhost", *permissions: str) -> Any:
    """Where use-cases run in a tenant; with permissions, in the name of an actor who has just these."""
    actor = Actor(name="ann", permissions=frozenset(permissions)) if permissions else None
    return zona.tenant(code, actor=actor)._context


def package(signature: Signature | None, digest: bytes = DIGEST) -> PackageSummary:
    return PackageSummary(version=PACKAGE_VERSION, apps=1, records=2, digest=digest, signature=signature)


def foreign(digest: bytes = DIGEST) -> Signature:
    """What somebody else's installation makes of a digest."""
    value = SCHEME.sign(FOREIGN.private, signed_bytes(digest))
    return Signature(algorithm="ed25519", key=fingerprint_of(FOREIGN.public), value=value)


def refused(zona: Zona, signature: Signature | None, policy: SignaturePolicy, digest: bytes = DIGEST) -> InvalidPackage:
    with pytest.raises(InvalidPackage) as caught:
        verified(context_of(zona), package(signature, digest), policy)
    return caught.value


def test_a_signature_is_of_these_bytes(zona: Zona) -> None:
    """``zona-package``, a line feed and the digest, as ``docs/packages.md`` says: any Ed25519 library verifies it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = zona.tenant().package_keys.create("releases")
    signature = signer(context_of(zona), "releases")(DIGEST)
    assert (signature.algorithm, signature.key, len(signature.value)) == ("ed25519", key.fingerprint, 64)
    public = Ed25519PublicKey.from_public_bytes(SCHEME.public_of_text(key.public))
    public.verify(signature.value, b"zona-package\n" + DIGEST)


def test_an_own_signature_is_believed(zona: Zona) -> None:
    """By every policy that looks at it; the finding tells the key."""
    key = zona.tenant().package_keys.create("releases")
    signature = signer(context_of(zona), key.fingerprint)(DIGEST)
    for policy in (REQUIRED, CHECKED):
        assert verified(context_of(zona), package(signature), policy) == SignatureFinding(
            status=SignatureStatus.VALID, fingerprint=key.fingerprint, name="releases", own=True
        )


def test_a_trusted_signature_is_believed(zona: Zona) -> None:
    """Once the key is trusted, until it is removed."""
    keys = zona.tenant().package_keys
    error = refused(zona, foreign(), CHECKED)
    assert (error.code, status_of(error)) == ("signature_unknown", 422)
    assert fingerprint_of(FOREIGN.public) in error.message
    assert "zona keys trust" in error.hint
    keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    finding = verified(context_of(zona), package(foreign()), REQUIRED)
    assert (finding.status, finding.name, finding.own) == (SignatureStatus.VALID, "partner", False)
    keys.remove("partner")
    assert refused(zona, foreign(), REQUIRED).code == "signature_unknown"


def test_a_key_that_another_tenant_trusts_is_unknown_here(zona: Zona) -> None:
    """Trust is a tenant's own affair."""
    zona.system().tenants.add("acme")
    zona.tenant("acme").package_keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    assert verified(context_of(zona, "acme"), package(foreign()), REQUIRED).name == "partner"
    assert refused(zona, foreign(), CHECKED).code == "signature_unknown"


def test_a_retired_key_signs_no_more_and_is_still_believed(zona: Zona) -> None:
    """What it signed before counts; a new signature is refused; removed, it is not known."""
    keys = zona.tenant().package_keys
    keys.create("releases")
    signature = signer(context_of(zona), "releases")(DIGEST)
    keys.retire("releases")
    assert verified(context_of(zona), package(signature), REQUIRED).name == "releases"
    with pytest.raises(Conflict) as caught:
        signer(context_of(zona), "releases")
    assert caught.value.code == "key_retired"
    keys.remove("releases")
    assert refused(zona, signature, CHECKED).code == "signature_unknown"


def test_only_an_own_key_signs(zona: Zona) -> None:
    """Somebody else's does not, nor one that is not there."""
    zona.tenant().package_keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    with pytest.raises(Conflict) as caught:
        signer(context_of(zona), "partner")
    assert caught.value.code == "key_not_own"
    with pytest.raises(NotFound):
        signer(context_of(zona), "nobody")


def test_signing_needs_a_permission_of_its_own(zona: Zona) -> None:
    """``package_keys:sign``; whoever lacks it does not even learn which keys there are."""
    zona.tenant().package_keys.create("releases")
    others = ("package_keys:read", "package_keys:write", "package_keys:delete", "apps:*")
    for name in ("releases", "nobody"):
        with pytest.raises(PermissionDenied) as caught:
            signer(context_of(zona, "localhost", *others), name)
        assert caught.value.details["permission"] == "package_keys:sign"
    assert len(signer(context_of(zona, "localhost", "package_keys:sign"), "releases")(DIGEST).value) == 64


def test_whoever_imports_needs_no_permission_to_have_signatures_checked(zona: Zona) -> None:
    """The check is the tenant's, not the actor's."""
    zona.tenant().package_keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    assert verified(context_of(zona, "localhost", "apps:write"), package(foreign()), CHECKED).name == "partner"


@pytest.mark.parametrize("policy", [REQUIRED, CHECKED])
def test_a_forged_signature_is_refused(zona: Zona, policy: SignaturePolicy) -> None:
    """Of another digest, by another key, of the bare digest, by another algorithm, or rubbish."""
    zona.tenant().package_keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    good = foreign()
    forged = [
        (good, hashlib.sha256(b"other records").digest()),
        (evolve(good, value=SCHEME.sign(SCHEME.new_pair().private, signed_bytes(DIGEST))), DIGEST),
        (evolve(good, value=SCHEME.sign(FOREIGN.private, DIGEST)), DIGEST),
        (evolve(good, algorithm="none"), DIGEST),
        (evolve(good, algorithm="Ed25519"), DIGEST),
        (evolve(good, value=b""), DIGEST),
        (evolve(good, value=bytes(64)), DIGEST),
        (evolve(good, value=good.value + b"\0"), DIGEST),
    ]
    for signature, digest in forged:
        error = refused(zona, signature, policy, digest)
        assert (error.code, status_of(error)) == ("signature_invalid", 422)


@pytest.mark.parametrize("key", ["", "partner", "../x", "\ud800", "A" * 64, "0" * 63, "0" * 64 + "\n", "$ne"])
def test_a_signature_that_names_no_key_is_refused(zona: Zona, key: str) -> None:
    """Only a fingerprint names one: a name that somebody chose for its own key is not looked up."""
    zona.tenant().package_keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    assert refused(zona, evolve(foreign(), key=key), CHECKED).code == "signature_invalid"


def test_a_package_without_a_signature_is_refused_only_where_one_is_required(zona: Zona) -> None:
    """The other policies say that there is none."""
    assert refused(zona, None, REQUIRED).code == "signature_missing"
    for policy in (CHECKED, IGNORED):
        assert verified(context_of(zona), package(None), policy) == SignatureFinding(status=SignatureStatus.MISSING)


def test_what_is_ignored_is_not_looked_at(zona: Zona) -> None:
    """Nor called valid, be it good, unknown or rubbish: the finding tells what the package claims."""
    zona.tenant().package_keys.trust("partner", SCHEME.public_text(FOREIGN.public))
    for signature in (foreign(), evolve(foreign(), value=b"", key="nonsense")):
        assert verified(context_of(zona), package(signature), IGNORED) == SignatureFinding(
            status=SignatureStatus.UNCHECKED, fingerprint=signature.key
        )
