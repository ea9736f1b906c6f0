"""The mapper ``cloudtrail``: records of AWS CloudTrail (record version 1.0x), one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from zona_core.domain.events import OTHER, EventType, MappedEvent, check_depth, event_type, read_time
from zona_core.errors import Fault, UnmappableEvent
from zona_mappers._draft import USER, Draft, cut, present, text
from zona_mappers._options import takes_received_time

__all__ = ["CloudTrailMapper", "records"]

_CREATE, _READ, _UPDATE, _DELETE = (event_type(6003, number) for number in (1, 2, 3, 4))
_LOGON: Final = event_type(3002, 1)
#: IAM's calls that change an account
_ACCOUNTS: Final = {
    "CreateUser": event_type(3001, 1),
    "ChangePassword": event_type(3001, 3),
    "UpdateLoginProfile": event_type(3001, 4),
    "DeleteUser": event_type(3001, 6),
    "AttachUserPolicy": event_type(3001, 7),
    "AttachRolePolicy": event_type(3001, 7),
    "DetachUserPolicy": event_type(3001, 8),
    "DetachRolePolicy": event_type(3001, 8),
    "EnableMFADevice": event_type(3001, 10),
    "DeactivateMFADevice": event_type(3001, 11),
}
#: what the names of calls begin with
_VERBS: Final = (
    (("Create", "Run", "Allocate", "Import", "Register", "Generate"), _CREATE),
    (("Delete", "Terminate", "Remove", "Release", "Deregister"), _DELETE),
    (
        ("Update", "Put", "Modify", "Set", "Attach", "Detach", "Associate", "Disassociate", "Add", "Authorize",
         "Revoke", "Enable", "Disable", "Start", "Stop", "Reboot", "Tag", "Untag", "Replace", "Restore"),
        _UPDATE,
    ),
    (("Describe", "Get", "List", "Head", "Lookup", "Search", "Batch", "Query", "Scan", "Decrypt"), _READ),
)  # fmt: skip
_NOTHING: Final[Mapping[str, Any]] = {}

_RESOURCE: Final = 10
_AGENT: Final = 16
_CREDENTIAL: Final = 19
_ACCOUNT: Final = 35


def records(document: Any) -> Iterator[Any]:
    """The records of a whole log file, ``{"Records": […]}``, of a list of records, or of a single one."""
    if isinstance(document, dict) and isinstance(document.get("Records"), list):
        yield from document["Records"]
    elif isinstance(document, list):
        yield from document
    else:
        yield document


class CloudTrailMapper:
    """See ``zona_core.ports.events.EventMapper``. Options: ``time``."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._received = takes_received_time(options)

    def accepts(self, raw: Mapping[str, Any]) -> bool:
        """Whether it has what each record has."""
        return "eventName" in raw and "eventSource" in raw and ("eventVersion" in raw or "awsRegion" in raw)

    def map(self, raw: dict[str, Any]) -> MappedEvent:
        """The event; raises ``UnmappableEvent``."""
        get = raw.get
        name, source = text(get("eventName")), text(get("eventSource"))
        if not name or not source:
            path = "eventSource" if name else "eventName"
            raise UnmappableEvent(
                "it is no CloudTrail record", faults=(Fault(path, "is missing", "a name, as each record has it"),)
            )
        check_depth(raw)
        # Records that went through Logstash have their time under its name.
        path = "eventTime" if "eventTime" in raw or "@timestamp" not in raw else "@timestamp"
        occurred_at = None if self._received else read_time(get(path), path)
        error = text(get("errorCode"))
        draft = Draft(_envelope(raw, name, source), 1, 2 if error else 1, cut(text(get("errorMessage"))))
        identity = _object(get("userIdentity"))
        _add_actor(draft, identity)
        address = text(get("sourceIPAddress"))
        draft.src_ip = draft.endpoint("src_endpoint", address, None, None)
        if address and not draft.src_ip:  # a service of AWS on the account's behalf has its name there
            draft.endpoint("src_endpoint", None, None, address)
        _add_call(draft, raw, source, name, error)
        kind = _kind(raw, source, name)
        if kind.class_uid in (3001, 3002):
            _add_user(draft, raw, identity, kind)
        return MappedEvent(
            type=kind,
            occurred_at=occurred_at,
            severity_id=draft.severity_id,
            status_id=draft.status_id,
            message=draft.message or f"{source}: {name}",
            user=draft.user,
            src_ip=draft.src_ip,
            data=draft.data,
            observables=tuple(draft.observables),
            raw=raw,
            natural=(uid,) if (uid := text(get("eventID"))) else (),
        )


def _envelope(raw: Mapping[str, Any], name: str, source: str) -> dict[str, Any]:
    get = raw.get
    metadata = {
        "product": {"vendor_name": "AWS", "name": "CloudTrail", "version": text(get("eventVersion"))},
        "event_code": name,
        "log_provider": source,
        "uid": text(get("eventID")),
    }
    cloud: dict[str, Any] = {"provider": "AWS"}
    if region := text(get("awsRegion")):
        cloud["region"] = region
    if account := text(get("recipientAccountId")):
        cloud["account"] = {"uid": account}
    return {"metadata": metadata, "cloud": cloud}


def _add_actor(draft: Draft, identity: Mapping[str, Any]) -> None:
    get = identity.get
    session = _object(get("sessionContext"))
    issuer = _object(session.get("sessionIssuer"))
    arn = text(get("arn"))
    name = text(get("userName")) or text(issuer.get("userName")) or arn.rpartition("/")[2]
    account = text(get("accountId"))
    found = present(
        {
            "name": name,
            "type": text(get("type")),
            "uid": text(get("principalId")),
            "uid_alt": arn,
            "credential_uid": text(get("accessKeyId")),
            "account": {"uid": account} if account else None,
        }
    )
    attributes = _object(session.get("attributes"))
    about = present(
        {
            "created_time": text(attributes.get("creationDate")),
            "is_mfa": text(attributes.get("mfaAuthenticated")).lower() == "true" if attributes else None,
            "issuer": text(issuer.get("arn")),
        }
    )
    who = present({"user": found, "session": about, "invoked_by": text(get("invokedBy"))})
    if who:
        draft.data["actor"] = who
    draft.user = name
    draft.see("actor.user.name", USER, name)
    draft.see("actor.user.credential_uid", _CREDENTIAL, text(get("accessKeyId")))
    draft.see("actor.user.account.uid", _ACCOUNT, account)


def _add_call(draft: Draft, raw: Mapping[str, Any], source: str, name: str, error: str) -> None:
    get = raw.get
    response = {"error": error, "error_message": text(get("errorMessage"))} if error else None
    draft.data["api"] = present(
        {
            "operation": name,
            "service": {"name": source},
            "version": text(get("apiVersion")),
            "request": present({"uid": text(get("requestID")), "data": get("requestParameters")}),
            "response": present({**(response or {}), "data": get("responseElements")}),
        }
    )
    agent = text(get("userAgent"))
    if agent:
        draft.data["http_request"] = {"user_agent": agent}
        draft.see("http_request.user_agent", _AGENT, agent)
    found = []
    listed = get("resources")
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and (uid := text(each.get("ARN"))):
            found.append(present({"uid": uid, "type": text(each.get("type"))}))
            draft.see("resources.uid", _RESOURCE, uid)
    if found:
        draft.data["resources"] = found


def _kind(raw: Mapping[str, Any], source: str, name: str) -> EventType:
    if source == "signin.amazonaws.com" and name in ("ConsoleLogin", "SwitchRole"):
        return _LOGON
    if source == "iam.amazonaws.com" and name in _ACCOUNTS:
        return _ACCOUNTS[name]
    if raw.get("readOnly") is True:
        return _READ
    for verbs, kind in _VERBS:
        if name.startswith(verbs):
            return kind
    return _named(cut(name))


@lru_cache(maxsize=2_000)
def _named(name: str) -> EventType:
    """A call whose name does not say which of the four activities it is."""
    return event_type(6003, OTHER, activity=name)


def _add_user(draft: Draft, raw: Mapping[str, Any], identity: Mapping[str, Any], kind: EventType) -> None:
    """Whom it is about: who logs on, or the account that is changed."""
    if kind is _LOGON:
        outcome = text(_object(raw.get("responseElements")).get("ConsoleLogin"))
        draft.status_id = {"Success": 1, "Failure": 2}.get(outcome, draft.status_id)
        draft.data["user"] = present({"name": draft.user, "uid": text(identity.get("principalId"))})
        used = text(_object(raw.get("additionalEventData")).get("MFAUsed"))
        if used:
            draft.data["is_mfa"] = used == "Yes"
        draft.data["service"] = {"name": "AWS Management Console"}
        return
    asked = _object(raw.get("requestParameters"))
    policy = text(asked.get("policyArn"))
    if policy:
        draft.data["policy"] = {"uid": policy}
    if name := text(asked.get("userName")) or text(asked.get("roleName")):
        draft.data["user"] = {"name": name}
        draft.user = name
        draft.see("user.name", USER, name)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING
