"""The mapper for Suricata's EVE, on lines written for this test after its documentation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from zona_core.domain.events import Event
from zona_core.ports.events import EventMapper

LINES = Path(__file__).resolve().parents[1] / "data" / "written" / "suricata" / "eve.json"


@pytest.fixture
def events(suricata: EventMapper, made: Callable[..., Event]) -> list[Event]:
    lines = [orjson.loads(line) for line in LINES.read_bytes().splitlines()]
    assert all(suricata.accepts(line) for line in lines)
    return [made(suricata, line) for line in lines]


def test_classes_and_keys(events: list[Event]) -> None:
    """Each kind of line has its class; lines of one flow are several events."""
    assert [event.type_uid for event in events] == [
        200401,
        400301,
        400302,
        400206,
        400106,
        400102,
        400106,
        400706,
        0,
    ]
    assert len({event.id for event in events}) == len(events)


def test_an_alert(events: list[Event]) -> None:
    """Is a finding, with its rule, its severity and the request that it is about."""
    alert = events[0]
    assert (alert.class_name, alert.severity_id, alert.host) == ("Detection Finding", 3, "sensor-1")
    assert alert.message == "Test response with root"
    assert alert.data["finding_info"]["uid"] == "2100498"
    assert alert.data["http_request"]["url"]["url_string"] == "http://files.example.com/id?x=1"
    assert alert.occurred_at == datetime(2030, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
    assert (alert.src_ip, alert.dst_ip) == ("192.0.2.10", "198.51.100.7")


def test_protocols(events: list[Event]) -> None:
    """Names, answers, requests, certificates, flows and files are where OCSF has them."""
    _, query, answer, request, tls, flow, file, ssh, stats = events
    assert query.data["query"] == answer.data["query"] == {"hostname": "files.example.com", "type": "A"}
    assert answer.data["answers"][0]["rdata"] == "198.51.100.7"
    assert (request.activity_name, request.status_id) == ("Post", 2)
    assert request.occurred_at == datetime(2030, 1, 31, 12, 0, 2, tzinfo=UTC)
    assert (tls.data["tls"]["sni"], tls.src_ip) == ("login.example.com", "2001:db8::1")
    assert flow.data["traffic"]["bytes_out"] == 600
    assert (file.data["file"]["name"], file.data["file"]["hashes"][0]["algorithm"]) == ("tool.exe", "MD5")
    assert ssh.data["client_ssh"]["software"] == "OpenSSH_9.6"
    assert stats.class_name == "Base Event"
