"""Cases as a property: in whatever order and batches events come, cases have the same events and alerts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core import Workspace, Zona
from zona_core.domain.policies import CaseOption, PolicyDefinition

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
MAPPING = {
    "time": "at", "key": ["id"], "host": "host",
    "observables": [{"name": "device.hostname", "type_id": 1, "value": "host"}],
}  # fmt: skip
WORDS = {"bad": "high", "odd": "low", "new": "low", "raw": "medium"}
RULES = [
    (
        f"{word}.yml",
        json.dumps(
            {
                "title": word.title(), "id": word, "logsource": {"product": "testing"}, "level": level,
                "detection": {"s": {"word": word}, "condition": "s"},
            }
        ),
    )
    for word, level in WORDS.items()
]  # fmt: skip

#: all of them within the windows of alerts and cases
events = st.lists(
    st.fixed_dictionaries(
        {
            "second": st.integers(0, 1_500),
            "host": st.sampled_from(["web1", "web2"]),
            "word": st.sampled_from([*WORDS, "none"]),
        }
    ),
    min_size=1,
    max_size=14,
)
options = st.builds(
    CaseOption,
    severity=st.sampled_from(["", "medium", "high"]),
    rules=st.integers(0, 3),
    hits=st.integers(0, 3),
)


def raw(number: int, described: dict[str, Any]) -> dict[str, Any]:
    """An event as it is sent."""
    at = BEGIN + timedelta(seconds=described["second"])
    return {"id": number, "at": at.isoformat(), "host": described["host"], "word": described["word"]}


def outcome(here: Workspace, batches: Sequence[Sequence[dict[str, Any]]], option: CaseOption) -> Any:
    """What the cases are after the batches, apart from numbers and the order in which things happened."""
    here.rules.add(RULES)
    here.policies.save(PolicyDefinition(title="All", case=option))
    for batch in batches:
        here.events.ingest(batch, source="log", mapper="generic", options=MAPPING)
    found = []
    for case in here.cases.list().items:
        alerts = sorted((alert.rule, alert.entity, alert.count) for alert in here.cases.alerts(case.id).items)
        ids = sorted(event.raw["id"] for event in here.cases.events(case.id, limit=100).items)
        seen = sorted((each.value, each.count) for each in here.cases.observables(case.id).items)
        found.append((case.entity, case.severity, case.alerts, case.first_at, case.last_at, alerts, ids, seen))
    loose = sorted((alert.rule, alert.entity) for alert in here.alerts.list().items if not alert.case_id)
    return sorted(found, key=lambda case: case[0]), loose


@settings(max_examples=40, deadline=None)
@given(described=events, option=options, data=st.data())
def test_order_and_batches_make_no_difference(described: list[Any], option: CaseOption, data: st.DataObject) -> None:
    """All at once in their order, or shuffled and parted anyhow: each case is the same, and so is what is in none."""
    sent = [raw(number, each) for number, each in enumerate(described)]
    order = data.draw(st.permutations(sent))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order)))) | {0, len(order)})
    parts = [order[begin:end] for begin, end in pairwise(cuts)]
    with Zona(store="memory://") as one, Zona(store="memory://") as other:
        assert outcome(one.tenant(), [sent], option) == outcome(other.tenant(), parts, option)
