"""What events lead to: rules that find them, alerts, cases, and who is told."""

from __future__ import annotations

from typing import Final

from zona_core.domain.alerts import Alert, AlertState, EventLink
from zona_core.domain.cases import Case, Evidence, Sighting, TimelineEntry
from zona_core.domain.correlation_states import CorrelationState, ResponseLedger
from zona_core.domain.dead_letters import DeadLetter
from zona_core.domain.events import Event
from zona_core.domain.feeds import Feed, FeedState
from zona_core.domain.notifications import Delivery, DeliveryState
from zona_core.domain.policies import Channel, Policy
from zona_core.domain.rules import Rule, RuleException
from zona_core.domain.silences import Silence
from zona_core.persistence._kind import Kind
from zona_core.ports.store import CollectionSpec, Index

__all__ = [
    "ALERTS",
    "CASES",
    "CASE_ENTRIES",
    "CHANNELS",
    "CORRELATION_STATES",
    "DEAD_LETTERS",
    "DELIVERIES",
    "EVENTS",
    "EVENT_LINKS",
    "EVIDENCE",
    "FEEDS",
    "FEED_STATES",
    "POLICIES",
    "RESPONSES",
    "RULES",
    "RULE_EXCEPTIONS",
    "SIGHTINGS",
    "SILENCES",
    "sighting_key",
]

#: seconds for which it can be seen who was told of what: 90 days
_DELIVERIES_KEPT: Final = 90 * 86_400.0


def sighting_key(case_id: int, type_id: int, value: str) -> str:
    """The key of an observable of a case."""
    return f"{case_id}/{type_id}/{value}"


EVENTS: Final = Kind(
    model=Event,
    spec=CollectionSpec(
        name="events",
        indexes=(
            Index(name="by_time", fields=("occurred_at",)),
            Index(name="by_receipt", fields=("received_at",)),
            Index(name="by_source", fields=("source", "occurred_at")),
            Index(name="by_host", fields=("host", "occurred_at")),
            Index(name="by_user", fields=("user", "occurred_at")),
            Index(name="by_src_ip", fields=("src_ip", "occurred_at")),
            Index(name="by_dst_ip", fields=("dst_ip", "occurred_at")),
            Index(name="by_class", fields=("class_uid", "occurred_at")),
            Index(name="by_severity", fields=("severity_id", "occurred_at")),
        ),
        text=("message", "values"),
    ),
    key=lambda event: event.id,
)
DEAD_LETTERS: Final = Kind(
    model=DeadLetter,
    spec=CollectionSpec(
        name="dead_letters",
        indexes=(
            Index(name="by_time", fields=("received_at",)),
            Index(name="by_source", fields=("source", "received_at")),
            Index(name="by_code", fields=("code", "received_at")),
        ),
    ),
    key=lambda letter: letter.id,
)
RULES: Final = Kind(
    model=Rule,
    spec=CollectionSpec(
        name="rules",
        indexes=(
            Index(name="by_title", fields=("title",)),
            Index(name="by_kind", fields=("kind", "title")),
            Index(name="by_level", fields=("level", "title")),
            Index(name="by_product", fields=("product", "title")),
            Index(name="by_enabled", fields=("enabled", "title")),
            Index(name="by_usable", fields=("usable", "title")),
        ),
        text=("title", "definition.tags", "definition.description"),
    ),
    key=lambda rule: rule.id,
)
RULE_EXCEPTIONS: Final = Kind(
    model=RuleException,
    spec=CollectionSpec(name="rule_exceptions", indexes=(Index(name="by_id", fields=("id",), unique=True),)),
    key=lambda exception: str(exception.id),
)
CORRELATION_STATES: Final = Kind(
    model=CorrelationState,
    spec=CollectionSpec(name="correlation_states", indexes=(Index(name="over", fields=("until",), ttl=0.0),)),
    key=lambda state: state.id,
)
ALERTS: Final = Kind(
    model=Alert,
    spec=CollectionSpec(
        name="alerts",
        indexes=(
            Index(name="by_id", fields=("id",), unique=True),
            Index(name="by_time", fields=("last_at",)),
            Index(name="by_state", fields=("state", "last_at")),
            Index(name="by_severity", fields=("severity", "last_at")),
            Index(name="by_rule", fields=("rule", "last_at")),
            Index(name="by_group", fields=("group_key", "last_at")),
            Index(name="by_entity", fields=("entity", "last_at")),
            Index(name="by_case", fields=("case_id", "last_at")),
            Index(name="by_case_key", fields=("case_key", "last_at")),
            Index(name="by_owner", fields=("owner", "last_at")),
            # Of open ones only, so that a look over all tenants does not pass the many that were closed.
            Index(name="by_escalation", fields=("escalate_at",), where={"state": AlertState.OPEN.value}),
        ),
        text=("title", "entity"),
    ),
    key=lambda alert: str(alert.id),
)
EVENT_LINKS: Final = Kind(
    model=EventLink,
    spec=CollectionSpec(
        name="event_links",
        indexes=(
            Index(name="by_holder", fields=("holder", "at")),
            Index(name="by_event", fields=("event_id",)),
            Index(name="by_kind", fields=("kind", "at")),
        ),
    ),
    key=lambda link: link.key,
)
CASES: Final = Kind(
    model=Case,
    spec=CollectionSpec(
        name="cases",
        indexes=(
            Index(name="by_id", fields=("id",), unique=True),
            Index(name="by_status", fields=("status", "id")),
            Index(name="by_severity", fields=("severity", "id")),
            Index(name="by_owner", fields=("owner", "id")),
            Index(name="by_time", fields=("created_at",)),
            Index(name="by_group", fields=("group_key", "last_at")),
            Index(name="by_breach", fields=("breach_at",)),
        ),
        text=("title", "entity", "description", "summary"),
    ),
    key=lambda case: str(case.id),
)
CASE_ENTRIES: Final = Kind(
    model=TimelineEntry,
    spec=CollectionSpec(name="case_entries", indexes=(Index(name="by_case", fields=("case_id", "at")),)),
    key=lambda entry: entry.id,
)
SIGHTINGS: Final = Kind(
    model=Sighting,
    spec=CollectionSpec(
        name="sightings",
        indexes=(
            Index(name="by_case", fields=("case_id", "type_id", "value")),
            Index(name="by_value", fields=("value", "last_at")),
        ),
    ),
    key=lambda sighting: sighting_key(sighting.case_id, sighting.type_id, sighting.value),
)
EVIDENCE: Final = Kind(
    model=Evidence,
    spec=CollectionSpec(name="evidence", indexes=(Index(name="by_case", fields=("case_id", "created_at")),)),
    key=lambda evidence: evidence.id,
)
POLICIES: Final = Kind(
    model=Policy,
    spec=CollectionSpec(
        name="policies",
        indexes=(
            Index(name="title", fields=("title",), unique=True),
            Index(name="by_order", fields=("order", "id")),
        ),
    ),
    key=lambda policy: str(policy.id),
)
SILENCES: Final = Kind(
    model=Silence,
    spec=CollectionSpec(name="silences", indexes=(Index(name="by_id", fields=("id",), unique=True),)),
    key=lambda silence: str(silence.id),
)
CHANNELS: Final = Kind(
    model=Channel,
    spec=CollectionSpec(name="channels", indexes=(Index(name="title", fields=("title",), unique=True),)),
    key=lambda channel: str(channel.id),
    secrets=("options",),
)
DELIVERIES: Final = Kind(
    model=Delivery,
    spec=CollectionSpec(
        name="deliveries",
        indexes=(
            Index(name="by_due", fields=("due_at",), where={"state": DeliveryState.PENDING.value}),
            Index(name="by_target", fields=("target", "at")),
            Index(name="by_channel", fields=("channel_id", "state", "at")),
            Index(name="over", fields=("at",), ttl=_DELIVERIES_KEPT),
        ),
    ),
    key=lambda delivery: delivery.id,
)
RESPONSES: Final = Kind(
    model=ResponseLedger,
    spec=CollectionSpec(name="responses", indexes=(Index(name="over", fields=("until",), ttl=0.0),)),
    key=lambda ledger: ledger.id,
)
FEEDS: Final = Kind(
    model=Feed,
    spec=CollectionSpec(
        name="feeds",
        indexes=(
            Index(name="title", fields=("title",), unique=True),
            Index(name="by_instance", fields=("instance_id",)),
        ),
    ),
    key=lambda feed: str(feed.id),
    secrets=("inputs", "options"),
)
FEED_STATES: Final = Kind(
    model=FeedState,
    spec=CollectionSpec(name="feed_states", indexes=(Index(name="by_due", fields=("kind", "due_at")),)),
    key=lambda state: str(state.id),
)
