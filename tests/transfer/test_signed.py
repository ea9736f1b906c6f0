"""Who made a package: signatures from the exporting tenant to the importing one."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from sample_apps import app, exported, imported, task

from zona_core import InvalidPackage, SignaturePolicy, Workspace
from zona_core.ports.packages import PackageLimits, Signature

Tenants = Callable[..., Workspace]


@pytest.fixture
def signed(tenants: Tenants) -> tuple[Workspace, Workspace, bytes]:
    """A tenant that signs, one that knows nobody, and a package."""
    source, target = tenants(), tenants()
    source.apps.upsert(app("A", task("one")))
    source.package_keys.create("release")
    return source, target, exported(source, sign_with="release")


def refusal(workspace: Workspace, package: bytes, policy: SignaturePolicy = SignaturePolicy.CHECKED) -> str:
    """The code with which an import is refused, after which nothing is there."""
    with pytest.raises(InvalidPackage) as caught:
        imported(workspace, package, signature=policy)
    assert workspace.apps.list().items == []
    return caught.value.code


def resigned(workspace: Workspace, package: bytes, signature: Signature, title: str = "A") -> bytes:
    """The package with another signature, and perhaps another title."""
    form = workspace._context.parts.package_format("zona")
    reader = form.open(io.BytesIO(package), PackageLimits())
    reader.check(lambda record: None)
    records = [{**record, "title": title} if record["kind"] == "app" else record for record in reader.records()]
    target = io.BytesIO()
    form.write(records, target, lambda digest: signature)
    return target.getvalue()


def signature_of(workspace: Workspace, package: bytes) -> Signature:
    reader = workspace._context.parts.package_format("zona").open(io.BytesIO(package), PackageLimits())
    found = reader.check(lambda record: None).signature
    assert found is not None
    return found


def test_a_package_by_a_trusted_key_is_imported(signed: tuple[Workspace, Workspace, bytes]) -> None:
    """Once its public part is trusted; the report names the key. Signing again gives the same bytes."""
    source, target, package = signed
    assert refusal(target, package) == "signature_unknown"
    target.package_keys.trust("maker", source.package_keys.get("release").public)
    report = imported(target, package, signature=SignaturePolicy.REQUIRED)
    assert (report.signature.status.value, report.signature.name, report.signature.own) == ("valid", "maker", False)
    assert exported(source, sign_with="release") == package


def test_a_package_without_a_signature_is_refused_where_one_is_required(
    signed: tuple[Workspace, Workspace, bytes],
) -> None:
    """Otherwise it is imported, and the report says that it is not signed."""
    source, target, _ = signed
    bare = exported(source)
    assert refusal(target, bare, SignaturePolicy.REQUIRED) == "signature_missing"
    assert imported(target, bare).signature.status.value == "missing"


def test_a_forged_signature_is_refused(signed: tuple[Workspace, Workspace, bytes]) -> None:
    """Of another content, of another key, or altered: nothing is imported."""
    source, target, package = signed
    target.package_keys.trust("maker", source.package_keys.get("release").public)
    mine = signature_of(source, package)
    assert refusal(target, resigned(source, package, mine, title="B")) == "signature_invalid"
    altered = Signature(algorithm=mine.algorithm, key=mine.key, value=mine.value[:-1] + bytes([mine.value[-1] ^ 1]))
    assert refusal(target, resigned(source, package, altered)) == "signature_invalid"
    target.package_keys.create("own")
    other = signature_of(target, resigned(source, package, mine))
    stranger = Signature(algorithm=other.algorithm, key=target.package_keys.get("own").fingerprint, value=other.value)
    assert refusal(target, resigned(source, package, stranger)) == "signature_invalid"
