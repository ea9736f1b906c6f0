"""What rules found, and what people do about it (SPEC §1, §4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, evolve

from zona_core.domain.alerts import Alert, AlertState, Resolution
from zona_core.domain.cases import EntryKind
from zona_core.domain.events import Event
from zona_core.domain.notifications import Delivery
from zona_core.domain.policies import EscalationStep
from zona_core.errors import Conflict, Fault, InvalidInput, NotFound
from zona_core.persistence.repository import Listing
from zona_core.ports.store import In
from zona_core.usecases._access import check_revision
from zona_core.usecases._alert_search import AlertFigures, AlertFilter, alert_figures, alert_histogram, alerts_where
from zona_core.usecases._alert_states import moved
from zona_core.usecases._area import Area, TenantContext, use_case
from zona_core.usecases._case_contents import tell
from zona_core.usecases._event_search import Histogram
from zona_core.usecases._notifying import deliveries_about, retry_deliveries

__all__ = ["AlertRefusal", "Alerts", "UpdatedAlerts"]

#: alerts that are changed in one call
_MOST_AT_ONCE: Final = 500
_LONGEST_NOTE: Final = 10_000
_LONGEST_OWNER: Final = 200


@define(frozen=True, kw_only=True)
class AlertRefusal:
    """Why an alert was not changed."""

    id: int
    #: stable: ``not_found``, ``wrong_state``
    code: str
    message: str


@define(frozen=True, kw_only=True)
class UpdatedAlerts:
    """What became of a change of many alerts."""

    #: ids of those that were changed
    changed: tuple[int, ...] = ()
    refused: tuple[AlertRefusal, ...] = ()


class Alerts(Area):
    """What rules found, and what people do about it.

    An alert is ``open``, ``acknowledged``, ``closed`` or ``suppressed``. Only open ones escalate. Closing the last one
    of a case does not close the case.
    """

    area = "alerts"
    _context: TenantContext

    @use_case("alerts:read")
    def get(self, alert_id: int) -> Alert:
        """The alert with that id; raises ``NotFound``."""
        return self._found(alert_id)

    @use_case("alerts:read")
    def list(self, wanted: AlertFilter | None = None, *, after: str | None = None, limit: int = 100) -> Listing[Alert]:
        """Alerts that fit, the ones with the latest events first, a page at a time; raises ``InvalidInput``."""
        where = alerts_where(wanted or AlertFilter())
        return self._context.data.alerts.find(where, sort=[("last_at", -1)], after=after, limit=limit)

    @use_case("alerts:read")
    def search(self, words: str, wanted: AlertFilter | None = None, *, limit: int = 100) -> Sequence[Alert]:
        """Alerts that fit and have every word in title or entity, the most relevant first, 1,000 at most.

        Raises ``InvalidInput`` (``invalid_query``) if there is no word.
        """
        return self._context.data.alerts.search(words, alerts_where(wanted or AlertFilter()), limit=limit)

    @use_case("alerts:read")
    def events(self, alert_id: int, *, after: str | None = None, limit: int = 100) -> Listing[Event]:
        """The events of an alert, the earliest first; a page has fewer where events were removed since.

        Raises ``NotFound``.
        """
        data = self._context.data
        holder = f"alerts/{self._found(alert_id).id}"
        links = data.event_links.find({"holder": holder}, sort=[("at", 1)], after=after, limit=limit)
        keys = [link.event_id for link in links.items]
        found = {each.id: each for each in data.events.find({"_id": In(keys)}, limit=limit).items} if keys else {}
        return Listing(items=[found[key] for key in keys if key in found], next=links.next)

    @use_case("alerts:read")
    def figures(self, by: str, wanted: AlertFilter | None = None, *, limit: int = 100) -> Sequence[AlertFigures]:
        """How many alerts there are for each value of ``by``, the most frequent first.

        ``by`` is ``severity``, ``state``, ``rule``, ``entity``, ``owner``, ``policy`` or ``resolution``. Raises
        ``InvalidInput``.
        """
        return alert_figures(self._context.data, by, wanted or AlertFilter(), limit)

    @use_case("alerts:read")
    def histogram(self, wanted: AlertFilter, *, seconds: float = 3_600.0) -> Histogram:
        """How many alerts had their last event in each interval of so many seconds, from ``since`` to ``until``.

        Raises ``InvalidInput``, also for more than 1,000 intervals.
        """
        return alert_histogram(self._context.data, wanted, seconds)

    @use_case("alerts:write")
    def acknowledge(self, alert_id: int, *, note: str = "", revision: int | None = None) -> Alert:
        """Says that somebody has seen to an alert: it escalates no further.

        Raises ``NotFound``, ``Conflict`` with code ``wrong_state``, ``RevisionConflict``.
        """
        return self._moved(alert_id, AlertState.ACKNOWLEDGED, "alerts.acknowledge", revision, note=note)

    @use_case("alerts:write")
    def close(self, alert_id: int, *, resolution: Resolution, note: str = "", revision: int | None = None) -> Alert:
        """Says what an alert turned out to be. Further hits make another alert. Raises as ``acknowledge``.

        ``InvalidInput`` without a resolution.
        """
        return self._moved(alert_id, AlertState.CLOSED, "alerts.close", revision, resolution=resolution, note=note)

    @use_case("alerts:write")
    def reopen(self, alert_id: int, *, note: str = "", revision: int | None = None) -> Alert:
        """Opens an alert again, also one that was suppressed: it escalates by the steps that are not done yet.

        Raises as ``acknowledge``.
        """
        return self._moved(alert_id, AlertState.OPEN, "alerts.reopen", revision, note=note)

    @use_case("alerts:write")
    def assign(self, alert_id: int, owner: str, *, revision: int | None = None) -> Alert:
        """Says who is to look into an alert; an empty text: nobody.

        Raises ``InvalidInput``, ``NotFound``, ``RevisionConflict``.
        """
        data = self._context.data
        if len(owner) > _LONGEST_OWNER or not owner.isprintable():
            fault = Fault("owner", "is too long or has control characters", f"at most {_LONGEST_OWNER} characters")
            raise InvalidInput.of([fault], "The owner")
        with data.transaction():
            before = self._found(alert_id)
            check_revision(before.revision, revision, f"alerts/{before.id}")
            if before.owner == owner:
                return before
            after = data.alerts.replace(evolve(before, owner=owner, updated_at=data.now()))
            change = ({"owner": before.owner}, {"owner": owner})
            data.record(self._context.actor, "alerts.assign", f"alerts/{after.id}", before=change[0], after=change[1])
        return after

    @use_case("alerts:write")
    def update_many(
        self,
        alert_ids: Iterable[int],
        *,
        state: AlertState,
        resolution: Resolution = Resolution.NONE,
        note: str = "",
    ) -> UpdatedAlerts:
        """Acknowledges, closes or reopens up to 500 alerts, together; those that it does not fit are told and left.

        Raises ``InvalidInput``.
        """
        ids = list(dict.fromkeys(alert_ids))
        faults = _move_faults(state, resolution, note)
        if not 1 <= len(ids) <= _MOST_AT_ONCE:
            faults.append(Fault("alert_ids", f"there are {len(ids)}", f"1-{_MOST_AT_ONCE}"))
        if faults:
            raise InvalidInput.of(faults, "The change")
        data, refused = self._context.data, list[AlertRefusal]()
        before: dict[str, str] = {}
        with data.transaction():
            for alert_id in ids:
                try:
                    alert = self._found(alert_id)
                    self._put(alert, state, resolution=resolution, note=note)
                except (NotFound, Conflict) as exc:
                    refused.append(AlertRefusal(id=alert_id, code=exc.code, message=exc.message))
                else:
                    before[str(alert.id)] = alert.state.value
            if before:
                after = {**dict.fromkeys(before, state.value), "resolution": resolution.value, "note": note}
                data.record(self._context.actor, "alerts.update_many", "alerts", before=before, after=after)
        return UpdatedAlerts(changed=tuple(map(int, before)), refused=tuple(refused))

    @use_case("alerts:read")
    def notifications(self, alert_id: int, *, after: str | None = None, limit: int = 100) -> Listing[Delivery]:
        """Who was, or is to be, told of an alert, the latest first; raises ``NotFound``."""
        target = f"alerts/{self._found(alert_id).id}"
        return deliveries_about(self._context.data, target, after=after, limit=limit)

    @use_case("alerts:write")
    def notify_again(self, alert_id: int, *, delivery_id: str = "") -> Sequence[Delivery]:
        """Has the failed deliveries of an alert tried again, all or the one with that id.

        Raises ``NotFound``, ``Conflict`` with code ``not_failed``.
        """
        data = self._context.data
        with data.transaction():
            target = f"alerts/{self._found(alert_id).id}"
            again = retry_deliveries(data, {"target": target}, delivery_id)
            if again:
                told = {"deliveries": [each.id for each in again]}
                data.record(self._context.actor, "alerts.notify_again", target, after=told)
        return again

    def _found(self, alert_id: int) -> Alert:
        found = self._context.data.alerts.get(alert_id)
        if found is None:
            hint = "zona alerts list shows those there are"
            raise NotFound(f"there is no alert {alert_id}", collection="alerts", hint=hint)
        return found

    def _moved(
        self,
        alert_id: int,
        state: AlertState,
        action: str,
        revision: int | None,
        *,
        resolution: Resolution = Resolution.NONE,
        note: str,
    ) -> Alert:
        if faults := _move_faults(state, resolution, note):
            raise InvalidInput.of(faults, "The change")
        data = self._context.data
        with data.transaction():
            before = self._found(alert_id)
            check_revision(before.revision, revision, f"alerts/{before.id}")
            after = self._put(before, state, resolution=resolution, note=note)
            told = ({"state": before.state.value}, {"state": state.value, "resolution": resolution.value, "note": note})
            data.record(self._context.actor, action, f"alerts/{after.id}", before=told[0], after=told[1])
        return after

    def _put(self, before: Alert, state: AlertState, *, resolution: Resolution, note: str) -> Alert:
        """Stores the alert in another state, and tells its case of that; raises ``Conflict``."""
        data = self._context.data
        after = moved(before, state, data.now(), resolution=resolution, note=note, steps=self._steps_of(before, state))
        after = data.alerts.replace(after)
        if after.case_id:
            details = {"alert": after.id, "state": state.value, "resolution": resolution.value or None}
            tell(data, after.case_id, EntryKind.ALERT, self._context.actor.name, after.title, **details)
        return after

    def _steps_of(self, alert: Alert, state: AlertState) -> Sequence[EscalationStep]:
        """The steps by which an alert escalates that is to be opened."""
        if state is not AlertState.OPEN or not alert.policy_id:
            return ()
        policy = self._context.data.policies.get(alert.policy_id)
        return policy.escalation if policy is not None and policy.enabled else ()


def _move_faults(state: AlertState, resolution: Resolution, note: str) -> list[Fault]:
    found = []
    if state is AlertState.SUPPRESSED:
        found.append(Fault("state", "only silences suppress alerts", "acknowledged, closed or open"))
    if state is AlertState.CLOSED and resolution is Resolution.NONE:
        expected = ", ".join(each.value for each in Resolution if each.value)
        found.append(Fault("resolution", "is missing: what did it turn out to be?", expected))
    if state is not AlertState.CLOSED and resolution is not Resolution.NONE:
        found.append(Fault("resolution", "goes with closing", "none"))
    if len(note) > _LONGEST_NOTE:
        found.append(Fault("note", "is too long", f"at most {_LONGEST_NOTE} characters"))
    return found
