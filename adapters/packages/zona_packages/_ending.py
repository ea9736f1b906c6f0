"""What stands after the records: digest, signature, and in the form ``zona`` how many there were."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from attrs import define

from zona_core.ports.packages import PackageSummary, Record, Signature
from zona_packages._refusals import damaged

__all__ = ["Ending", "digest_text", "ending_of_members", "ending_of_record", "members_of", "record_of"]

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_ALGORITHM: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_KEY: Final = re.compile(r"[0-9a-f]{64}")
#: characters of a signature: those of today take 88, those made to withstand quantum computers up to 70,000
_LONGEST: Final = 100_000


@define(frozen=True, kw_only=True)
class Ending:
    """The end of a package as it was found."""

    digest: bytes | None
    signature: Signature | None = None
    #: (apps, records)
    counts: tuple[int, int] | None = None


def digest_text(digest: bytes) -> str:
    """How a digest is written."""
    return f"sha256:{digest.hex()}"


def record_of(summary: PackageSummary) -> Record:
    """The record ``end``."""
    return {"kind": "end", "apps": summary.apps, "records": summary.records, **members_of(summary)}


def members_of(summary: PackageSummary) -> dict[str, Any]:
    """``digest`` and, if there is one, ``signature``, as members of a document."""
    members: dict[str, Any] = {"digest": digest_text(summary.digest)}
    if summary.signature is not None:
        members["signature"] = {
            "algorithm": summary.signature.algorithm,
            "key": summary.signature.key,
            "value": base64.b64encode(summary.signature.value).decode(),
        }
    return members


def ending_of_record(record: Record, where: str) -> Ending:
    """The reverse of ``record_of``; raises ``package_damaged``."""
    counts = record.pop("apps", None), record.pop("records", None)
    del record["kind"]
    if not all(type(count) is int for count in counts):
        raise damaged(where, "apps and records are not both there", "two numbers")
    ending = ending_of_members(record, where)
    if ending.digest is None:
        raise damaged(where, "digest is missing", "sha256: and 64 hexadecimal digits")
    return Ending(digest=ending.digest, signature=ending.signature, counts=counts)


def ending_of_members(members: dict[str, Any], where: str) -> Ending:
    """The reverse of ``members_of``, the digest may be missing; raises ``package_damaged``."""
    if strange := sorted(members.keys() - {"digest", "signature"}):
        raise damaged(where, f"the member {strange[0][:60]!r} is not known", "digest and signature")
    digest = None
    if "digest" in members:
        text = members["digest"]
        if not isinstance(text, str) or not _DIGEST.fullmatch(text):
            raise damaged(where, "digest is none", "sha256: and 64 hexadecimal digits")
        digest = bytes.fromhex(text[7:])
    if "signature" not in members:
        return Ending(digest=digest)
    if digest is None:
        raise damaged(where, "there is a signature, but no digest", "both or the digest alone")
    return Ending(digest=digest, signature=_signature(members["signature"], where))


def _signature(found: Any, where: str) -> Signature:
    rules = (("algorithm", _ALGORITHM, "a name"), ("key", _KEY, "64 hexadecimal digits"))
    if not isinstance(found, dict) or found.keys() != {"algorithm", "key", "value"}:
        raise damaged(where, "signature is none", "an object of algorithm, key and value")
    for name, rule, right in rules:
        if not isinstance(found[name], str) or not rule.fullmatch(found[name]):
            raise damaged(where, f"signature.{name} is none", right)
    return Signature(algorithm=found["algorithm"], key=found["key"], value=_decoded(found["value"], where))


def _decoded(text: Any, where: str) -> bytes:
    try:
        if isinstance(text, str) and 0 < len(text) <= _LONGEST:
            value = base64.b64decode(text, validate=True)
            if base64.b64encode(value).decode() == text:
                return value
    except (binascii.Error, ValueError):
        pass  # said below
    raise damaged(where, "signature.value is none", "base64 (RFC 4648 §4)")
