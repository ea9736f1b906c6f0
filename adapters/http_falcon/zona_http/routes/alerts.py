"""Alerts: found, counted, and seen to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from attrs import define
from msgspec import Meta

from zona_core.domain.alerts import Alert, AlertState, Resolution
from zona_core.domain.events import Event
from zona_core.domain.notifications import Delivery
from zona_core.persistence.repository import Listing
from zona_core.usecases._alert_search import AlertFigures, AlertFilter
from zona_core.usecases._event_search import Histogram
from zona_core.usecases.alerts import UpdatedAlerts
from zona_http.operation import Call, Operation, Problem

from ._alerts import ALERT, DELIVERY, EVENT
from ._common import Cursor, Id, OptionalTenant, PageSize
from ._definitions import defined

__all__ = ["OPERATIONS"]

Moment = Annotated[datetime, Meta(tz=True, examples=["2030-01-31T08:00:00Z"])]
Name = Annotated[str, Meta(max_length=256)]
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Note = Annotated[str, Meta(max_length=10_000, description="what is to be known of it; without it the one before stays")]
Severity = Literal["", "informational", "low", "medium", "high", "critical"]
#: what somebody may say of an alert
Verdict = Literal["true_positive", "benign", "false_positive", "duplicate", "other"]


@define(frozen=True, kw_only=True)
class WhichAlerts(OptionalTenant):
    """Which alerts; what is not said does not matter."""

    state: AlertState | None = None
    severity: Severity = ""
    severity_from: Annotated[Severity, Meta(description="the least severity")] = ""
    rule: Annotated[Name, Meta(description="the rule's id")] = ""
    entity: Annotated[Name, Meta(description="what they are about", examples=["host:ws-7"])] = ""
    case_id: Annotated[Number, Meta(description="0: of none")] | None = None
    policy_id: Annotated[Number, Meta(description="0: the default")] | None = None
    owner: Name = ""
    since: Annotated[Moment, Meta(description="the last event happened at this moment or later")] | None = None
    until: Annotated[Moment, Meta(description="it happened before this moment")] | None = None

    def filter(self) -> AlertFilter:
        """The same without what only the request has."""
        return defined(self, AlertFilter)


@define(frozen=True, kw_only=True)
class AlertPage(WhichAlerts):
    """A page of those alerts."""

    after: Cursor | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class AlertSearch(WhichAlerts):
    """Words, and among which alerts."""

    q: Annotated[str, Meta(min_length=1, max_length=1_000, description="words, all of which", examples=["powershell"])]
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class AlertCounts(WhichAlerts):
    """By what alerts are counted, and which."""

    by: Annotated[
        Literal["severity", "state", "rule", "entity", "owner", "policy", "resolution"], Meta(examples=["severity"])
    ]
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class AlertTimes(WhichAlerts):
    """Which alerts, and in how long intervals."""

    since: Moment
    until: Annotated[Moment, Meta(examples=["2030-01-31T20:00:00Z"])]
    seconds: Annotated[float, Meta(ge=1, le=31_622_400, description="of an interval")] = 3_600.0


@define(frozen=True, kw_only=True)
class AlertId(OptionalTenant):
    """Which alert."""

    alert_id: Id


@define(frozen=True, kw_only=True)
class OfAlert(AlertId):
    """A page of what belongs to an alert."""

    after: Cursor | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class Noted:
    """What is to be known of it."""

    note: Note = ""


@define(frozen=True, kw_only=True)
class Closing:
    """What it turned out to be."""

    resolution: Verdict
    note: Note = ""


@define(frozen=True, kw_only=True)
class Assignment:
    """Who is to look into it."""

    owner: Annotated[str, Meta(max_length=200, description="empty: nobody")]


@define(frozen=True, kw_only=True)
class ManyAlerts:
    """Which alerts are to be in which state."""

    alert_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=500)]
    state: Literal["open", "acknowledged", "closed"]
    resolution: Annotated[Verdict, Meta(description="goes with `closed`, and is needed there")] | None = None
    note: Note = ""


@define(frozen=True, kw_only=True)
class Repetition:
    """Which deliveries are tried again."""

    delivery_id: Annotated[str, Meta(max_length=100, description="one that failed; empty: all that did")] = ""


def list_alerts(call: Call) -> Listing[Alert]:
    asked: AlertPage = call.params
    return call.workspace.alerts.list(asked.filter(), after=asked.after, limit=asked.limit)


def search_alerts(call: Call) -> list[Alert]:
    asked: AlertSearch = call.params
    return list(call.workspace.alerts.search(asked.q, asked.filter(), limit=asked.limit))


def count_alerts(call: Call) -> list[AlertFigures]:
    asked: AlertCounts = call.params
    return list(call.workspace.alerts.figures(asked.by, asked.filter(), limit=asked.limit))


def show_histogram(call: Call) -> Histogram:
    asked: AlertTimes = call.params
    return call.workspace.alerts.histogram(asked.filter(), seconds=asked.seconds)


def get_alert(call: Call) -> Alert:
    return call.workspace.alerts.get(call.params.alert_id)


def list_events(call: Call) -> Listing[Event]:
    asked: OfAlert = call.params
    return call.workspace.alerts.events(asked.alert_id, after=asked.after, limit=asked.limit)


def acknowledge_alert(call: Call) -> Alert:
    return call.workspace.alerts.acknowledge(call.params.alert_id, note=call.body.note, revision=call.revision)


def close_alert(call: Call) -> Alert:
    said: Closing = call.body
    resolution = Resolution(said.resolution)
    alerts, alert_id = call.workspace.alerts, call.params.alert_id
    return alerts.close(alert_id, resolution=resolution, note=said.note, revision=call.revision)


def reopen_alert(call: Call) -> Alert:
    return call.workspace.alerts.reopen(call.params.alert_id, note=call.body.note, revision=call.revision)


def assign_alert(call: Call) -> Alert:
    return call.workspace.alerts.assign(call.params.alert_id, call.body.owner, revision=call.revision)


def update_alerts(call: Call) -> UpdatedAlerts:
    said: ManyAlerts = call.body
    state, resolution = AlertState(said.state), Resolution(said.resolution or "")
    return call.workspace.alerts.update_many(said.alert_ids, state=state, resolution=resolution, note=said.note)


def list_notifications(call: Call) -> Listing[Delivery]:
    asked: OfAlert = call.params
    return call.workspace.alerts.notifications(asked.alert_id, after=asked.after, limit=asked.limit)


def notify_again(call: Call) -> list[Delivery]:
    return list(call.workspace.alerts.notify_again(call.params.alert_id, delivery_id=call.body.delivery_id))


_ALERTS: Final[dict[str, Any]] = {"tag": "alerts"}
_ONE: Final = "/api/v1/alerts/{alert_id}"
_CLOSING: Final = {"resolution": "false_positive", "note": "the backup does that"}
_FILTERED: Final = (Problem(status=422, codes=("invalid_input",)),)
_MOVED: Final = (Problem(status=409, codes=("wrong_state",)), Problem(status=422, codes=("invalid_input",)))
_MANY: Final = {"alert_ids": [12, 13], "state": "closed", **_CLOSING}
_REFUSED: Final = {"id": 13, "code": "wrong_state", "message": "the alert 13 is closed: it cannot become closed"}

OPERATIONS = (
    Operation(
        **_ALERTS, method="GET", path="/api/v1/alerts", id="list_alerts",
        summary="Alerts, the ones with the latest events first", handler=list_alerts, use_case="alerts.list",
        params=AlertPage, result=list[Alert], answer_example=[ALERT], problems=_FILTERED,
    ),
    Operation(
        **_ALERTS, method="GET", path="/api/v1/alerts/search", id="search_alerts",
        summary="Alerts by words, the most relevant first",
        description="Those that have every word of `q` in title or entity. Of the last word the beginning is enough.",
        handler=search_alerts, use_case="alerts.search", params=AlertSearch, result=list[Alert],
        answer_example=[ALERT], problems=(Problem(status=422, codes=("invalid_input", "invalid_query")),),
    ),
    Operation(
        **_ALERTS, method="GET", path="/api/v1/alerts/figures", id="count_alerts",
        summary="How many alerts have which value, the most frequent first", handler=count_alerts,
        use_case="alerts.figures", params=AlertCounts, result=list[AlertFigures],
        answer_example=[{"value": "high", "caption": "", "count": 17}], problems=_FILTERED,
    ),
    Operation(
        **_ALERTS, method="GET", path="/api/v1/alerts/histogram", id="show_alert_histogram",
        summary="How many alerts had their last event when",
        description="1,000 intervals at most; the last may be shorter.", handler=show_histogram,
        use_case="alerts.histogram", params=AlertTimes, result=Histogram,
        answer_example={"seconds": 3_600.0, "bars": [{"at": "2030-01-31T08:00:00Z", "count": 17}]},
        problems=_FILTERED,
    ),
    Operation(
        **_ALERTS, method="POST", path="/api/v1/alerts/states", id="update_alerts", summary="Change many alerts",
        description="Those that it does not fit are told, and left as they are; the others are changed together.",
        handler=update_alerts, use_case="alerts.update_many", params=OptionalTenant, body=ManyAlerts,
        result=UpdatedAlerts, example=_MANY, answer_example={"changed": [12], "refused": [_REFUSED]},
        problems=_FILTERED,
    ),
    Operation(
        **_ALERTS, method="GET", path=_ONE, id="get_alert", summary="One alert", handler=get_alert,
        use_case="alerts.get", params=AlertId, result=Alert, answer_example=ALERT,
    ),
    Operation(
        **_ALERTS, method="GET", path=f"{_ONE}/events", id="list_alert_events",
        summary="The events of an alert, the earliest first",
        description="A page has fewer than `limit` where events were removed since.", handler=list_events,
        use_case="alerts.events", params=OfAlert, result=list[Event], answer_example=[EVENT],
    ),
    Operation(
        **_ALERTS, method="POST", path=f"{_ONE}/acknowledge", id="acknowledge_alert", summary="Acknowledge an alert",
        description="Somebody has seen to it: it escalates no further.", handler=acknowledge_alert,
        use_case="alerts.acknowledge", params=AlertId, body=Noted, result=Alert, conditional=True,
        example={"note": "looking into it"}, problems=_MOVED,
        answer_example={**ALERT, "state": "acknowledged", "acknowledged_at": "2030-01-31T12:10:00Z"},
    ),
    Operation(
        **_ALERTS, method="POST", path=f"{_ONE}/close", id="close_alert", summary="Close an alert",
        description="Further hits make another alert. Its case stays open.", handler=close_alert,
        use_case="alerts.close", params=AlertId, body=Closing, result=Alert, conditional=True, example=_CLOSING,
        answer_example={**ALERT, "state": "closed", **_CLOSING, "closed_at": "2030-01-31T12:10:00Z"}, problems=_MOVED,
    ),
    Operation(
        **_ALERTS, method="POST", path=f"{_ONE}/reopen", id="reopen_alert", summary="Open an alert again",
        description="Also one that was suppressed. It escalates by the steps that are not done yet.",
        handler=reopen_alert, use_case="alerts.reopen", params=AlertId, body=Noted, result=Alert, conditional=True,
        example={"note": "it came back"}, answer_example=ALERT, problems=_MOVED,
    ),
    Operation(
        **_ALERTS, method="PUT", path=f"{_ONE}/owner", id="assign_alert", summary="Say who is to look into an alert",
        handler=assign_alert, use_case="alerts.assign", params=AlertId, body=Assignment, result=Alert,
        conditional=True, example={"owner": "ann"}, answer_example={**ALERT, "owner": "ann"}, problems=_FILTERED,
    ),
    Operation(
        **_ALERTS, method="GET", path=f"{_ONE}/notifications", id="list_alert_notifications",
        summary="Who was, or is to be, told of an alert, the latest first", handler=list_notifications,
        use_case="alerts.notifications", params=OfAlert, result=list[Delivery], answer_example=[DELIVERY],
    ),
    Operation(
        **_ALERTS, method="POST", path=f"{_ONE}/notifications/retry", id="retry_alert_notifications",
        summary="Try failed deliveries of an alert again", handler=notify_again, use_case="alerts.notify_again",
        params=AlertId, body=Repetition, result=list[Delivery], example={"delivery_id": DELIVERY["id"]},
        answer_example=[{**DELIVERY, "state": "pending", "attempts": 0, "due_at": "2030-01-31T14:00:00Z",
                         "sent_at": None}],
        problems=(Problem(status=409, codes=("not_failed",)),),
    ),
)  # fmt: skip
