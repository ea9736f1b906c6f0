"""``zona init``: what it makes, and what it leaves alone."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from zona_cli.init import _without_password
from zona_core import Unauthenticated, Zona


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_makes_home_key_store_and_tenant(zona: Any, home: Path) -> None:
    """The folder and the key are their owner's alone, and the next steps are named."""
    done = zona("init")
    assert done.exit_code == 0
    assert mode(home) == 0o700
    assert mode(home / "master.key") == 0o600
    assert (home / "zona.db").exists()
    assert "localhost (made)" in done.stdout
    assert "loses every stored secret" in done.stderr
    assert "zona apps import-openapi FILE" in done.stderr


def test_twice_is_as_good_as_once(zona: Any, home: Path) -> None:
    """The second call keeps the key and says that all was there."""
    zona("init")
    key = (home / "master.key").read_bytes()
    done = zona("init")
    assert done.exit_code == 0
    assert (home / "master.key").read_bytes() == key
    assert done.stdout.count("was there") == 4
    assert "loses every stored secret" not in done.stderr


def test_home_may_stand_after_the_command(zona: Any, tmp_path: Path, home: Path) -> None:
    """``--home`` names the folder that is made."""
    assert zona("init", "--home", str(tmp_path / "other")).exit_code == 0
    assert (tmp_path / "other" / "master.key").exists()
    assert not home.exists()


def test_json_tells_what_was_made(zona: Any, home: Path) -> None:
    """Standard output is one document, in which the store's URL is whole."""
    done = zona("init", "-o", "json")
    told = json.loads(done.stdout)
    assert told == {
        "home": {"path": str(home), "created": True},
        "key": {"source": f"file:{home / 'master.key'}", "created": True},
        "store": {"url": f"sqlite:///{home / 'zona.db'}", "version": 1, "notes": told["store"]["notes"]},
        "tenant": {"code": "localhost", "created": True},
        "admin": {"name": "admin", "created": True},
    }
    assert "warning" in json.loads(done.stderr)


def test_a_key_in_the_environment_is_enough(zona: Any, home: Path) -> None:
    """No key file is made where the key comes from the environment, and that is said."""
    key = zona("init", "--print-key").stdout.strip()
    done = zona("init", env={"ZONA_MASTER_KEY": key})
    assert done.exit_code == 0
    assert not (home / "master.key").exists()
    assert "no key file was made: the master key comes from env:ZONA_MASTER_KEY" in done.stderr
    assert key not in done.output


def logs_in(home: Path, password: str) -> bool:
    """Whether the user admin gets in by that password."""
    with Zona(home=str(home)) as opened:
        try:
            tokens = opened.gate.login(name="admin", password=password)
        except Unauthenticated:
            return False
        return opened.gate.bearer(tokens.access_token.reveal()).actor.may("core_users:write")


def test_makes_an_administrator(zona: Any, home: Path) -> None:
    """The generated password is in a file for its owner's eyes, named among the next steps, and shown nowhere."""
    done = zona("init")
    file = home / "admin.password"
    assert mode(file) == 0o600
    password = file.read_text().strip()
    assert len(password) >= 24
    assert password not in done.output
    assert "admin (made)" in done.stdout
    assert str(file) in done.stderr.replace("\n", "")
    assert "change it" in done.stderr.replace("\n", " ")
    assert logs_in(home, password)
    assert [path.name for path in home.iterdir() if "password" in path.name] == ["admin.password"]


def test_the_administrator_is_made_once(zona: Any, home: Path) -> None:
    """The second call makes no file in the place of one that was removed, and leaves the user alone."""
    zona("init")
    password = (home / "admin.password").read_text().strip()
    (home / "admin.password").unlink()
    done = zona("init", env={"ZONA_ADMIN_PASSWORD": "another long password"})
    assert "admin (was there)" in done.stdout
    assert not (home / "admin.password").exists()
    assert logs_in(home, password)


def test_an_administrators_password_in_the_environment_is_enough(zona: Any, home: Path) -> None:
    """No file is made, and nothing is shown."""
    done = zona("init", env={"ZONA_ADMIN_PASSWORD": "canary-long-password"})
    assert done.exit_code == 0
    assert not (home / "admin.password").exists()
    assert "canary-long-password" not in done.output
    assert "admin.password" not in done.output
    assert logs_in(home, "canary-long-password")


def test_a_poor_password_in_the_environment_is_refused(zona: Any, home: Path) -> None:
    """The rule is told, not the password; a better one mends it."""
    done = zona("init", env={"ZONA_ADMIN_PASSWORD": "canary"})
    assert done.exit_code == 3
    assert "password" in done.stderr
    assert "canary" not in done.output
    assert zona("init").exit_code == 0
    assert logs_in(home, (home / "admin.password").read_text().strip())


def test_a_password_file_that_was_there_is_used(zona: Any, home: Path) -> None:
    """What an interrupted call left behind; a file that others can read is refused."""
    home.mkdir(mode=0o700)
    file = home / "admin.password"
    file.write_text("left behind by another call\n")
    file.chmod(0o644)
    done = zona("init")
    assert done.exit_code == 10
    assert "error[password_exposed]" in done.stderr
    file.chmod(0o600)
    assert zona("init").exit_code == 0
    assert logs_in(home, "left behind by another call")


def test_a_missing_variable_is_told(zona: Any, home: Path) -> None:
    """A keyring in a variable that is not set ends init, with a way to make a key."""
    done = zona("init", env={"ZONA_KEYRING": "env:NO_SUCH_KEY"})
    assert done.exit_code == 11
    assert "error[master_key_missing]" in done.stderr
    assert "hint: " in done.stderr


def test_print_key_makes_nothing(zona: Any, home: Path) -> None:
    """It prints 32 random bytes in base64, another each time."""
    keys = {zona("init", "--print-key").stdout for _ in range(2)}
    assert [len(base64.b64decode(key, validate=False)) for key in keys] == [32, 32]
    assert not home.exists()


def test_a_home_that_cannot_be_made_is_told(zona: Any, tmp_path: Path) -> None:
    """What is in the way is named."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    done = zona("init", "--home", str(tmp_path / "link"))
    assert done.exit_code == 10
    assert "cannot be made" in done.stderr


def test_before_init_commands_say_what_to_do(zona: Any, home: Path) -> None:
    """Nothing is made in passing."""
    done = zona("apps", "list")
    assert done.exit_code == 10
    assert "error[not_initialised]" in done.stderr
    assert "zona init" in done.stderr
    assert not home.exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://user:s3cret@host:27017/zona?password=s3cret", "mongodb://host:27017/zona"),
        ("sqlite:////srv/zona.db?busy_timeout=5", "sqlite:////srv/zona.db"),
        ("sqlite:///zona.db", "sqlite:///zona.db"),
    ],
)
def test_no_password_of_a_store_url_is_shown(url: str, shown: str) -> None:
    """User, password and options of a URL stay out of the summary; the rest is whole."""
    assert _without_password(url) == shown


def test_a_new_key_for_an_old_store_is_warned_of(zona: Any, home: Path) -> None:
    """The secrets in the store need the key that was there before."""
    assert "older than this master key" not in zona("init").stderr
    (home / "master.key").unlink()
    assert "the store is older than this master key" in zona("init").stderr
    assert "older than this master key" not in zona("init").stderr
