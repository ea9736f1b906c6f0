"""No secret is ever shown, whichever way it came in and whatever is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CANARIES = {"file": "canary-file-11", "env": "canary-env-22", "option": "canary-option-33", "typed": "canary-typed-44"}


@pytest.fixture
def told(ready: Any, connected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything that ``zona`` says while secrets come in by every way and everything is looked at."""
    said: list[str] = []

    def call(*arguments: str, **options: Any) -> None:
        for mode in ("table", "json"):
            done = ready(*arguments, "-o", mode, **options)
            said.append(done.output)

    (tmp_path / "secret").write_text(CANARIES["file"])
    monkeypatch.setenv("CANARY", CANARIES["env"])
    add = ["instances", "add", connected, "--title"]
    call(*add, "by-file", "--set-file", f"api_key={tmp_path / 'secret'}")
    call(*add, "by-env", "--set-env", "api_key=CANARY")
    call(*add, "by-option", "--set", f"api_key={CANARIES['option']}")
    call("credentials", "add", "shared", "--set-env", "api_key=CANARY")
    call("credentials", "rotate", "shared", "--set-file", f"api_key={tmp_path / 'secret'}")
    call("instances", "update", connected, "by-env", "--set", f"api_key={CANARIES['option']}")
    with monkeypatch.context() as patched:
        patched.setattr("zona_cli._inputs.at_terminal", lambda: True)
        call(*add, "typed", input=f"{CANARIES['typed']}\n")
    for instance in ("by-file", "by-env", "by-option", "typed", "main"):
        call("instances", "show", connected, instance)
        call("instances", "test", connected, instance)
        call("run", connected, "get_host", "ip=1", "--instance", instance)
    for arguments in (
        ["instances", "list"],
        ["credentials", "list"],
        ["runs", "list"],
        ["audit", "list"],
        ["apps", "list"],
    ):
        call(*arguments)
    return "\n".join(said)


def test_no_secret_is_told(told: str, api: Any, home: Path) -> None:
    """Neither on standard output nor on standard error, nor in clear in the store's files."""
    assert "********" in told
    stored = b"".join(file.read_bytes() for file in home.iterdir())
    for canary in (*CANARIES.values(), api.key):
        assert canary not in told
        assert canary.encode() not in stored
