"""What the Security log reports of processes, objects, connections, tasks and of itself, by event id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.events import OTHER, EventType, event_type
from zona_mappers._draft import Draft, integer, text
from zona_mappers._windows_accounts import ACCOUNTS
from zona_mappers._windows_parts import Fields, actor, file_object, process_object, subject, target_user

__all__ = ["SECURITY", "by_subject"]

Build = Callable[[Fields, Draft], EventType]

_BASE: Final = event_type(0)
_LAUNCH: Final = event_type(1007, 1)
_TERMINATE: Final = event_type(1007, 2)
_REGISTRY_KEY: Final = 46

#: bits of an access mask (winnt.h) and what they are for: the first that is asked for names the activity
_FILE_RIGHTS: Final = (
    (0x10000, event_type(1001, 4)),
    (0x40000 | 0x80000, event_type(1001, 7)),
    (0x2 | 0x4, event_type(1001, 3)),
    (0x1 | 0x20, event_type(1001, 2)),
    (0x10 | 0x100, event_type(1001, 6)),
    (0x8 | 0x80, event_type(1001, 8)),
    (0x20000, event_type(1001, 9)),
)
_KEY_RIGHTS: Final = (
    (0x10000, event_type(201001, 4)),
    (0x40000 | 0x80000, event_type(201001, 6)),
    (0x2, event_type(201001, 3)),
    (0x4, event_type(201001, 1)),
    (0x1 | 0x8 | 0x20000, event_type(201001, 2)),
)
_OPEN_FILE: Final = event_type(1001, 14)
_OPEN_KEY: Final = event_type(201001, OTHER, activity="Open")
_OTHER_KEY: Final = event_type(201001, OTHER)
_DELETE_FILE: Final = event_type(1001, 4)
_ACCESS: Final = event_type(201003, 1)
_OPEN_PROCESS: Final = event_type(1007, 3)
_OPEN_SHARE: Final = event_type(4006, 2)


def by_subject(fields: Fields, draft: Draft) -> EventType:
    """For what has no class: who did it, and by which process."""
    get = fields.get
    process = process_object(draft, "actor.process", get("ProcessName"), get("ProcessId"))
    actor(draft, subject(fields, draft), process, text(get("SubjectLogonId")))
    return _BASE


def _launch(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    process = process_object(draft, "process", get("NewProcessName"), get("NewProcessId"), None, get("CommandLine"))
    if label := text(get("MandatoryLabel")):
        process["integrity"] = label
    who = subject(fields, draft)
    if target := text(get("TargetUserName")):
        process["user"] = {"name": target, "domain": text(get("TargetDomainName"))}
    elif who:
        process["user"] = who
    draft.data["process"] = process
    parent = process_object(draft, "actor.process", get("ParentProcessName"), get("ProcessId"))
    actor(draft, who, parent, text(get("SubjectLogonId")))
    return _LAUNCH


def _terminate(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    draft.data["process"] = process_object(draft, "process", get("ProcessName"), get("ProcessId"))
    actor(draft, subject(fields, draft), {}, text(get("SubjectLogonId")))
    code = integer(get("Status"))
    if code is not None:
        draft.data["exit_code"] = code
    return _TERMINATE


def _object(fields: Fields, draft: Draft) -> EventType:
    """A handle was asked for, used or closed: a file, a registry key, a process or something else."""
    get = fields.get
    by_subject(fields, draft)
    kind, name = text(get("ObjectType")), text(get("ObjectName"))
    mask = integer(get("AccessMask"))
    if mask is not None:
        draft.data["access_mask"] = mask
    if kind == "Key":
        draft.data["reg_key"] = {"path": name}
        draft.see("reg_key.path", _REGISTRY_KEY, name)
        return _right(_KEY_RIGHTS, mask, _OTHER_KEY)
    if kind in ("File", "Directory"):
        draft.data["file"] = file_object(draft, "file", name)
        return _right(_FILE_RIGHTS, mask, _OPEN_FILE)
    if kind == "Process":
        draft.data["process"] = process_object(draft, "process", name)
        return _OPEN_PROCESS
    resource = {"name": name, "type": kind or text(get("ObjectServer")), "uid": text(get("HandleId"))}
    draft.data["win_resource"] = {each: value for each, value in resource.items() if value}
    return _ACCESS


def _asked(fields: Fields, draft: Draft) -> EventType:
    """A handle was asked for: opened, whatever the rights."""
    found = _object(fields, draft)
    if found.class_uid == 1001:
        return _OPEN_FILE
    return _OPEN_KEY if found.class_uid == 201001 else found


def _deleted(fields: Fields, draft: Draft) -> EventType:
    found = _object(fields, draft)
    return _DELETE_FILE if found.class_uid == 1001 else found


def _right(rights: tuple[tuple[int, EventType], ...], mask: int | None, other: EventType) -> EventType:
    return next((kind for bits, kind in rights if (mask or 0) & bits), other)


def _share(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    actor(draft, subject(fields, draft), {}, text(get("SubjectLogonId")))
    draft.src_ip = draft.endpoint("src_endpoint", get("IpAddress"), get("IpPort"))
    if host := draft.data.get("device"):
        draft.data["dst_endpoint"] = dict(host)
    draft.data["share"] = text(get("ShareName"))
    if name := text(get("RelativeTargetName")):
        draft.data["file"] = file_object(draft, "file", name)
    return _OPEN_SHARE


def _network(activity_id: int, outcome: int, activity: str = "") -> Build:
    kind = event_type(4001, activity_id, activity=activity)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        pid = get("ProcessId") or get("ProcessID")
        actor(draft, {}, process_object(draft, "actor.process", get("Application"), pid))
        draft.src_ip = draft.endpoint("src_endpoint", get("SourceAddress"), get("SourcePort"))
        draft.dst_ip = draft.endpoint("dst_endpoint", get("DestAddress"), get("DestPort"))
        connection: dict[str, Any] = {}
        number = integer(get("Protocol"))
        if number is not None:
            connection["protocol_num"] = number
        direction = text(get("Direction"))
        if direction in _DIRECTIONS:
            connection["direction_id"], connection["direction"] = _DIRECTIONS[direction]
        if connection:
            draft.data["connection_info"] = connection
        draft.status_id = draft.status_id or outcome
        return kind

    return build


#: OCSF's ``direction_id`` and its caption
_DIRECTIONS: Final = {"%%14592": (1, "Inbound"), "%%14593": (2, "Outbound")}


def _task(activity_id: int) -> Build:
    kind = event_type(1006, activity_id)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        actor(draft, subject(fields, draft), {}, text(get("SubjectLogonId")))
        job = {"name": text(get("TaskName"))}
        if content := text(get("TaskContent") or get("TaskContentNew")):
            job["desc"] = content
        draft.data["job"] = job
        return kind

    return build


def _service(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    actor(draft, subject(fields, draft), {}, text(get("SubjectLogonId")))
    service: dict[str, Any] = {"name": text(get("ServiceName"))}
    if file := file_object(draft, "win_service.service_file", text(get("ServiceFileName"))):
        service["service_file"] = file
    if account := text(get("ServiceAccount")):
        service["service_start_name"] = account
    draft.data["win_service"] = service
    return _INSTALL


_INSTALL: Final = event_type(201004, 1)


def _log(activity_id: int) -> Build:
    kind = event_type(1008, activity_id)

    def build(fields: Fields, draft: Draft) -> EventType:
        actor(draft, subject(fields, draft), {})
        draft.data["log_name"] = text(fields.get("Channel")) or "Security"
        return kind

    return build


def _policy(fields: Fields, draft: Draft) -> EventType:
    by_subject(fields, draft)
    target_user(fields, draft)
    return _UPDATE


_UPDATE: Final = event_type(3004, 3)

SECURITY: Final[Mapping[int, Build]] = {
    **ACCOUNTS,
    1100: _log(7),
    1102: _log(1),
    4656: _asked,
    4658: _object,
    4660: _deleted,
    4663: _object,
    4688: _launch,
    4689: _terminate,
    4690: _object,
    4697: _service,
    4698: _task(1),
    4699: _task(3),
    4700: _task(4),
    4701: _task(5),
    4702: _task(2),
    4719: _policy,
    5140: _share,
    5145: _share,
    5152: _network(5, 2),
    5154: _network(7, 1),
    5156: _network(1, 1),
    5157: _network(5, 2),
    5158: _network(OTHER, 1, "Bind"),
    5159: _network(OTHER, 2, "Bind"),
}
