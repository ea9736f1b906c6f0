"""The mapper ``suricata``: lines of Suricata's EVE log (versions 6 to 8), by ``event_type``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core.domain.events import OTHER, EventType, MappedEvent, check_depth, event_type, read_time
from zona_core.errors import Fault, UnmappableEvent
from zona_mappers._draft import FILE_NAME, HASH, HOST, IP, USER, Draft, cut, integer, present, text
from zona_mappers._options import takes_received_time

__all__ = ["SuricataMapper"]

Build = Callable[[Mapping[str, Any], Draft], EventType]

_BASE: Final = event_type(0)
_FINDING: Final = event_type(2004, 1)
_TRAFFIC: Final = event_type(4001, 6)
_CLOSE: Final = event_type(4001, 2)
_SSH: Final = event_type(4007, 6)
_SMB: Final = event_type(4006, OTHER, activity="Command")
_QUERY, _ANSWER, _EXCHANGE = (event_type(4003, number) for number in (1, 2, 6))
_METHODS: Final = {
    name: event_type(4002, number)
    for number, name in enumerate(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "PATCH"), 1)
}
_OTHER_METHOD: Final = event_type(4002, OTHER)
#: an alert's severity, 1 being the highest → ``severity_id``
_SEVERITIES: Final = {1: 4, 2: 3, 3: 2, 4: 1}
#: Internet protocol numbers (IANA) of what EVE calls ``proto``
_PROTOCOLS: Final = {"TCP": 6, "UDP": 17, "ICMP": 1, "IPv6-ICMP": 58, "SCTP": 132}
_RCODES: Final = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
_NOTHING: Final[Mapping[str, Any]] = {}
_URL: Final = 6
_AGENT: Final = 16
_FINGERPRINT: Final = 30


class SuricataMapper:
    """See ``zona_core.ports.events.EventMapper``. Options: ``time``."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._received = takes_received_time(options)

    def accepts(self, raw: Mapping[str, Any]) -> bool:
        """Whether it has what each line of EVE has."""
        return isinstance(raw.get("event_type"), str) and "timestamp" in raw

    def map(self, raw: dict[str, Any]) -> MappedEvent:
        """The event; raises ``UnmappableEvent``."""
        get = raw.get
        name = text(get("event_type"))
        if not name:
            raise UnmappableEvent(
                "it is no line of EVE", faults=(Fault("event_type", "is missing", "alert, dns, flow, …"),)
            )
        check_depth(raw)
        occurred_at = None if self._received else read_time(get("timestamp"), "timestamp")
        draft = Draft(_envelope(raw, name), 1)
        draft.src_ip = draft.endpoint("src_endpoint", get("src_ip"), get("src_port"))
        draft.dst_ip = draft.endpoint("dst_endpoint", get("dest_ip"), get("dest_port"))
        _add_connection(draft, raw)
        kind = _BUILDERS.get(name, _other)(raw, draft)
        sensor = text(get("host"))
        if sensor:
            draft.data["device"] = {"hostname": sensor}
            draft.see("device.hostname", HOST, sensor)
        return MappedEvent(
            type=kind,
            occurred_at=occurred_at,
            severity_id=draft.severity_id,
            status_id=draft.status_id,
            message=draft.message or name,
            host=sensor,
            user=draft.user,
            src_ip=draft.src_ip,
            dst_ip=draft.dst_ip,
            data=draft.data,
            observables=tuple(draft.observables),
            raw=raw,
            natural=_natural(raw, name),
        )


def _natural(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The flow, the time and what tells several events of one flow at one time apart."""
    get = raw.get
    flow, at = text(get("flow_id")), text(get("timestamp"))
    if not flow or not at:
        return ()
    alert, dns, file = _object(get("alert")), _object(get("dns")), _object(get("fileinfo"))
    return (
        text(get("host")),
        flow,
        at,
        name,
        text(get("tx_id")) or text(dns.get("tx_id")),
        text(get("pcap_cnt")),
        text(alert.get("gid")),
        text(alert.get("signature_id")),
        text(dns.get("type")),
        text(dns.get("id")),
        text(dns.get("rrname")),
        text(dns.get("rrtype")),
        text(dns.get("rdata")),
        text(file.get("file_id")) or text(file.get("filename")),
    )


def _envelope(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {
        "metadata": {
            "product": {"vendor_name": "OISF", "name": "Suricata"},
            "log_name": "eve",
            "event_code": name,
            "correlation_uid": text(raw.get("flow_id")),
        }
    }


def _add_connection(draft: Draft, raw: Mapping[str, Any]) -> None:
    get = raw.get
    protocol = text(get("proto"))
    found = present(
        {
            "uid": text(get("community_id")),
            "protocol_name": protocol.lower(),
            "protocol_num": _PROTOCOLS.get(protocol),
        }
    )
    if found:
        draft.data["connection_info"] = found
    if application := text(get("app_proto")):
        draft.data["app_name"] = application


def _other(raw: Mapping[str, Any], draft: Draft) -> EventType:
    """Other protocols are traffic; statistics and the like have no connection."""
    name = text(raw.get("event_type"))
    if isinstance(raw.get(name), dict) and "src_endpoint" in draft.data:
        draft.data.setdefault("app_name", name)
        return _TRAFFIC
    return _BASE


def _alert(raw: Mapping[str, Any], draft: Draft) -> EventType:
    alert = _object(raw.get("alert"))
    get = alert.get
    title = text(get("signature"))
    draft.message = cut(title)
    draft.severity_id = _SEVERITIES.get(integer(get("severity")) or 0, 0)
    rule = present(
        {"uid": text(get("signature_id")), "name": title, "version": text(get("rev")), "type": text(get("category"))}
    )
    draft.data["finding_info"] = present(
        {"uid": text(get("signature_id")), "title": title, "analytic": {**rule, "type_id": 1}}
    )
    draft.data["is_alert"] = True
    blocked = text(get("action")) == "blocked"
    draft.data["disposition_id"], draft.data["disposition"] = (2, "Blocked") if blocked else (1, "Allowed")
    for name, add in (("http", _http), ("tls", _tls), ("dns", _dns), ("fileinfo", _file)):
        if name in raw:
            add(raw, draft)
    draft.message = cut(title)
    return _FINDING


def _dns(raw: Mapping[str, Any], draft: Draft) -> EventType:
    dns = _object(raw.get("dns"))
    get = dns.get
    first = _first(get("queries")) or _first(get("query")) or dns
    name = text(first.get("rrname"))
    draft.data["query"] = present({"hostname": name, "type": text(first.get("rrtype"))})
    draft.see("query.hostname", HOST, name)
    if code := text(get("rcode")):
        draft.data["rcode"], draft.data["rcode_id"] = code, _RCODES.get(code, OTHER)
        draft.status_id = 1 if code == "NOERROR" else 2
    answers = []
    listed = get("answers")
    for each in listed if isinstance(listed, list) else ():
        answer = _object(each)
        data, kind = text(answer.get("rdata")), text(answer.get("rrtype"))
        answers.append(present({"rdata": data, "type": kind, "ttl": integer(answer.get("ttl"))}))
        draft.see("answers.rdata", IP if kind in ("A", "AAAA") else HOST, data)
    if answers:
        draft.data["answers"] = answers
    draft.message = name
    kind = text(get("type"))
    if kind in ("query", "request"):
        return _QUERY
    return _ANSWER if kind in ("answer", "response") else _EXCHANGE


def _http(raw: Mapping[str, Any], draft: Draft) -> EventType:
    http = _object(raw.get("http"))
    get = http.get
    method, host, path = text(get("http_method")), text(get("hostname")), text(get("url"))
    url = path if "://" in path else f"http://{host}{path}" if host else path
    agent = text(get("http_user_agent"))
    draft.data["http_request"] = present(
        {
            "http_method": method,
            "url": present({"hostname": host, "path": path.partition("?")[0], "url_string": url}),
            "user_agent": agent,
            "referrer": text(get("http_refer")),
        }
    )
    draft.see("http_request.url.hostname", HOST, host)
    draft.see("http_request.url.url_string", _URL, url)
    draft.see("http_request.user_agent", _AGENT, agent)
    status = integer(get("status"))
    if status is not None:
        draft.data["http_response"] = present(
            {"code": status, "length": integer(get("length")), "content_type": text(get("http_content_type"))}
        )
        draft.status_id = 2 if status >= 400 else 1
    draft.message = cut(f"{method} {url}".strip())
    return _METHODS.get(method, _OTHER_METHOD)


def _tls(raw: Mapping[str, Any], draft: Draft) -> EventType:
    tls = _object(raw.get("tls"))
    get = tls.get
    name, print_ = text(get("sni")), text(get("fingerprint"))
    certificate = present({"subject": text(get("subject")), "issuer": text(get("issuerdn")), "serial_number":
                           text(get("serial")), "fingerprints": [{"algorithm_id": 2, "algorithm": "SHA-1", "value":
                           print_}] if print_ else None})  # fmt: skip
    hashes = {each: text(_object(get(each)).get("hash")) for each in ("ja3", "ja3s")}
    draft.data["tls"] = present(
        {
            "sni": name,
            "version": text(get("version")),
            "certificate": certificate,
            **{f"{each}_hash": {"algorithm_id": 1, "value": value} for each, value in hashes.items() if value},
        }
    )
    draft.see("tls.sni", HOST, name)
    draft.see("tls.certificate.fingerprints", _FINGERPRINT, print_)
    for each, value in hashes.items():
        draft.see(f"tls.{each}_hash", HASH, value)
    draft.message = name
    return _TRAFFIC


def _flow(raw: Mapping[str, Any], draft: Draft) -> EventType:
    flow = _object(raw.get("flow")) or _object(raw.get("netflow"))
    get = flow.get
    draft.data["traffic"] = present(
        {
            "bytes_out": integer(get("bytes_toserver")),
            "bytes_in": integer(get("bytes_toclient")),
            "packets_out": integer(get("pkts_toserver")),
            "packets_in": integer(get("pkts_toclient")),
        }
    )
    for theirs, ours in (("start", "start_time"), ("end", "end_time")):
        if at := text(get(theirs)):
            draft.data[ours] = at
    return _CLOSE if text(get("state")) == "closed" else _TRAFFIC


def _file(raw: Mapping[str, Any], draft: Draft) -> EventType:
    file = _object(raw.get("fileinfo"))
    get = file.get
    path = text(get("filename"))
    name = path.rpartition("/")[2] or path
    found = []
    for theirs, algorithm, number in (("md5", "MD5", 1), ("sha1", "SHA-1", 2), ("sha256", "SHA-256", 3)):
        if digest := text(get(theirs)):
            found.append({"algorithm": algorithm, "algorithm_id": number, "value": digest})
            draft.see("file.hashes", HASH, digest)
    draft.data["file"] = present(
        {"name": name, "path": path, "size": integer(get("size")), "mime_type": text(get("magic")), "hashes": found}
    )
    draft.see("file.name", FILE_NAME, name)
    if "http" in raw:
        _http(raw, draft)
    draft.message = cut(path)
    return _TRAFFIC


def _ssh(raw: Mapping[str, Any], draft: Draft) -> EventType:
    ssh = _object(raw.get("ssh"))
    sides = ((_object(ssh.get(each)), each) for each in ("client", "server"))
    for side, name in sides:
        found = present(
            {"protocol_ver": text(side.get("proto_version")), "software": text(side.get("software_version"))}
        )
        if found:
            draft.data[f"{name}_ssh"] = found
        if hassh := text(_object(side.get("hassh")).get("hash")):
            draft.data[f"{name}_hassh"] = {"fingerprint": {"algorithm_id": 1, "value": hassh}}
            draft.see(f"{name}_hassh.fingerprint", HASH, hassh)
    return _SSH


def _smb(raw: Mapping[str, Any], draft: Draft) -> EventType:
    smb = _object(raw.get("smb"))
    get = smb.get
    draft.data["command"] = text(get("command"))
    if share := text(get("share")):
        draft.data["share"] = share
    if name := text(get("filename")):
        draft.data["file"] = {"name": name.rpartition("\\")[2], "path": name}
        draft.see("file.path", FILE_NAME, name)
    ntlm = _object(get("ntlmssp"))
    if name := text(ntlm.get("user")):
        draft.user = name
        draft.data["actor"] = {"user": present({"name": name, "domain": text(ntlm.get("domain"))})}
        draft.see("actor.user.name", USER, name)
    return _SMB


_BUILDERS: Final[Mapping[str, Build]] = {
    "alert": _alert,
    "dns": _dns,
    "fileinfo": _file,
    "flow": _flow,
    "http": _http,
    "netflow": _flow,
    "smb": _smb,
    "ssh": _ssh,
    "tls": _tls,
}


def _first(value: Any) -> Mapping[str, Any]:
    return _object(value[0]) if isinstance(value, list) and value else _NOTHING


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _NOTHING
