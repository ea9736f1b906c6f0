"""What the Security log reports of logons, sessions, accounts and groups, by event id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.events import OTHER, EventType, event_type
from zona_mappers._draft import USER, Draft, integer, text
from zona_mappers._windows_parts import Fields, actor, process_object, subject, target_user, user

__all__ = ["ACCOUNTS"]

Build = Callable[[Fields, Draft], EventType]

#: OCSF has Windows' own numbers of logon types
_LOGON_TYPES: Final = {
    0: "System",
    2: "Interactive",
    3: "Network",
    4: "Batch",
    5: "OS Service",
    7: "Unlock",
    8: "Network Cleartext",
    9: "New Credentials",
    10: "Remote Interactive",
    11: "Cached Interactive",
    12: "Cached Remote Interactive",
    13: "Cached Unlock",
}
_REMOTE: Final = frozenset((3, 8, 10, 12))
#: OCSF's ``auth_protocol_id``
_PROTOCOLS: Final = {"NTLM": 1, "Kerberos": 2, "Digest": 3, "WDigest": 3}
#: what failed logons say of the reason (ntstatus.h)
_REASONS: Final = {
    0xC0000064: "USER_DOES_NOT_EXIST",
    0xC000006A: "INVALID_CREDENTIALS",
    0xC000006D: "INVALID_CREDENTIALS",
    0xC000006E: "ACCOUNT_RESTRICTION",
    0xC000006F: "INVALID_LOGON_HOURS",
    0xC0000070: "INVALID_WORKSTATION",
    0xC0000071: "PASSWORD_EXPIRED",
    0xC0000072: "ACCOUNT_DISABLED",
    0xC0000193: "ACCOUNT_EXPIRED",
    0xC0000234: "ACCOUNT_LOCKED_OUT",
}


def _session(number: str, guid: str = "") -> dict[str, Any]:
    return {"uid": number, "uid_alt": guid} if guid else {"uid": number}


def _logon(activity_id: int, outcome: int = 0) -> Build:
    """``outcome`` is the status where the record has none in its keywords."""
    kind = event_type(3002, activity_id)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        data = draft.data
        who = subject(fields, draft)
        process = process_object(draft, "actor.process", get("ProcessName"), get("ProcessId"))
        actor(draft, who, process, text(get("SubjectLogonId")))
        target_user(fields, draft)
        draft.src_ip = draft.endpoint(
            "src_endpoint", _plain(get("IpAddress")), get("IpPort"), get("WorkstationName") or get("Workstation")
        )
        if host := data.get("device"):
            data["dst_endpoint"] = dict(host)
        number = integer(get("LogonType"))
        if number is not None:
            data["logon_type_id"] = number if number in _LOGON_TYPES else OTHER
            data["logon_type"] = _LOGON_TYPES.get(number, "Other")
            data["is_remote"] = number in _REMOTE
        if protocol := text(get("AuthenticationPackageName") or get("PackageName")):
            data["auth_protocol"] = protocol
            data["auth_protocol_id"] = _PROTOCOLS.get(protocol, OTHER)
        if session := text(get("TargetLogonId")):
            data["session"] = _session(session, text(get("LogonGuid")))
        if by := text(get("LogonProcessName")).strip():
            data["logon_process"] = {"name": by}
        if service := text(get("ServiceName") or get("TargetServerName")):
            data["service"] = {"name": service}
        _explain(fields, draft)
        draft.status_id = draft.status_id or outcome
        return kind

    return build


def _plain(value: Any) -> str:
    return text(value).removeprefix("::ffff:")


def _explain(fields: Fields, draft: Draft) -> None:
    """The status as Windows gives it, and in words where they are known; it tells success from failure."""
    get = fields.get
    for name in ("SubStatus", "Status", "FailureCode"):
        status = integer(get(name))
        if status:
            draft.data["status_code"] = hex(status)
            if reason := _REASONS.get(status):
                draft.data["status_detail"] = reason
            draft.status_id = draft.status_id or 2
            return


def _account(activity_id: int, activity: str = "") -> Build:
    kind = event_type(3001, activity_id, activity=activity)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        who = subject(fields, draft)
        actor(draft, who, {}, text(get("SubjectLogonId")))
        if not target_user(fields, draft) and (name := text(get("OldTargetUserName"))):
            draft.data["user"] = user(name, text(get("TargetDomainName")), text(get("TargetSid")))
            draft.user = name
        if name := text(get("NewTargetUserName")):
            draft.data["user_result"] = user(name, text(get("TargetDomainName")), text(get("TargetSid")))
            draft.see("user_result.name", USER, name)
        return kind

    return build


def _group(activity_id: int) -> Build:
    kind = event_type(3006, activity_id)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        actor(draft, subject(fields, draft), {}, text(get("SubjectLogonId")))
        draft.data["group"] = user(text(get("TargetUserName")), text(get("TargetDomainName")), text(get("TargetSid")))
        # ``CN=name,OU=…``: a distinguished name, or nothing for a member of this machine
        name = text(get("MemberName"))
        if name.upper().startswith("CN="):
            name = name[3:].partition(",")[0]
        if member := user(name, "", text(get("MemberSid"))):
            draft.data["user"] = member
            if name:
                draft.user = name
                draft.see("user.name", USER, name)
        return kind

    return build


def _privileges(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    who = subject(fields, draft)
    session = text(get("SubjectLogonId"))
    actor(draft, who, {}, session)
    draft.data["user"] = who
    draft.data["session"] = _session(session)
    draft.data["privileges"] = text(get("PrivilegeList")).split()
    return _ASSIGN_PRIVILEGES


def _groups(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    actor(draft, subject(fields, draft), {}, text(get("SubjectLogonId")))
    target_user(fields, draft)
    draft.data["session"] = _session(text(get("TargetLogonId")))
    # ``%{S-1-5-32-544}`` a line
    draft.data["groups"] = [{"uid": each.strip("%{}")} for each in text(get("GroupMembership")).split()]
    return _ASSIGN_GROUPS


def _adjusted(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    process = process_object(draft, "actor.process", get("ProcessName"), get("ProcessId"))
    actor(draft, subject(fields, draft), process, text(get("SubjectLogonId")))
    target_user(fields, draft)
    enabled = text(get("EnabledPrivilegeList")).split()
    draft.data["privileges"] = enabled or text(get("DisabledPrivilegeList")).split()
    return _ADJUST if enabled else _REVOKE


_ASSIGN_PRIVILEGES: Final = event_type(3003, 1)
_ASSIGN_GROUPS: Final = event_type(3003, 2)
_ADJUST: Final = event_type(3005, 1)
_REVOKE: Final = event_type(3005, 2)

ACCOUNTS: Final[Mapping[int, Build]] = {
    4624: _logon(1, 1),
    4625: _logon(1, 2),
    4627: _groups,
    4634: _logon(2, 1),
    4647: _logon(2, 1),
    4648: _logon(1),
    4672: _privileges,
    4703: _adjusted,
    4768: _logon(3),
    4769: _logon(4),
    4770: _logon(5),
    4771: _logon(3, 2),
    4776: _logon(1),
    4720: _account(1),
    4722: _account(2),
    4723: _account(3),
    4724: _account(4),
    4725: _account(5),
    4726: _account(6),
    4738: _account(OTHER, "Change"),
    4740: _account(9),
    4767: _account(OTHER, "Unlock"),
    4781: _account(OTHER, "Rename"),
    **dict.fromkeys((4728, 4732, 4756), _group(3)),
    **dict.fromkeys((4729, 4733, 4757), _group(4)),
    **dict.fromkeys((4730, 4734, 4758), _group(5)),
    **dict.fromkeys((4727, 4731, 4754), _group(6)),
}
