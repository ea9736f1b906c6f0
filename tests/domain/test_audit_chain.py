"""The audit trail's hash chain."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve

from zona_core.domain.audit import GENESIS, AuditRecord, chained, first_break


def chain(length: int) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    for seq in range(1, length + 1):
        record = AuditRecord(
            seq=seq,
            at=datetime(2026, 1, 1, tzinfo=UTC),
            actor="a",
            action="x.y",
            target="t/1",
            after={"n": seq, "ü": None},
        )
        records.append(chained(record, records[-1].hash if records else GENESIS))
    return records


def test_an_untouched_chain_holds() -> None:
    """Every record follows the one before."""
    assert first_break(chain(5)) is None
    assert first_break([]) is None


@pytest.mark.parametrize(
    "tampered",
    [
        lambda records: [*records[:2], evolve(records[2], actor="mallory"), *records[3:]],
        lambda records: [*records[:2], *records[3:]],
        lambda records: [*records[:2], records[3], records[2], records[4]],
        lambda records: [*records[:2], chained(evolve(records[2], actor="mallory"), records[1].hash), *records[3:]],
    ],
    ids=["changed", "removed", "swapped", "changed and hashed anew"],
)
def test_a_touched_chain_breaks_where_it_was_touched(tampered: object) -> None:
    """A changed, removed or moved record is found, at the record itself or at its successor."""
    assert callable(tampered)
    assert first_break(tampered(chain(5))) in (3, 4)
