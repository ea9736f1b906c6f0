"""What the duties of a fleet consist in (SPEC §4.9): see ``Chore``."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from zona_core.domain.actors import Actor
from zona_core.domain.identity import KeyStatus
from zona_core.usecases._area import Parts, SystemContext
from zona_core.usecases._engine.case_clocks import CaseClocks
from zona_core.usecases._engine.checkups import Checkups
from zona_core.usecases._engine.duties import Chore, Hold
from zona_core.usecases._engine.escalation import Escalations
from zona_core.usecases._engine.event_retention import EventRetention
from zona_core.usecases._engine.retention import Retention

__all__ = ["chores_of"]

_ACTOR: Final = Actor.trusted("duties")


def chores_of(parts: Parts) -> list[Chore]:
    """All duties, at the intervals that the settings say."""
    settings = parts.settings
    return [
        Chore(name="expiry", interval=settings.expiry_interval, work=lambda hold: _expiry(parts, hold)),
        Chore(name="licence", interval=settings.licence_interval, work=lambda hold: _licence(parts, hold)),
        Chore(name="retention", interval=settings.retention_interval, work=Retention(parts).work),
        Chore(name="event_retention", interval=settings.retention_interval, work=EventRetention(parts).work),
        Chore(name="health_checks", interval=settings.health_interval, work=Checkups(parts).work),
        Chore(name="escalation", interval=settings.escalation_interval, work=Escalations(parts).work),
        Chore(name="case_clocks", interval=settings.case_clock_interval, work=CaseClocks(parts).work),
        Chore(name="signing_keys", interval=settings.key_interval, work=lambda hold: _signing_keys(parts, hold)),
    ]


def _expiry(parts: Parts, hold: Hold) -> str:
    from zona_core.usecases.store import Maintenance

    hold.fence()
    removed = Maintenance(SystemContext(_ACTOR, parts)).expire()
    return f"{removed.documents:,} documents were past their time"


def _licence(parts: Parts, hold: Hold) -> str:
    from zona_core.usecases.licence import Licensing

    licensing = Licensing(SystemContext(_ACTOR, parts))
    hold.fence()
    settled = licensing.settle()
    hold.fence()
    licensing.recount()
    return f"{settled.notes:,} notes were settled, all tenants counted"


def _signing_keys(parts: Parts, hold: Hold) -> str:
    """Has a new key sign once the one that signs is old; the use-case itself retires what it replaces."""
    from zona_core.usecases.signing_keys import SigningKeys

    days, database = parts.settings.signing_key_days, parts.database
    if not days:
        return "keys are not rotated by themselves"
    with database.transaction():
        hold.fence()
        active = database.signing_keys.all({"status": KeyStatus.ACTIVE.value})
        newest = max((key.created_ts for key in active), default=None)
        if newest is None or newest > parts.clock.now() - timedelta(days=days):
            return "the key is not old yet"
        key = SigningKeys(SystemContext(_ACTOR, parts)).rotate()
    return f"the key {key.kid} signs from now on"
