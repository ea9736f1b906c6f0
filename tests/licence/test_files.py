"""Licence files: signed, verified offline, and refused each for its own reason."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zona_core import InvalidLicence, LicenceType, licensing
from zona_core.ports.signatures import SignatureScheme

ROOT = Path(__file__).resolve().parents[2]


def changed(file: str, change: Callable[[dict[str, Any]], Any]) -> str:
    envelope = json.loads(file)
    change(envelope)
    return json.dumps(envelope)


def resigned(vendor: Any, file: str, change: Callable[[dict[str, Any]], Any]) -> str:
    """The file with another content, signed by the vendor as it is."""
    envelope = json.loads(changed(file, change))
    envelope.pop("signature", None)
    text = json.dumps(envelope, sort_keys=True, separators=(",", ":"))
    signature = vendor.scheme.sign(vendor.pair.private, b"zona-licence\n" + text.encode())
    return json.dumps({**envelope, "signature": b64encode(signature).decode()})


def refusal(document: str | bytes, scheme: SignatureScheme) -> InvalidLicence:
    with pytest.raises(InvalidLicence) as caught:
        licensing.read_licence(document, scheme)
    return caught.value


def test_what_was_issued_is_read_again(vendor: Any, clock: Any) -> None:
    """All terms come back, whatever the white space and the order in the file."""
    terms = licensing.draft(
        "Müller & Söhne ☂",
        LicenceType.TRIAL,
        now=clock.now(),
        limits={"max_tenants": None, "max_instances": 0},
        features=["sso", "fleet"],
        terms="see the contract",
        compliance={"soc2": True, "audits": 4, "region": "EU"},
    )
    file = licensing.issue(terms, vendor.private, vendor.scheme)
    assert licensing.read_licence(file, vendor.scheme) == terms
    assert licensing.read_licence(file.encode(), vendor.scheme) == terms
    shuffled = json.dumps(dict(reversed(json.loads(file).items())), ensure_ascii=False)
    assert licensing.read_licence(shuffled, vendor.scheme) == terms
    assert licensing.issue(terms, vendor.private, vendor.scheme) == file


@pytest.mark.parametrize(
    "name",
    [
        "id", "licensee", "type", "max_integrations", "max_instances", "max_tenants", "features", "terms", "issued_at",
        "starts_at", "expires_at", "grace_days", "compliance",
    ],
)  # fmt: skip
def test_no_term_can_be_altered(vendor: Any, name: str) -> None:
    """Whatever is changed, removed or added, the signature does not fit."""
    file = vendor.file()
    for change in (
        lambda envelope: envelope["licence"].update({name: "other"}),
        lambda envelope: envelope["licence"].pop(name),
        lambda envelope: envelope["licence"].update(another=1),
        lambda envelope: envelope.update(note="paid"),
    ):
        assert refusal(changed(file, change), vendor.scheme).code == "licence_forged"


def test_a_signature_is_the_vendors_own(vendor: Any) -> None:
    """One by another key under the vendor's name, or of the same terms for another purpose, does not count."""
    envelope = json.loads(vendor.file())
    signed = {name: value for name, value in envelope.items() if name != "signature"}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()
    stranger = vendor.scheme.new_pair()
    for private, message in (
        (stranger.private, b"zona-licence\n" + text),
        (vendor.pair.private, text),
        (vendor.pair.private, hashlib.sha256(text).digest()),
    ):
        signature = b64encode(vendor.scheme.sign(private, message)).decode()
        forged = json.dumps({**signed, "signature": signature})
        assert refusal(forged, vendor.scheme).code == "licence_forged"


def test_a_strangers_licence_is_told_from_a_forged_one(vendor: Any) -> None:
    """A key that the release does not know: a newer release may."""
    stranger = vendor.scheme.private_text(vendor.scheme.new_pair().private)
    terms = licensing.draft("Acme", now=vendor.clock.now())
    assert refusal(licensing.issue(terms, stranger, vendor.scheme), vendor.scheme).code == "licence_unknown_key"


def test_keys_rotate(vendor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release may know several keys; a licence of any of them counts."""
    file, other = vendor.file(), vendor.scheme.public_text(vendor.scheme.new_pair().public)
    monkeypatch.setattr(licensing, "vendor_keys", lambda: f"# the new one\n{other}\n# the old one\n{vendor.public}")
    assert licensing.read_licence(file, vendor.scheme).licensee == "Acme AG"
    monkeypatch.setattr(licensing, "vendor_keys", lambda: other)
    assert refusal(file, vendor.scheme).code == "licence_unknown_key"
    monkeypatch.setattr(licensing, "vendor_keys", str)
    assert refusal(file, vendor.scheme).code == "licence_unknown_key"


def test_a_newer_version_is_told_from_a_damaged_file(vendor: Any) -> None:
    """Before anything in it is looked at, as it may be something else altogether."""
    file = '{"format": "zona-licence", "version": 2, "terms": "of another kind"}'
    assert refusal(file, vendor.scheme).code == "licence_too_new"


@pytest.mark.parametrize(
    "document",
    [
        "", "licence", "[]", "{}", "null", b"\xff\xfe\x00", '{"format": "zona-licence"}', "[" * 50_000, "x" * 100_000,
        '{"format": "zona-licence", "version": "1"}', '{"format": "zona-licence", "version": 0}',
        '{"format": "zona-package", "version": 1}', '{"format": "zona-licence", "version": 1}',
        '{"format": "zona-licence", "version": 1, "algorithm": "none"}',
        '{"format": "zona-licence", "version": 1, "algorithm": "ed25519", "signature": "?"}',
        '{"format": "zona-licence", "version": 1, "algorithm": "ed25519", "signature": 1}',
        '{"format": "zona-licence", "version": NaN}',
    ],
    ids=str,
)  # fmt: skip
def test_rubbish_is_damaged(vendor: Any, document: str | bytes) -> None:
    """One error, whatever it is."""
    assert refusal(document, vendor.scheme).code == "licence_damaged"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda envelope: envelope["licence"].pop("type"), "licence.type"),
        (lambda envelope: envelope["licence"].update(type="gold"), "licence.type"),
        (lambda envelope: envelope["licence"].update(type=[]), "licence.type"),
        (lambda envelope: envelope["licence"].update(max_tenants=1.5), "licence.max_tenants"),
        (lambda envelope: envelope["licence"].update(max_tenants=True), "licence.max_tenants"),
        (lambda envelope: envelope["licence"].update(expires_at="tomorrow"), "licence.expires_at"),
        (lambda envelope: envelope["licence"].update(expires_at="2031-01-01T00:00:00+02:00"), "licence.expires_at"),
        (lambda envelope: envelope["licence"].update(starts_at=None), "licence.starts_at"),
        (lambda envelope: envelope["licence"].update(features=[1]), "licence.features"),
        (lambda envelope: envelope["licence"].update(compliance=[]), "licence.compliance"),
        (lambda envelope: envelope["licence"].update(another=1), "licence.another"),
        (lambda envelope: envelope.update(licence=[]), "licence"),
    ],
)
def test_terms_that_cannot_be_used_are_named(vendor: Any, change: Any, path: str) -> None:
    """Even where the vendor itself has signed them."""
    error = refusal(resigned(vendor, vendor.file(), change), vendor.scheme)
    assert (error.code, [fault.path for fault in error.faults]) == ("licence_damaged", [path])


def test_the_release_comes_with_public_keys_alone(scheme: SignatureScheme) -> None:
    """The bundled keys can be used, and there is no private one beside them."""
    text = licensing.vendor_keys()
    assert [len(scheme.public_of_text(found)) for found in licensing._PUBLIC_KEY.findall(text)] == [32]
    assert "PRIVATE" not in text
    assert (ROOT / "zona_core" / "vendor_keys.pem").read_text() == text
