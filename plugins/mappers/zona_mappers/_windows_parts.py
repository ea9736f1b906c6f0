"""The objects that records of all Windows providers have: users, processes, files, hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zona_mappers._draft import COMMAND, FILE_NAME, FILE_PATH, HASH, PROCESS, USER, Draft, base_name, integer, text

__all__ = ["Fields", "actor", "file_object", "hashes", "named_user", "process_object", "subject", "target_user", "user"]

Fields = Mapping[str, Any]

#: OCSF's ``algorithm_id``
_ALGORITHMS: Final = {"MD5": ("MD5", 1), "SHA1": ("SHA-1", 2), "SHA256": ("SHA-256", 3), "SHA512": ("SHA-512", 4)}
#: what stands where there is nobody: "Null SID"
_NOBODY: Final = "S-1-0-0"


def user(name: str, domain: str = "", sid: str = "") -> dict[str, Any]:
    """A user; empty if there is none."""
    found = {}
    if name:
        found["name"] = name
    if domain:
        found["domain"] = domain
    if sid and sid != _NOBODY:
        found["uid"] = sid
    return found


def named_user(value: Any) -> dict[str, Any]:
    r"""A user from ``DOMAIN\name``."""
    domain, _, name = text(value).rpartition("\\")
    return user(name, domain)


def subject(fields: Fields, draft: Draft) -> dict[str, Any]:
    """Who did it, as the Security log says; noted as the event's user."""
    get = fields.get
    found = user(text(get("SubjectUserName")), text(get("SubjectDomainName")), text(get("SubjectUserSid")))
    if name := found.get("name", ""):
        draft.user = name
        draft.see("actor.user.name", USER, name)
    return found


def target_user(fields: Fields, draft: Draft) -> dict[str, Any]:
    """Whom it is about, as the Security log says; put into the event, and noted as its user."""
    get = fields.get
    found = user(
        text(get("TargetUserName")), text(get("TargetDomainName")), text(get("TargetUserSid") or get("TargetSid"))
    )
    if found:
        draft.data["user"] = found
    if name := found.get("name", ""):
        draft.user = name
        draft.see("user.name", USER, name)
    return found


def actor(draft: Draft, who: dict[str, Any], process: dict[str, Any], session: str = "") -> None:
    """Puts the actor into the event, with what there is of it."""
    found = {}
    if who:
        found["user"] = who
    if process:
        found["process"] = process
    if session:
        found["session"] = {"uid": session}
    if found:
        draft.data["actor"] = found


def process_object(  # noqa: PLR0917  # called for nearly every event
    draft: Draft, path: str, image: Any, pid: Any = None, guid: Any = None, command: Any = None
) -> dict[str, Any]:
    """A process at ``path`` in the event; empty if nothing is known of it."""
    found: dict[str, Any] = {}
    if written := text(image):
        name = base_name(written)
        found["name"] = name
        found["file"] = {"name": name, "path": written}
        draft.see(f"{path}.name", PROCESS, name)
        draft.see(f"{path}.file.path", FILE_PATH, written)
    number = integer(pid)
    if number is not None and (number or found):
        found["pid"] = number
    if uid := text(guid):
        found["uid"] = uid
    if line := text(command):
        found["cmd_line"] = line
        draft.see(f"{path}.cmd_line", COMMAND, line)
    return found


def file_object(draft: Draft, path: str, written: str) -> dict[str, Any]:
    """A file at ``path`` in the event; empty without a name."""
    if not written:
        return {}
    name = base_name(written)
    draft.see(f"{path}.name", FILE_NAME, name)
    draft.see(f"{path}.path", FILE_PATH, written)
    return {"name": name, "path": written}


def hashes(draft: Draft, path: str, value: Any) -> list[dict[str, Any]]:
    """Sysmon's ``SHA1=…,MD5=…`` as fingerprints."""
    found = []
    for part in text(value).split(","):
        algorithm, _, digest = part.partition("=")
        if digest and digest.strip("0"):
            name, number = _ALGORITHMS.get(algorithm, (algorithm, 99))
            found.append({"algorithm": name, "algorithm_id": number, "value": digest})
            draft.see(path, HASH, digest)
    return found
