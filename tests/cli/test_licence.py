"""``zona licence``: keys, issuing, installing, and what is shown."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona, licensing
from zona_core.domain.licences import COMMUNITY
from zona_core.persistence.ledger import Ledger


@pytest.fixture
def key(ready: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The private key of the vendor whose public one this release knows."""
    path = tmp_path / "vendor.pem"
    made = ready("licence", "keygen", "-f", str(path))
    assert made.exit_code == 0, made.stderr
    monkeypatch.setattr(licensing, "vendor_keys", lambda: made.stdout)
    return str(path)


def test_keys_are_made_once(ready: Any, key: str) -> None:
    """The private one for its owner's eyes alone, and never over another file; the public one is printed."""
    assert stat.S_IMODE(Path(key).stat().st_mode) == 0o600
    assert Path(key).read_text().startswith("-----BEGIN PRIVATE KEY-----")
    before = Path(key).read_text()
    again = ready("licence", "keygen", "-f", key)
    assert (again.exit_code, again.stdout) == (2, "")
    assert "File exists" in again.stderr
    assert Path(key).read_text() == before
    told = json.loads(ready("-o", "json", "licence", "keygen", "-f", f"{key}.other").stdout)
    assert told["public"].startswith("-----BEGIN PUBLIC KEY-----")


def test_issued_installed_and_shown(ready: Any, key: str, tmp_path: Path) -> None:
    """What was issued is installed and counts; nothing of the private key is in it."""
    file = tmp_path / "acme.json"
    issued = ready(
        *("licence", "issue", "--key", key, "--licensee", "Acme AG", "--tenants", "7", "--instances", "unlimited"),
        *("--integrations", "12", "--feature", "sso", "--starts", "2026-01-01", "--expires", "2999-12-31"),
        *("--grace", "14", "--terms", "as agreed", "--compliance", "soc2=yes", "-f", str(file)),
    )
    assert issued.exit_code == 0, issued.stderr
    assert issued.stdout.startswith(f"wrote the enterprise licence for Acme AG to {file}")
    terms = json.loads(file.read_text())["licence"]
    assert (terms["max_tenants"], terms["max_instances"], terms["max_integrations"]) == (7, None, 12)
    assert (terms["starts_at"], terms["expires_at"]) == ("2026-01-01T00:00:00Z", "3000-01-01T00:00:00Z")
    assert (terms["features"], terms["grace_days"], terms["compliance"]) == (["sso"], 14, {"soc2": "yes"})
    installed = ready("licence", "install", str(file))
    assert installed.stdout.startswith("installed the enterprise licence of Acme AG")
    shown = ready("licence", "show").stdout
    for text in ("Acme AG", "enterprise", "valid", "14 days of grace", "sso", "as agreed", "soc2: yes", "unlimited"):
        assert text in shown
    assert json.loads(ready("-o", "json", "licence", "show").stdout)["licence"] == terms
    usage = {each["resource"]: each for each in json.loads(ready("-o", "json", "licence", "usage").stdout)}
    assert (usage["tenants"]["used"], usage["tenants"]["limit"]) == (1, 7)


def test_without_a_file_the_licence_is_printed(ready: Any, key: str) -> None:
    """So that it can go through a pipe; a limit that is reached is warned of where it is shown."""
    issued = ready("licence", "issue", "--key", key, "--licensee", "Acme", "--tenants", "1", "--no-features")
    assert json.loads(issued.stdout)["licence"]["features"] == []
    same = ready("licence", "issue", "--key", key, "--licensee", "Acme", "-f", "-")
    assert json.loads(same.stdout)["licence"]["licensee"] == "Acme"
    assert ready("licence", "keygen", "-f", "-").exit_code == 2
    assert not Path("-").exists()
    done = ready("licence", "install", "-", input=issued.stdout)
    assert done.exit_code == 0
    assert "warning: tenants: 1 in use, 1 allowed by the licence" in done.stderr
    assert "Features   none" in ready("licence", "show").stdout
    refused = ready("tenants", "add", "acme")
    assert (refused.exit_code, "error[licence_limit]" in refused.stderr) == (6, True)


def test_what_is_used_is_told(ready: Any, app: str) -> None:
    """Figures of all, and of each tenant; counted anew they are the same; the report has it all."""
    ready("tenants", "add", "acme")
    assert "10,000" in ready("licence", "usage").stdout
    listed = json.loads(ready("-o", "json", "licence", "tenants").stdout)["items"]
    assert [(each["tenant_code"], each["integrations"]) for each in listed] == [("acme", 0), ("localhost", 1)]
    assert "localhost" in ready("licence", "tenants").stdout
    assert ready("licence", "recount").stdout == "counted: the figures were right\n"
    report = json.loads(ready("licence", "report").stdout)
    assert report["tenants"] == listed
    assert report["status"]["licence"]["type"] == "community"


@pytest.fixture
def abandoned(app: str, home: Path) -> str:
    """What a process that died leaves: one more integration counted than there is, with a note of it."""
    with Zona.embedded(home) as zona:
        database = zona._parts.database
        Ledger(database).reserve("localhost", ["integrations/99"], COMMUNITY, database.store.now())
    return app


def test_what_a_crash_left_is_settled(ready: Any, abandoned: str) -> None:
    """Not before its time, unless that is asked for; a second time there is nothing left."""
    assert ready("licence", "settle").stdout == "nothing was left behind\n"
    told = json.loads(ready("-o", "json", "licence", "settle", "--older-than", "0").stdout)
    assert told == {"notes": 1, "given_back": 1, "waiting": 0}
    assert ready("licence", "settle", "--older-than", "0").stdout == "nothing was left behind\n"
    assert ready("licence", "recount").stdout == "counted: the figures were right\n"


def test_what_was_settled_is_told_in_a_sentence(ready: Any, abandoned: str) -> None:
    """How many changes, and how many objects count no more."""
    done = ready("licence", "settle", "--older-than", "0")
    assert (done.exit_code, done.stdout) == (0, "settled 1 change: 1 object counts no more\n")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["settle", "--older-than", "-1"], 2, "--older-than"),
        (["settle", "--older-than", "nan"], 2, "--older-than"),
        (["install", "nosuch.json"], 2, "nosuch.json"),
        (["issue", "--key", "nosuch.pem", "--licensee", "x"], 2, "nosuch.pem"),
        (["issue", "--key", "{key}", "--licensee", ""], 3, "licensee"),
        (["issue", "--key", "{key}", "--licensee", "x", "--feature", "sos"], 3, "some of distribute"),
        (["issue", "--key", "{key}", "--licensee", "x", "--feature", "sso", "--no-features"], 2, "either"),
        (["issue", "--key", "{key}", "--licensee", "x", "--tenants", "many"], 2, "unlimited"),
        (["issue", "--key", "{key}", "--licensee", "x", "--expires", "2000-01-01"], 3, "expires_at"),
        (["issue", "--key", "{key}", "--licensee", "x", "-f", "/nosuch/folder/file"], 2, "--file"),
        (["issue", "--key", __file__, "--licensee", "x"], 3, "private key"),
        (["install", __file__], 3, "error[licence_damaged]"),
    ],
)
def test_what_is_wrong_is_told(ready: Any, key: str, arguments: list[str], code: int, text: str) -> None:
    """Each fault has its exit code and names its place."""
    done = ready("licence", *(each.replace("{key}", key) for each in arguments))
    assert done.exit_code == code
    assert text in done.stderr
    assert done.stdout == ""
