"""The audit trail: append-only and hash-chained per tenant (SPEC §1, §5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from attrs import asdict, define, evolve, setters

__all__ = ["GENESIS", "AuditRecord", "chained", "first_break"]

#: what the first record of a chain follows
GENESIS: Final = "0" * 64

#: what records say since they have been able to: one that leaves it empty has the hash that it had before
_SINCE: Final = ("realm", "user_id", "key_id")


@define(kw_only=True, on_setattr=setters.frozen)
class AuditRecord:
    """One modification: who, when, what, and the object before and after with secrets masked."""

    seq: int
    at: datetime
    #: the actor's name, as it was then: for people to read and search
    actor: str
    #: who that was beyond doubt, names being used again: realm, user and, if it acted, API key; empty for a program
    realm: str = ""
    user_id: str = ""
    key_id: str = ""
    #: the use-case's name, for example ``apps.upsert``
    action: str
    #: collection and key of what was changed, for example ``apps/12``
    target: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    correlation_id: str = ""
    previous_hash: str = GENESIS
    hash: str = ""
    revision: int = 0


def chained(record: AuditRecord, previous_hash: str) -> AuditRecord:
    """``record`` as the successor of the one whose hash is given."""
    linked = evolve(record, previous_hash=previous_hash)
    return evolve(linked, hash=_digest(linked))


def first_break(records: Iterable[AuditRecord], previous_hash: str = GENESIS, seq: int = 1) -> int | None:
    """The ``seq`` at which the chain is broken (changed, missing or out of order), or None if it holds.

    ``records`` come in ascending order and continue from ``previous_hash`` at number ``seq``.
    """
    for expected, record in enumerate(records, start=seq):
        if record.seq != expected or record.previous_hash != previous_hash or record.hash != _digest(record):
            return expected
        previous_hash = record.hash
    return None


def _digest(record: AuditRecord) -> str:
    data = asdict(record)
    for name in ("hash", "revision", *(name for name in _SINCE if not data[name])):
        del data[name]
    data["at"] = record.at.isoformat()
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
