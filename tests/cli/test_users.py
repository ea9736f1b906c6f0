"""``zona users``, ``zona roles`` and ``zona api-keys``, of a tenant and of the platform."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from zona_core import Zona
from zona_core.errors import Unauthenticated

PASSWORD = "canary correct horse"
OTHER = "canary another phrase"


def add(ready: Any, name: str = "ann", *options: str) -> Any:
    """Adds a user whose password comes from the environment."""
    done = ready("users", "add", name, *options, "--password-env", "GIVEN", env={"GIVEN": PASSWORD})
    assert done.exit_code == 0, done.stderr
    return done


def enters(password: str, *, realm: str = "localhost", name: str = "ann") -> bool:
    """Whether the password lets somebody in."""
    with Zona() as zona:
        try:
            zona.gate.login(name=name, password=password, realm=realm)
        except Unauthenticated:
            return False
        return True


def test_a_user_is_added_listed_and_shown(ready: Any) -> None:
    """What was given is shown; the password is not."""
    done = add(ready, "ann", "--role", "editor", "--role", "auditor", "--email", "ann@example.com")
    assert done.stdout.startswith("added the user ann (user ")
    assert "editor auditor" in ready("users", "list").stdout
    shown = ready("users", "show", "ann").stdout
    for text in ("ann@example.com", "editor auditor", "active"):
        assert text in shown
    as_json = ready("users", "show", "ann", "-o", "json").stdout
    assert json.loads(as_json)["roles"] == ["editor", "auditor"]
    for text in (shown, as_json, done.stdout):
        assert PASSWORD not in text
        assert "argon2" not in text
    assert enters(PASSWORD)


def test_the_platforms_users_are_others(ready: Any) -> None:
    """``--platform`` adds to those of the platform, who may be bound to tenants."""
    add(ready, "eve", "--platform", "--enter", "localhost")
    assert ready("users", "show", "eve").exit_code == 4
    assert json.loads(ready("users", "show", "eve", "--platform", "-o", "json").stdout)["tenants"] == ["localhost"]
    assert json.loads(ready("users", "list", "--platform", "-o", "json").stdout)["next"] is None
    assert ready("users", "update", "eve", "--platform", "--enter-all").exit_code == 0
    assert "Tenants" in ready("users", "show", "eve", "--platform").stdout
    refused = ready("users", "add", "bob", "--enter", "localhost", "--password-file", "-", input=PASSWORD)
    assert (refused.exit_code, "tenants" in refused.stderr) == (3, True)


def test_a_user_is_changed_disabled_and_deleted(ready: Any) -> None:
    """Only what is named changes; the name of a deleted one is free."""
    add(ready, "ann", "--role", "reader", "--display-name", "Ann")
    changed = json.loads(ready("users", "update", "ann", "--email", "a@example.com", "-o", "json").stdout)
    assert (changed["email"], changed["display_name"], changed["roles"]) == ("a@example.com", "Ann", ["reader"])
    assert json.loads(ready("users", "update", "ann", "--no-roles", "-o", "json").stdout)["roles"] == []
    assert ready("users", "disable", "ann").stdout == "disabled the user ann\n"
    assert not enters(PASSWORD)
    assert "ann" in ready("users", "list", "--status", "disabled").stdout
    assert ready("users", "enable", "ann").exit_code == 0
    assert enters(PASSWORD)
    assert ready("users", "delete", "ann").exit_code == 2
    assert ready("users", "delete", "ann", "--yes").exit_code == 0
    assert ready("users", "show", "ann").exit_code == 4
    add(ready)


def test_a_password_comes_from_a_file_or_a_variable(ready: Any, tmp_path: Path) -> None:
    """Its last line break is cut; there is no terminal to ask at here."""
    add(ready)
    file = tmp_path / "password"
    file.write_text(f"{OTHER}\n")
    assert ready("users", "password", "ann", "--password-file", str(file)).exit_code == 0
    assert [enters(password) for password in (PASSWORD, OTHER)] == [False, True]
    assert ready("users", "password", "ann", "--password-file", "-", input=PASSWORD).exit_code == 0
    assert enters(PASSWORD)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), "--password-file or --password-env"),
        (("--password-env", "NOWHERE"), "NOWHERE is not set"),
        (("--password-file", "/nowhere/at/all"), "No such file"),
        (("--password-file", "-", "--password-env", "HOME"), "once"),
        (("--password-file", "-"), "the file is empty"),
    ],
)
def test_a_password_that_cannot_be_had_is_wrong_usage(ready: Any, options: tuple[str, ...], text: str) -> None:
    """Nothing is added, and what to do is told."""
    refused = ready("users", "add", "ann", *options)
    assert refused.exit_code == 2
    assert text in refused.stderr
    assert ready("users", "show", "ann").exit_code == 4


def test_a_password_is_asked_for_twice_and_not_shown(ready: Any) -> None:
    """At a terminal, if neither a file nor a variable is named; nothing of what is typed is echoed."""
    take = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "  # what getpass asks at
    command = [sys.executable, "-c", take + "from zona_cli.main import main; main()", "users", "add", "ann"]
    terminal, streams = pty.openpty()
    shown = b""
    with subprocess.Popen(command, stdin=streams, stdout=streams, stderr=streams, start_new_session=True) as process:
        os.close(streams)
        try:
            for asked in (b"Password:", b"once more:"):
                while asked not in shown:
                    shown += os.read(terminal, 4_096)
                os.write(terminal, f"{PASSWORD}\n".encode())
            while b"added the user ann" not in shown:
                shown += os.read(terminal, 4_096)
        finally:
            process.kill()
            os.close(terminal)
    assert PASSWORD.encode() not in shown
    assert enters(PASSWORD)


def test_a_weak_password_is_told_without_it(ready: Any) -> None:
    """Its length is, itself it is not."""
    refused = ready("users", "add", "ann", "--password-file", "-", input="canary")
    assert (refused.exit_code, "canary" in refused.stderr) == (3, False)
    assert "password" in refused.stderr


def test_the_last_administrator_stays(ready: Any) -> None:
    """Neither deleting nor disabling leaves the platform without one."""
    for command in (("delete", "admin", "--yes"), ("disable", "admin"), ("update", "admin", "--no-roles")):
        refused = ready("users", *command, "--platform")
        assert (refused.exit_code, "error[last_admin]" in refused.stderr) == (5, True)


def test_a_lost_second_factor_is_taken_away(ready: Any) -> None:
    """Also where there is none."""
    add(ready)
    assert ready("users", "reset-totp", "ann").stdout == "the user ann has no second factor\n"


def test_a_role_is_stored_shown_and_removed(ready: Any) -> None:
    """The roles of the platform are others; one in use is not removed."""
    stored = ready(
        *("roles", "put", "runner", "--permission", "runs:run@apps/12", "--permission", "runs:read"),
        *("--inherit", "reader", "--description", "Runs app 12."),
    )
    assert stored.stdout == "stored the role runner\n"
    listed = ready("roles", "list").stdout
    for text in ("runner", "runs:run@apps/12", "admin", "Runs app 12."):
        assert text in listed
    assert json.loads(ready("roles", "show", "runner", "-o", "json").stdout)["inherits"] == ["reader"]
    assert "runs:read" in ready("roles", "show", "runner").stdout
    assert ready("roles", "show", "runner", "--platform").exit_code == 4
    add(ready, "ann", "--role", "runner")
    in_use = ready("roles", "delete", "runner", "--yes")
    assert (in_use.exit_code, "error[in_use]" in in_use.stderr) == (5, True)
    ready("users", "update", "ann", "--no-roles")
    assert ready("roles", "delete", "runner", "--yes").stdout == "removed the role runner\n"
    built_in = ready("roles", "put", "reader")
    assert (built_in.exit_code, "error[built_in]" in built_in.stderr) == (5, True)
    assert ready("roles", "put", "odd", "--permission", "everything").exit_code == 3


@pytest.mark.parametrize("platform", [(), ("--platform",)], ids=["tenant", "platform"])
def test_a_key_is_printed_once_and_works(ready: Any, platform: tuple[str, ...]) -> None:
    """Its text stands alone on standard output; rotated it is another, revoked it is none."""
    add(ready, "ann", "--role", "reader", *platform)
    made = ready("api-keys", "create", "nightly", "--user", "ann", "--scope", "apps:read", *platform)
    text = made.stdout.removesuffix("\n")
    assert text.startswith("zk.")
    assert "this once" in made.stderr
    with Zona() as zona:
        assert zona.gate.key(text).actor.may("apps:read")
    listed = ready("api-keys", "list", *platform, "-o", "json").stdout
    assert text.rpartition(".")[2] not in listed
    key_id = json.loads(listed)["items"][0]["id"]
    rotated = json.loads(ready("api-keys", "rotate", key_id, "--overlap", "0", *platform, "-o", "json").stdout)
    assert rotated["key"]["id"] == key_id
    with Zona() as zona:
        assert zona.gate.key(rotated["text"]).key_id == key_id
        with pytest.raises(Unauthenticated):
            zona.gate.key(text)
    assert ready("api-keys", "revoke", key_id, "--yes", *platform).exit_code == 0
    assert "revoked" in ready("api-keys", "list", "--user", "ann", *platform).stdout
    with Zona() as zona, pytest.raises(Unauthenticated):
        zona.gate.key(rotated["text"])


def test_a_key_ends_when_it_is_told_to(ready: Any) -> None:
    """A day without an offset is local; a time that is past is refused."""
    add(ready)
    made = ready(
        *("api-keys", "create", "k", "--user", "ann", "--scope", "apps:read"),
        *("--expires", "2099-01-01T12:00:00+0200", "--rate-limit", "30", "-o", "json"),
    )
    key = json.loads(made.stdout)["key"]
    assert (key["expires_at"], key["rate_limit"]) == ("2099-01-01T10:00:00Z", 30)
    past = ready("api-keys", "create", "k", "--user", "ann", "--scope", "apps:read", "--expires", "2020-01-01")
    assert (past.exit_code, "expires_at" in past.stderr) == (3, True)
    assert ready("api-keys", "create", "k", "--user", "nobody", "--scope", "apps:read").exit_code == 4
