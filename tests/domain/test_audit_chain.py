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


def test_a_chain_from_before_the_actors_ids_holds() -> None:
    """A record that has none is hashed as it was when there were none."""
    assert chain(1)[0].hash == "34a777207f7106f63af0b5acdac123e2f12bfaf6f907fcc7724f5c27cfff2388"


@pytest.mark.parametrize("name", ["realm", "user_id", "key_id"])
def test_the_actors_ids_are_in_the_chain(name: str) -> None:
    """Whose deed it was cannot be changed, taken away or put in later."""
    plain = chain(2)
    told = [*plain[:1], chained(evolve(plain[1], **{name: "one"}), plain[0].hash)]
    assert first_break(told) is None
    for record, there in ((told[1], "two"), (told[1], ""), (plain[1], "one")):
        assert first_break([plain[0], evolve(record, **{name: there})]) == 2


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
