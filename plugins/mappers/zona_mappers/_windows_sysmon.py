"""What Sysmon reports (schema 4.x), by event id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.events import OTHER, EventType, event_type
from zona_mappers._draft import HOST, IP, USER, Draft, integer, text
from zona_mappers._windows_parts import Fields, actor, file_object, hashes, named_user, process_object

__all__ = ["SYSMON"]

_LAUNCH: Final = event_type(1007, 1)
_TERMINATE: Final = event_type(1007, 2)
_INJECT: Final = event_type(1007, 4)
_OPEN: Final = event_type(1007, 3)
_TAMPER: Final = event_type(1007, OTHER, activity="Tamper")
_CONNECT: Final = event_type(4001, 1)
_LOAD_DRIVER: Final = event_type(1002, 1)
_LOAD_MODULE: Final = event_type(1005, 1)
_RESOLVE: Final = event_type(4003, 6)
_PIPE: Final = event_type(201003, 1)
_FILES: Final = {number: event_type(1001, number) for number in (1, 2, 4, 6)}
_KEYS: Final = {"CreateKey": event_type(201001, 1), "DeleteKey": event_type(201001, 4)}
_RENAME_KEY: Final = event_type(201001, 5)
_OTHER_KEY: Final = event_type(201001, OTHER)
_SET_VALUE: Final = event_type(201002, 2)
_DELETE_VALUE: Final = event_type(201002, 4)
_REGISTRY_KEY: Final = 46
_REGISTRY_VALUE: Final = 43
#: OCSF's ``connection_info.protocol_num``
_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "icmp": 1}


def _who(fields: Fields, draft: Draft) -> dict[str, Any]:
    found = named_user(fields.get("User"))
    if name := found.get("name", ""):
        draft.user = name
        draft.see("actor.user.name", USER, name)
    return found


def _by_process(fields: Fields, draft: Draft) -> dict[str, Any]:
    """The process that did it becomes the actor."""
    get = fields.get
    process = process_object(draft, "actor.process", get("Image"), get("ProcessId"), get("ProcessGuid"))
    actor(draft, _who(fields, draft), process)
    return process


def _launch(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    process = process_object(draft, "process", get("Image"), get("ProcessId"), get("ProcessGuid"), get("CommandLine"))
    if process:
        file = process.setdefault("file", {})
        if found := hashes(draft, "process.file.hashes", get("Hashes")):
            file["hashes"] = found
        if original := text(get("OriginalFileName")):
            file["internal_name"] = original
        if integrity := text(get("IntegrityLevel")):
            process["integrity"] = integrity
        if folder := text(get("CurrentDirectory")):
            process["working_directory"] = folder
        if session := text(get("LogonId")):
            process["session"] = {"uid": session}
    parent = process_object(
        draft, "actor.process", get("ParentImage"), get("ParentProcessId"), get("ParentProcessGuid"),
        get("ParentCommandLine"),
    )  # fmt: skip
    who = _who(fields, draft)
    if who and process:
        process["user"] = who
    actor(draft, who, parent)
    draft.data["process"] = process
    return _LAUNCH


def _terminate(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    draft.data["process"] = process_object(draft, "process", get("Image"), get("ProcessId"), get("ProcessGuid"))
    actor(draft, _who(fields, draft), {})
    return _TERMINATE


def _connect(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    _by_process(fields, draft)
    draft.src_ip = draft.endpoint("src_endpoint", get("SourceIp"), get("SourcePort"), get("SourceHostname"))
    draft.dst_ip = draft.endpoint(
        "dst_endpoint", get("DestinationIp"), get("DestinationPort"), get("DestinationHostname")
    )
    protocol = text(get("Protocol")).lower()
    outbound = text(get("Initiated")).lower() == "true"
    connection: dict[str, Any] = {"direction": "Outbound", "direction_id": 2}
    if not outbound:
        connection = {"direction": "Inbound", "direction_id": 1}
    if protocol:
        connection["protocol_name"] = protocol
        if protocol in _PROTOCOLS:
            connection["protocol_num"] = _PROTOCOLS[protocol]
    draft.data["connection_info"] = connection
    return _CONNECT


def _load_driver(fields: Fields, draft: Draft) -> EventType:
    draft.data["driver"] = {"file": _signed(fields, draft, "driver.file")}
    return _LOAD_DRIVER


def _load_module(fields: Fields, draft: Draft) -> EventType:
    _by_process(fields, draft)
    draft.data["module"] = {"file": _signed(fields, draft, "module.file")}
    return _LOAD_MODULE


def _signed(fields: Fields, draft: Draft, path: str) -> dict[str, Any]:
    get = fields.get
    file = file_object(draft, path, text(get("ImageLoaded")))
    if found := hashes(draft, f"{path}.hashes", get("Hashes")):
        file["hashes"] = found
    if status := text(get("SignatureStatus")):
        file["signature"] = {"state": status}
        if signer := text(get("Signature")):
            file["signature"]["certificate"] = {"subject": signer}
    return file


def _between(kind: EventType) -> Callable[[Fields, Draft], EventType]:
    """One process did something to another."""

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        guid = get("SourceProcessGUID") or get("SourceProcessGuid")
        source = process_object(draft, "actor.process", get("SourceImage"), get("SourceProcessId"), guid)
        if thread := integer(get("SourceThreadId")):
            source["tid"] = thread
        who = named_user(get("SourceUser"))
        if name := who.get("name", ""):
            draft.user = name
            draft.see("actor.user.name", USER, name)
        actor(draft, who, source)
        guid = get("TargetProcessGUID") or get("TargetProcessGuid")
        draft.data["process"] = process_object(draft, "process", get("TargetImage"), get("TargetProcessId"), guid)
        if granted := text(get("GrantedAccess")):
            draft.data["actual_permissions"] = integer(granted)
        if module := text(get("StartModule")):
            draft.data["module"] = {"file": file_object(draft, "module.file", module)}
        return kind

    return build


def _file(kind: EventType) -> Callable[[Fields, Draft], EventType]:
    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        _by_process(fields, draft)
        file = file_object(draft, "file", text(get("TargetFilename") or get("Device")))
        if found := hashes(draft, "file.hashes", get("Hashes") or get("Hash")):
            file["hashes"] = found
        draft.data["file"] = file
        return kind

    return build


def _registry_action(fields: Fields) -> str:
    """What was done to a key; where a collector overwrites ``EventType``, the message still has it."""
    action = text(fields.get("EventType"))
    if action in _KEYS or action == "DeleteValue":
        return action
    message = fields.get("Message")
    if isinstance(message, str):
        start = message.find("\nEventType: ")
        if start >= 0:
            return message[start + 12 : start + 40].split("\r", 1)[0].split("\n", 1)[0]
    return action


def _registry_key(fields: Fields, draft: Draft) -> EventType:
    action = _registry_action(fields)
    if action == "DeleteValue":
        return _registry_value(fields, draft, _DELETE_VALUE)
    _by_process(fields, draft)
    path = text(fields.get("TargetObject"))
    draft.data["reg_key"] = {"path": path}
    draft.see("reg_key.path", _REGISTRY_KEY, path)
    return _KEYS.get(action, _OTHER_KEY)


def _rename_key(fields: Fields, draft: Draft) -> EventType:
    _by_process(fields, draft)
    before, after = text(fields.get("TargetObject")), text(fields.get("NewName"))
    draft.data["prev_reg_key"], draft.data["reg_key"] = {"path": before}, {"path": after}
    draft.see("prev_reg_key.path", _REGISTRY_KEY, before)
    draft.see("reg_key.path", _REGISTRY_KEY, after)
    return _RENAME_KEY


def _set_value(fields: Fields, draft: Draft) -> EventType:
    return _registry_value(fields, draft, _SET_VALUE)


def _registry_value(fields: Fields, draft: Draft, kind: EventType) -> EventType:
    _by_process(fields, draft)
    key, _, name = text(fields.get("TargetObject")).rpartition("\\")
    value = {"path": key, "name": name}
    if details := text(fields.get("Details")):
        value["data"] = details
    draft.data["reg_value"] = value
    draft.see("reg_value.path", _REGISTRY_KEY, key)
    draft.see("reg_value.name", _REGISTRY_VALUE, name)
    return kind


def _pipe(fields: Fields, draft: Draft) -> EventType:
    _by_process(fields, draft)
    draft.data["win_resource"] = {"name": text(fields.get("PipeName")), "type": "Pipe"}
    return _PIPE


def _resolve(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    _by_process(fields, draft)
    name = text(get("QueryName"))
    draft.data["query"] = {"hostname": name}
    draft.see("query.hostname", HOST, name)
    answers = []
    for each in text(get("QueryResults")).split(";"):
        if answer := each.strip():
            address = answer.removeprefix("::ffff:")
            answers.append({"rdata": address})
            if not answer.startswith("type:"):
                draft.see("answers.rdata", IP, address)
    if answers:
        draft.data["answers"] = answers
    status = integer(get("QueryStatus"))
    if status is not None:
        draft.data["status_code"] = str(status)
        draft.status_id = 2 if status else 1
    return _RESOLVE


def _tamper(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    draft.data["process"] = process_object(draft, "process", get("Image"), get("ProcessId"), get("ProcessGuid"))
    draft.data["status_detail"] = text(get("Type"))
    return _TAMPER


SYSMON: Final[Mapping[int, Callable[[Fields, Draft], EventType]]] = {
    1: _launch,
    2: _file(_FILES[6]),
    3: _connect,
    5: _terminate,
    6: _load_driver,
    7: _load_module,
    8: _between(_INJECT),
    9: _file(_FILES[2]),
    10: _between(_OPEN),
    11: _file(_FILES[1]),
    12: _registry_key,
    13: _set_value,
    14: _rename_key,
    15: _file(_FILES[1]),
    17: _pipe,
    18: _pipe,
    22: _resolve,
    23: _file(_FILES[4]),
    25: _tamper,
    26: _file(_FILES[4]),
    27: _file(_FILES[1]),
    28: _file(_FILES[4]),
    29: _file(_FILES[1]),
}
