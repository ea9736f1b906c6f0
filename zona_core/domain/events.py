"""Security events in one form, whatever they came as (SPEC §1, §4.5).

The form is that of the Open Cybersecurity Schema Framework (OCSF 1.x): an event has a class (what kind of thing
happened), an activity (what of it), a severity, and objects such as ``actor``, ``device``, ``process`` or
``src_endpoint`` with the schema's names.

What is an attribute of ``Event`` and what lies in its ``data``: an attribute is what every event has or what events are
searched by, so that a store can index it without knowing the classes: times, class, severity, status, where it came
from, and the host, the user, the two addresses and the observables' values. There is one such attribute a question
that people ask ("what did this host do?"), not one for each of the schema's hundreds of names. Everything else depends
on the class and is read together with the event, never apart from it: that is ``data``, one JSON object with the
schema's names. What is searched for equality is written in one way: ``host`` and ``user`` in lower case and without
domain, addresses in their canonical form; ``data`` has them as they came.

``raw`` is the event as it came. Detection rules ask it, evidence is taken from it, and a better mapper can map it anew.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final

from attrs import define, setters

from zona_core.errors import Fault, UnmappableEvent

from ._event_classes import CATEGORIES, CLASSES, OTHER, UNKNOWN, EventClass, EventType, event_type
from ._event_times import read_time

__all__ = [
    "CATEGORIES",
    "CLASSES",
    "MOST_DEPTH",
    "OBSERVABLES",
    "OTHER",
    "SEVERITIES",
    "STATUSES",
    "UNKNOWN",
    "Event",
    "EventClass",
    "EventType",
    "MappedEvent",
    "Observable",
    "address",
    "check_depth",
    "event_key",
    "event_type",
    "made_event",
    "observable",
    "read_time",
]

#: lists and objects within each other in a raw event: stores keep it inside of a document, which has a bound of its own
MOST_DEPTH: Final = 64
#: characters of a text that events are found by; what is longer is cut, in ``data`` and ``observables`` it is whole
_LONGEST: Final = 256
_LONGEST_VALUE: Final = 1_024
#: letters and digits without anything between them, such as base64: what comes after so many is left out of a search
_LONGEST_RUN: Final = 64
_RUN: Final = re.compile(rf"([0-9A-Za-z]{{{_LONGEST_RUN}}})[0-9A-Za-z]+")
_NESTED: Final = frozenset((dict, list))
#: bytes; 2**64 events would be needed for an even chance that two of them have one key
_KEY_SIZE: Final = 16

#: ``severity_id`` → caption
SEVERITIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "Unknown",
        1: "Informational",
        2: "Low",
        3: "Medium",
        4: "High",
        5: "Critical",
        6: "Fatal",
        99: "Other",
    }
)
#: ``status_id`` → caption
STATUSES: Final[Mapping[int, str]] = MappingProxyType({0: "Unknown", 1: "Success", 2: "Failure", 99: "Other"})
#: an observable's ``type_id`` → caption
OBSERVABLES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "Unknown",
        1: "Hostname",
        2: "IP Address",
        3: "MAC Address",
        4: "User Name",
        5: "Email Address",
        6: "URL String",
        7: "File Name",
        8: "Hash",
        9: "Process Name",
        10: "Resource UID",
        11: "Port",
        12: "Subnet",
        13: "Command Line",
        14: "Country",
        15: "Process ID",
        16: "HTTP User-Agent",
        17: "CWE Object: uid",
        18: "CVE Object: uid",
        19: "User Credential ID",
        30: "Fingerprint",
        31: "User Object: uid",
        35: "Account Object: uid",
        36: "Script Content",
        43: "Registry Value Object: name",
        45: "File Path",
        46: "Registry Key Path",
        99: "Other",
    }
)


@define(on_setattr=setters.frozen, unsafe_hash=True)
class Observable:
    """A value by which events, cases and indicators are tied to one another."""

    #: where it is in ``data``: ``process.file.path``
    name: str
    #: what it is: a key of ``OBSERVABLES``, and its caption
    type_id: int
    type: str
    value: str


def observable(name: str, type_id: int, value: str) -> Observable:
    """An observable of a known type."""
    return Observable(name, type_id, OBSERVABLES.get(type_id, "Other"), value)


@define(kw_only=True, on_setattr=setters.frozen)
class MappedEvent:
    """What a mapper makes of a raw event, before it is known by which stream and when it came.

    ``data`` and ``raw`` may share values: neither is changed after.
    """

    type: EventType
    #: None: the mapper was told to take the time at which the event is received
    occurred_at: datetime | None
    severity_id: int = 0
    status_id: int = 0
    message: str = ""
    #: the name of the device that the event happened on
    host: str = ""
    #: the user that the class is about (who logs on, whose account is changed), else the actor's
    user: str = ""
    src_ip: str = ""
    dst_ip: str = ""
    data: dict[str, Any]
    observables: tuple[Observable, ...] = ()
    raw: dict[str, Any]
    #: what names the event in its source for good (``event_key``); empty if the format has nothing of the kind
    natural: tuple[str, ...] = ()


@define(kw_only=True, on_setattr=setters.frozen)
class Event:
    """A normalised security event."""

    #: the deduplication key: see ``event_key``
    id: str
    #: the stream that it came by: ``windows``, ``cloudtrail``, a caller's name
    source: str
    #: the instance that it was polled from; 0: none
    instance_id: int = 0
    #: which mapper made it
    mapper: str
    occurred_at: datetime
    received_at: datetime
    class_uid: int
    class_name: str
    category_uid: int
    activity_id: int
    activity_name: str
    type_uid: int
    #: OCSF: 0 unknown, 1 informational, 2 low, 3 medium, 4 high, 5 critical, 6 fatal, 99 other
    severity_id: int
    #: OCSF: 0 unknown, 1 success, 2 failure, 99 other
    status_id: int
    message: str
    host: str
    user: str
    src_ip: str
    dst_ip: str
    #: the observables' values, each once and not longer than 1,024 characters, without the ends of runs of letters and
    #: digits that are longer than 64: what a search for words looks into
    values: tuple[str, ...]
    observables: tuple[Observable, ...]
    #: what else there is, with the names of OCSF
    data: dict[str, Any]
    #: as it came
    raw: dict[str, Any]
    revision: int = 0


def made_event(
    mapped: MappedEvent,
    *,
    source: str,
    mapper: str,
    received_at: datetime,
    instance_id: int = 0,
    key: str = "",
) -> Event:
    """The event that ``mapped`` is when it came by ``source`` at ``received_at``.

    ``key``, if given, takes the place of the natural one: two events of one source with one key are one event.
    Raises ``UnmappableEvent`` if a key has to be made of raw data that is no JSON.
    """
    kind = mapped.type
    return Event(
        id=event_key(source, mapped.raw, (key,) if key else mapped.natural),
        source=source,
        instance_id=instance_id,
        mapper=mapper,
        occurred_at=mapped.occurred_at or received_at,
        received_at=received_at,
        class_uid=kind.class_uid,
        class_name=kind.class_name,
        category_uid=kind.category_uid,
        activity_id=kind.activity_id,
        activity_name=kind.activity_name,
        type_uid=kind.type_uid,
        severity_id=mapped.severity_id,
        status_id=mapped.status_id,
        message=mapped.message,
        host=_findable(mapped.host),
        user=_findable(mapped.user),
        src_ip=address(mapped.src_ip),
        dst_ip=address(mapped.dst_ip),
        values=_words(mapped.observables),
        observables=mapped.observables,
        data=mapped.data,
        raw=mapped.raw,
    )


def event_key(source: str, raw: Mapping[str, Any], natural: Sequence[str] = ()) -> str:
    """The key under which an event is stored once: 32 hexadecimal digits.

    With ``natural`` (what names the event in its source: a record's number, an id) it is made of that, else of the
    whole of ``raw`` as JSON, without regard to the order of members and to blanks between them; 1 and 1.0 differ.
    ``source`` is a part of it. The consequences:

    * An event that is delivered again by the same source is the same event, however often it comes. Two events that
      really are alike in everything are one as well, where the format has no natural name for them.
    * With a natural name the first delivery counts: what comes later under that name, even with other contents, is
      taken for a repetition. Whoever may write to a source can therefore keep others' events out of that same source,
      if he knows their names beforehand; senders that do not trust each other need sources of their own.
    * Other sources are not compared: one event that comes by two of them is stored twice.

    Raises ``UnmappableEvent`` if ``raw`` is no JSON data, or nested too deeply to be written.
    """
    parts = (source, *natural) if natural else (source, "", _canonical(raw))
    # Each part's length before it: no two sequences of parts are written alike.
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_SIZE).hexdigest()


def check_depth(raw: Mapping[str, Any]) -> None:
    """Raises ``UnmappableEvent`` (``event_too_deep``) if ``raw`` is nested more than ``MOST_DEPTH`` deep."""
    level: list[Any] = [value for value in raw.values() if value.__class__ in _NESTED]
    depth = 1
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise UnmappableEvent(
                "the event is nested too deeply",
                code="event_too_deep",
                faults=(Fault("", "it is nested too deeply", f"lists and objects at most {MOST_DEPTH} deep"),),
            )
        level = [
            inner
            for outer in level
            for inner in (outer.values() if outer.__class__ is dict else outer)
            if inner.__class__ in _NESTED
        ]


@lru_cache(maxsize=65_536)
def address(text: str) -> str:
    """The canonical form of an IP address (RFC 5952 for version 6), without its zone; empty for what is none."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0])) if len(text) <= _LONGEST else ""
    except ValueError:
        return ""


def _findable(text: str) -> str:
    """As it is indexed: in lower case, and without NUL, which no index holds."""
    found = text[:_LONGEST].lower()
    return found.replace("\0", "") if "\0" in found else found


def _words(observables: Iterable[Observable]) -> tuple[str, ...]:
    found = tuple({_searched(each.value): None for each in observables})
    return tuple(each.replace("\0", "") for each in found) if "\0" in "".join(found) else found


def _searched(value: str) -> str:
    """As it is searched for: nobody looks for the whole of what is encoded in it."""
    return value if len(value) <= _LONGEST_RUN else _RUN.sub(r"\1", value)[:_LONGEST_VALUE]


def _canonical(raw: Mapping[str, Any]) -> str:
    problem = ""
    try:
        return json.dumps(raw, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        problem = "it is nested too deeply"
    except (TypeError, ValueError):
        problem = "it is no JSON data"
    # Outside of the except block: what was raised leads to frames that hold the event.
    raise UnmappableEvent(
        f"the event has no key: {problem}", faults=(Fault("", problem, f"JSON at most {MOST_DEPTH} deep"),)
    )
