"""``zona init``: what it makes, and what it leaves alone."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from zona_cli.init import _without_password


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
    assert done.stdout.count("was there") == 3
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
