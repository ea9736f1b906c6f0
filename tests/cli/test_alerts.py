"""``zona alerts``, ``policies``, ``silences`` and ``channels``: kept, shown, seen to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RULE = """
title: Failed logon
id: failed-logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
level: high
"""
POLICY = """
title: Grave ones
levels: [high]
escalation:
  - channels: [SOC]
  - {after: 1800, channels: [SOC], severity: critical}
case: {tasks: [Ask the user], respond_within: 3600}
"""


@pytest.fixture
def kept(ready: Any, tmp_path: Path) -> Any:
    """``zona`` with a channel, a policy, and what a rule has found on two hosts."""
    (tmp_path / "policy.yml").write_text(POLICY)
    (tmp_path / "rule.yml").write_text(RULE)
    raw = {"EventID": 4625, "Channel": "Security", "SystemTime": "2030-01-31T12:00:00Z", "TargetUserName": "ann"}
    lines = [json.dumps({**raw, "Hostname": f"ws-{number}", "RecordNumber": number}) for number in (1, 2)]
    (tmp_path / "events.ndjson").write_text("\n".join(lines))
    options = ("--set", "url=http://127.0.0.1:9/", "--set", "private=true", "--set-env", "authorization=HOOK")
    for arguments in (
        ("channels", "add", "SOC", "webhook", *options),
        ("policies", "save", str(tmp_path / "policy.yml")),
        ("rules", "add", str(tmp_path / "rule.yml")),
        ("events", "ingest", str(tmp_path / "events.ndjson"), "--source", "win"),
    ):
        done = ready(*arguments, env={"HOOK": "canary-12"})
        assert done.exit_code == 0, done.stderr
    return ready


def data_of(done: Any) -> Any:
    """What was written for programs."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_alerts_are_listed_shown_and_counted(kept: Any) -> None:
    """For people and for programs."""
    listed = kept("alerts", "list", "--state", "open", "--severity", "high").stdout
    assert [line.split()[-4:-2] for line in listed.splitlines()[1:]] == [["logon", "host:ws-2"], ["logon", "host:ws-1"]]
    assert len(data_of(kept("alerts", "list", "-o", "json"))["items"]) == 2
    assert kept("alerts", "list", "--owner", "ann").stderr == "there is no such alert\n"
    shown = kept("alerts", "show", "1").stdout
    assert "Next step" in shown
    assert "host:ws-1" in shown
    assert data_of(kept("alerts", "search", "failed", "logon", "-o", "json"))["items"][0]["rule"] == "failed-logon"
    assert "ws-1" in kept("alerts", "events", "1").stdout
    assert "Failed logon" in kept("alerts", "figures", "rule").stdout
    times = ("--since", "2030-01-31T11:00:00Z", "--until", "2030-01-31T13:00:00Z")
    assert [bar["count"] for bar in data_of(kept("alerts", "histogram", *times, "-o", "json"))["bars"]] == [0, 2]
    assert kept("alerts", "show", "9").exit_code == 4


def test_alerts_are_seen_to(kept: Any) -> None:
    """One or many; what does not fit is told, and the exit code says so."""
    assert kept("alerts", "acknowledge", "1").stdout == "the alert 1 is acknowledged: Failed logon\n"
    again = kept("alerts", "acknowledge", "1")
    assert (again.exit_code, "wrong_state" in again.stderr) == (5, True)
    assert kept("alerts", "assign", "1", "ann").stdout == "the alert 1 is ann's: Failed logon\n"
    assert kept("alerts", "assign", "1").stdout == "the alert 1 is nobody's: Failed logon\n"
    assert kept("alerts", "close", "1").exit_code == 2
    closed = kept("alerts", "close", "1", "2", "9", "--as", "benign", "--note", "a drill")
    assert (closed.exit_code, closed.stdout) == (5, "2 alerts are closed\n")
    assert closed.stderr == "not_found: there is no alert 9\n"
    assert data_of(kept("alerts", "show", "2", "-o", "json"))["note"] == "a drill"
    assert data_of(kept("alerts", "reopen", "2", "-o", "json"))["state"] == "open"


def test_who_was_told_is_shown(kept: Any) -> None:
    """With what became of it; there may be nothing to try again."""
    assert "pending" in kept("alerts", "notifications", "1").stdout
    assert kept("alerts", "notifications", "1", "--retry").stdout == "0 notifications will be tried again\n"
    assert kept("channels", "failures", "SOC").stderr == "none was given up\n"
    assert data_of(kept("channels", "failures", "SOC", "--retry", "-o", "json")) == {"count": 0}


def test_policies_are_checked_kept_shown_explained_and_removed(kept: Any, tmp_path: Path) -> None:
    """Files are named where something is wrong in them."""
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("title: Wrong\nescalation: [{channels: [none]}]\n")
    done = kept("policies", "check", str(wrong))
    assert (done.exit_code, "escalation[0].channels[0]" in done.stderr) == (3, True)
    done = kept("policies", "save", "-", input="title: Wrong\nordre: 1\n")
    assert (done.exit_code, "standard input" in done.stderr) == (3, True)
    assert kept("policies", "check", str(tmp_path / "policy.yml")).stdout == "Grave ones is in order\n"
    assert "SOC" in kept("policies", "list").stdout
    shown = kept("policies", "show", "Grave ones").stdout
    assert "1800 s" in shown
    assert "Ask the user" in shown
    told = kept("policies", "explain", "failed-logon", "--source", "win").stdout
    assert "Grave ones (policy 1)" in told
    assert "it counts" in told
    kept("rules", "disable", "failed-logon")
    assert "the rule is switched off" in kept("policies", "explain", "failed-logon").stderr
    assert kept("channels", "remove", "SOC", "--yes").exit_code == 5
    assert kept("policies", "remove", "1", "--yes").stdout == "removed the policy Grave ones (policy 1)\n"
    assert kept("channels", "remove", "SOC", "--yes").stdout == "removed the channel SOC (channel 1)\n"
    assert "the default counts" in kept("policies", "list").stderr
    assert "no other is for it" in kept("policies", "explain", "failed-logon").stdout


def test_silences_are_kept_shown_ended_and_removed(ready: Any) -> None:
    """For a while, or as maintenance windows."""
    done = ready("silences", "add", "Rebuilt", "--group", "entity=host:ws-1", "--until", "2100-01-01T00:00:00Z")
    assert done.stdout.startswith("kept the silence Rebuilt (silence 1): entity host:ws-1, until 2")
    arguments = ("--cron", "0 22 * * SUN", "--time-zone", "Europe/Berlin", "--most-severity", "medium")
    assert ready("silences", "add", "Patchday", *arguments).exit_code == 0
    assert "3600 s from 0 22 * * SUN Europe/Berlin" in ready("silences", "list").stdout
    assert "up to medium" in ready("silences", "list").stdout
    assert data_of(ready("silences", "show", "2", "-o", "json"))["most_severity"] == "medium"
    replaced = data_of(ready("silences", "add", "All", "--replace", "2", "-o", "json"))
    assert (replaced["id"], replaced["cron"]) == (2, "")
    assert ready("silences", "end", "2").stdout == "ended the silence All (silence 2)\n"
    assert [each["id"] for each in data_of(ready("silences", "list", "--active", "-o", "json"))["items"]] == [1]
    assert ready("silences", "end", "2").exit_code == 5
    assert ready("silences", "remove", "1", "--yes").stdout == "removed the silence Rebuilt (silence 1)\n"
    assert ready("silences", "add", "Wrong", "--cron", "61 * * * *").exit_code == 3


def test_channels_are_changed_and_tried_and_show_no_secret(kept: Any) -> None:
    """Options that are not named stay; a trial that fails has an exit code of its own."""
    done = kept("channels", "update", "SOC", "--set", "url=http://127.0.0.1:10/", "--disabled")
    assert done.stdout == "changed the channel SOC (channel 1)\n"
    found = data_of(kept("channels", "show", "SOC", "-o", "json"))
    assert found["options"] == {"url": "http://127.0.0.1:10/", "private": True, "authorization": "********"}
    tried = kept("channels", "test", "SOC")
    assert (tried.exit_code, "not taken: address_refused" in tried.stdout) == (7, True)
    assert "inactive" in kept("channels", "list").stdout
    assert "private" in kept("channels", "show", "1").stdout
    assert "canary-12" not in kept("channels", "list").stdout + kept("audit", "list", "-o", "json").stdout
    assert kept("channels", "add", "SOC", "webhook", "--set", "url=https://x.example/").exit_code == 5
    assert kept("channels", "add", "X", "pigeon").exit_code == 4
    assert kept("channels", "add", "X", "webhook").exit_code == 3
