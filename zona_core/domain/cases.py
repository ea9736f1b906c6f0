"""Cases: what people look into (SPEC §1), with their timeline, tasks, observables and evidence."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

from .alerts import Resolution

__all__ = [
    "LIVE_CASES",
    "Case",
    "CaseStatus",
    "CaseTask",
    "EntryKind",
    "Evidence",
    "Sighting",
    "TaskStatus",
    "TimelineEntry",
]


class CaseStatus(StrEnum):
    """The life of a case."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    #: others are waited for; clocks go on
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    #: all that it had is another case's
    MERGED = "merged"


#: the states in which a case takes in further alerts
LIVE_CASES: Final = (CaseStatus.OPEN, CaseStatus.IN_PROGRESS, CaseStatus.ON_HOLD)


class TaskStatus(StrEnum):
    """The life of a case's task."""

    OPEN = "open"
    DONE = "done"
    #: it is not needed after all
    CANCELLED = "cancelled"


@define(frozen=True, kw_only=True)
class CaseTask:
    """Something that somebody has to do."""

    id: int
    title: str
    status: TaskStatus = TaskStatus.OPEN
    owner: str = ""
    due_at: datetime | None = None
    created_at: datetime
    done_at: datetime | None = None


@define(kw_only=True, on_setattr=setters.frozen)
class Case:
    """An incident that people look into."""

    id: int
    title: str
    description: str = ""
    #: ``informational`` to ``critical``
    severity: str
    status: CaseStatus = CaseStatus.OPEN
    resolution: Resolution = Resolution.NONE
    #: how it ended, for those who read it later
    summary: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    #: what it is about: ``host:…``, ``user:…``, ``src_ip:…``
    entity: str = ""
    #: the values by which alerts belong to it, and a key made of them; empty: none come by themselves
    group: dict[str, str] = Factory(dict)
    group_key: str = ""
    #: the rules whose alerts it has
    rules: tuple[str, ...] = ()
    alerts: int = 0
    #: of its events' times; None: it has none
    first_at: datetime | None = None
    last_at: datetime | None = None
    tasks: tuple[CaseTask, ...] = ()
    #: the policy that it was made by; 0: somebody made it
    policy_id: int = 0
    #: until when somebody has to have begun, and until when it has to be closed; None: there is no such clock
    respond_by: datetime | None = None
    resolve_by: datetime | None = None
    responded_at: datetime | None = None
    #: the clocks that have run out: ``respond``, ``resolve``
    breaches: tuple[str, ...] = ()
    #: the next moment at which a clock runs out; None: there is none
    breach_at: datetime | None = None
    #: the case that has all that this one had; 0: none
    merged_into: int = 0
    #: name of the actor who made it
    user_id: str = ""
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    revision: int = 0


class EntryKind(StrEnum):
    """What an entry of a timeline tells of."""

    CREATED = "created"
    ALERT = "alert"
    EVENTS = "events"
    COMMENT = "comment"
    #: attributes of the case were changed
    CHANGED = "changed"
    TASK = "task"
    EVIDENCE = "evidence"
    OBSERVABLE = "observable"
    #: a playbook was started
    RUN = "run"
    #: a playbook was not started: it would have gone round in circles
    LOOP = "loop"
    BREACH = "breach"
    NOTIFIED = "notified"
    MERGED = "merged"


@define(kw_only=True, on_setattr=setters.frozen)
class TimelineEntry:
    """Something that happened to a case. Entries are added, never changed; a comment's text may be erased."""

    id: str
    case_id: int
    at: datetime
    kind: EntryKind
    #: name of who did it
    actor: str
    text: str = ""
    #: what it is about, by names of its own
    details: dict[str, Any] = Factory(dict)
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Sighting:
    """An observable in a case: the same value in other cases ties these together."""

    #: see ``zona_core.domain.events.OBSERVABLES``
    type_id: int
    type: str
    #: as it is compared: in lower case, addresses in their canonical form
    value: str
    case_id: int
    #: of the events that it was seen in
    first_at: datetime
    last_at: datetime
    count: int = 1
    #: what somebody says of it
    note: str = ""
    #: whether it is a sign of an attack; None: nobody has said
    malicious: bool | None = None
    revision: int = 0


@define(kw_only=True, on_setattr=setters.frozen)
class Evidence:
    """A file that belongs to a case. It is kept as it came; its digest tells if it was changed since."""

    id: str
    case_id: int
    name: str
    media_type: str
    #: bytes
    size: int
    #: in hexadecimal
    sha256: str
    #: where its bytes are in the blob store
    blob: str
    description: str = ""
    #: name of the actor who put it there
    user_id: str = ""
    created_at: datetime
    revision: int = 0
