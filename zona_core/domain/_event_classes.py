"""The classes of security events that are known by name, and what may happen in each (OCSF 1.x).

``type_uid`` is ``class_uid * 100 + activity_id``; a class's category are the thousands of its uid, without the number
of the extension that it comes from (201001 is class 1001 of extension 2, Windows).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import define

__all__ = ["CATEGORIES", "CLASSES", "OTHER", "UNKNOWN", "EventClass", "EventType", "event_type"]

UNKNOWN: Final = 0
OTHER: Final = 99


@define(frozen=True)
class EventClass:
    """A class: its caption, and its activities' captions by id."""

    uid: int
    name: str
    activities: Mapping[int, str]


@define(frozen=True)
class EventType:
    """What kind of event it is: a class, and what happened in its terms. One is shared by all events of its kind."""

    class_uid: int
    class_name: str
    category_uid: int
    activity_id: int
    activity_name: str
    type_uid: int


#: ``category_uid`` → caption
CATEGORIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "Uncategorized",
        1: "System Activity",
        2: "Findings",
        3: "Identity & Access Management",
        4: "Network Activity",
        5: "Discovery",
        6: "Application Activity",
    }
)

_CONNECTION: Final = ("Open", "Close", "Reset", "Fail", "Refuse", "Traffic", "Listen")
_FILES: Final = (
    "Create",
    "Read",
    "Update",
    "Delete",
    "Rename",
    "Set Attributes",
    "Set Security",
    "Get Attributes",
    "Get Security",
    "Encrypt",
    "Decrypt",
    "Mount",
    "Unmount",
    "Open",
)
_ACCOUNTS: Final = (
    "Create",
    "Enable",
    "Password Change",
    "Password Reset",
    "Disable",
    "Delete",
    "Attach Policy",
    "Detach Policy",
    "Lock",
    "MFA Factor Enable",
    "MFA Factor Disable",
)
_LOGS: Final = ("Clear", "Delete", "Export", "Archive", "Rotate", "Start", "Stop", "Restart", "Enable", "Disable")
_GROUPS: Final = (
    "Assign Privileges",
    "Revoke Privileges",
    "Add User",
    "Remove User",
    "Delete",
    "Create",
    "Add Subgroup",
    "Remove Subgroup",
)
_KEYS: Final = ("Create", "Read", "Modify", "Delete", "Rename", "Set Security", "Restore", "Import", "Export")
_LOGONS: Final = ("Logon", "Logoff", "Authentication Ticket", "Service Ticket Request", "Service Ticket Renew")
_SHARES: Final = (
    "File Supersede",
    "File Open",
    "File Create",
    "File Open If",
    "File Overwrite",
    "File Overwrite If",
)
_METHODS: Final = ("Connect", "Delete", "Get", "Head", "Options", "Post", "Put", "Trace", "Patch")
_SERVICES: Final = ("Create", "Reconfigure", "Start", "Stop", "Pause", "Continue", "Delete")

#: (uid, caption, captions of its activities from 1 on, or by id)
_TABLE: Final[tuple[tuple[int, str, tuple[str, ...] | dict[int, str]], ...]] = (
    (0, "Base Event", ()),
    (1001, "File System Activity", _FILES),
    (1002, "Kernel Extension Activity", ("Load", "Unload")),
    (1005, "Module Activity", ("Load", "Unload", "Invoke")),
    (1006, "Scheduled Job Activity", ("Create", "Update", "Delete", "Enable", "Disable", "Start")),
    (1007, "Process Activity", ("Launch", "Terminate", "Open", "Inject", "Set User ID")),
    (1008, "Event Log Activity", _LOGS),
    (1009, "Script Activity", ("Execute",)),
    (201001, "Registry Key Activity", _KEYS),
    (201002, "Registry Value Activity", ("Get", "Set", "Modify", "Delete")),
    (201003, "Windows Resource Activity", ("Access",)),
    (201004, "Windows Service Activity", _SERVICES),
    (2004, "Detection Finding", ("Create", "Update", "Close")),
    (3001, "Account Change", _ACCOUNTS),
    (3002, "Authentication", _LOGONS),
    (3003, "Authorize Session", ("Assign Privileges", "Assign Groups", "Assign Roles")),
    (3004, "Entity Management", ("Create", "Read", "Update", "Delete")),
    (3005, "User Access Management", ("Assign Privileges", "Revoke Privileges")),
    (3006, "Group Management", _GROUPS),
    (4001, "Network Activity", _CONNECTION),
    (4002, "HTTP Activity", _METHODS),
    (4003, "DNS Activity", {1: "Query", 2: "Response", 6: "Traffic"}),
    (4006, "SMB Activity", _SHARES),
    (4007, "SSH Activity", _CONNECTION),
    (6003, "API Activity", ("Create", "Read", "Update", "Delete")),
)


def _known() -> dict[int, EventClass]:
    found = {}
    for uid, name, given in _TABLE:
        numbered = dict(enumerate(given, 1)) if isinstance(given, tuple) else given
        found[uid] = EventClass(uid, name, MappingProxyType({UNKNOWN: "Unknown", **numbered, OTHER: "Other"}))
    return found


#: ``class_uid`` → class
CLASSES: Final[Mapping[int, EventClass]] = MappingProxyType(_known())


def event_type(class_uid: int, activity_id: int = UNKNOWN, *, class_name: str = "", activity: str = "") -> EventType:
    """The type of ``activity_id`` in ``class_uid``; captions that are not given are the known ones, else ``Other``.

    ``activity`` is the source's own word where the class has no activity for it (``activity_id`` 99).
    """
    known = CLASSES.get(class_uid)
    captions = known.activities if known else {UNKNOWN: "Unknown"}
    return EventType(
        class_uid=class_uid,
        class_name=class_name or (known.name if known else "Other"),
        category_uid=class_uid % 100_000 // 1_000,
        activity_id=activity_id,
        activity_name=activity or captions.get(activity_id, "Other"),
        type_uid=class_uid * 100 + activity_id,
    )
