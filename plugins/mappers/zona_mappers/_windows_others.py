"""What PowerShell, the service control manager, the event log and the task scheduler report, by event id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.events import OTHER, EventType, event_type
from zona_mappers._draft import COMMAND, USER, Draft, cut, text
from zona_mappers._windows_parts import Fields, actor, file_object, named_user, process_object

__all__ = ["EVENT_LOG", "POWERSHELL", "SERVICES", "TASKS"]

Build = Callable[[Fields, Draft], EventType]

_EXECUTE: Final = event_type(1009, 1)
_BASE: Final = event_type(0)
#: OCSF's ``script.type_id``
_POWERSHELL_SCRIPT: Final = 2


def _module(fields: Fields, draft: Draft) -> EventType:
    """4103: a command of a module, with its parameters."""
    _powershell_context(draft, text(fields.get("ContextInfo")), " = ")
    return _script(draft, text(fields.get("Payload")))


def _block(fields: Fields, draft: Draft) -> EventType:
    """4104: a script block, or a part of one."""
    get = fields.get
    kind = _script(draft, text(get("ScriptBlockText")))
    script = draft.data["script"]
    if uid := text(get("ScriptBlockId")):
        script["uid"] = uid
    if path := text(get("Path")):
        script["file"] = file_object(draft, "script.file", path)
    return kind


def _pipeline(fields: Fields, draft: Draft) -> EventType:
    """800 of the classic log: the same as 4103, as parameters or in the message only."""
    get = fields.get
    # NOTE: some collectors keep the message alone, which begins with "Pipeline execution details for command line: ".
    details = text(get("param2") or get("Message"))
    _powershell_context(draft, details, "=")
    return _script(draft, text(get("param3")) or details)


def _engine(fields: Fields, draft: Draft) -> EventType:
    """The engine or a provider was started or stopped."""
    get = fields.get
    _powershell_context(draft, text(get("param3") or get("Message") or get("Data")), "=")
    return _BASE


def _script(draft: Draft, content: str) -> EventType:
    draft.data["script"] = {"type": "PowerShell", "type_id": _POWERSHELL_SCRIPT, "script_content": {"value": content}}
    return _EXECUTE


def _powershell_context(draft: Draft, context: str, joint: str) -> None:
    """The host application and the user, from lines of ``Name = value``."""
    spaced = joint != "="
    who = named_user(_line(context, f"User{joint}" if spaced else "UserId="))
    if name := who.get("name", ""):
        draft.user = name
        draft.see("actor.user.name", USER, name)
    line = _line(context, f"Host Application{joint}" if spaced else "HostApplication=")
    process: dict[str, Any] = {}
    if line:
        process["cmd_line"] = line
        draft.see("actor.process.cmd_line", COMMAND, line)
    actor(draft, who, process)


def _line(context: str, name: str) -> str:
    """What follows ``name`` in its line, if that line begins with it."""
    start = context.find(name)
    while start > 0 and context[start - 1] not in "\n\t ":
        start = context.find(name, start + 1)
    if start < 0:
        return ""
    start += len(name)
    end = context.find("\n", start)
    return (context[start:] if end < 0 else context[start:end]).strip()


def _installed(fields: Fields, draft: Draft) -> EventType:
    get = fields.get
    service: dict[str, Any] = {"name": text(get("ServiceName"))}
    if command := text(get("ImagePath")):
        service["cmd_line"] = command
        draft.see("win_service.cmd_line", COMMAND, command)
    for theirs, ours in (("StartType", "service_start_type"), ("AccountName", "service_start_name")):
        if value := text(get(theirs)):
            service[ours] = value
    draft.data["win_service"] = service
    return _INSTALL


_INSTALL: Final = event_type(201004, 1)
_STATES: Final = {
    "running": event_type(201004, 3),
    "stopped": event_type(201004, 4),
    "paused": event_type(201004, 5),
}
_OTHER_STATE: Final = event_type(201004, OTHER)
_RECONFIGURE: Final = event_type(201004, 2)


def _state(fields: Fields, draft: Draft) -> EventType:
    draft.data["win_service"] = {"name": text(fields.get("param1"))}
    return _STATES.get(text(fields.get("param2")).lower(), _OTHER_STATE)


def _reconfigured(fields: Fields, draft: Draft) -> EventType:
    draft.data["win_service"] = {
        "name": text(fields.get("param1")),
        "service_start_type": text(fields.get("param3")),
    }
    return _RECONFIGURE


def _log(activity_id: int) -> Build:
    kind = event_type(1008, activity_id)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        name = text(get("SubjectUserName"))
        actor(draft, {"name": name, "domain": text(get("SubjectDomainName"))} if name else {}, {})
        if name:
            draft.user = name
            draft.see("actor.user.name", USER, name)
        cleared = text(get("Channel"))
        draft.data["log_name"] = cut(cleared) or "Security"
        return kind

    return build


def _task(activity_id: int) -> Build:
    kind = event_type(1006, activity_id)

    def build(fields: Fields, draft: Draft) -> EventType:
        get = fields.get
        who = named_user(get("UserContext") or get("UserName"))
        if name := who.get("name", ""):
            draft.user = name
            draft.see("actor.user.name", USER, name)
        actor(draft, who, {})
        draft.data["job"] = {"name": text(get("TaskName"))}
        if action := text(get("ActionName") or get("Path")):
            draft.data["process"] = process_object(draft, "process", action)
        return kind

    return build


POWERSHELL: Final[Mapping[int, Build]] = {
    400: _engine,
    403: _engine,
    600: _engine,
    800: _pipeline,
    4103: _module,
    4104: _block,
}
SERVICES: Final[Mapping[int, Build]] = {7036: _state, 7040: _reconfigured, 7045: _installed}
EVENT_LOG: Final[Mapping[int, Build]] = {104: _log(1), 1100: _log(7), 1102: _log(1)}
TASKS: Final[Mapping[int, Build]] = {106: _task(1), 140: _task(2), 141: _task(3), 142: _task(5), 200: _task(6)}
