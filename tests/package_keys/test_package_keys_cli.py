"""``zona keys``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from zona_cli.main import cli
from zona_signing._ed25519 import Ed25519

SCHEME = Ed25519()
PUBLIC = SCHEME.public_text(SCHEME.new_pair().public)

Zona = Callable[..., Result]


@pytest.fixture
def zona(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Zona:
    """``zona keys`` in this process, with a store in a file."""
    monkeypatch.setenv("ZONA_STORE", f"sqlite:///{tmp_path}/zona.db")

    def call(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, ["keys", *arguments], prog_name="zona", **options)

    return call


def test_a_key_is_made_and_its_public_part_trusted_elsewhere(zona: Zona, tmp_path: Path) -> None:
    """Standard output has the PEM alone; what was exported can be trusted in another tenant."""
    made = zona("create", "releases")
    assert made.exit_code == 0, made.output
    assert "zona keys export releases" in made.stderr
    exported = zona("export", "releases")
    assert exported.stdout == json.loads(zona("show", "releases", "-o", "json").stdout)["public"]
    file = tmp_path / "releases.pem"
    assert zona("export", "releases", "--file", str(file)).exit_code == 0
    assert file.read_text() == exported.stdout
    CliRunner().invoke(cli, ["tenants", "add", "acme"])
    trusted = zona("trust", "localhost", str(file), "--tenant", "acme")
    assert trusted.exit_code == 0, trusted.output
    fingerprint = json.loads(zona("export", "releases", "-o", "json").stdout)["fingerprint"]
    assert fingerprint in made.stdout
    assert fingerprint in trusted.stdout
    assert "trusted" in zona("list", "--tenant", "acme").stdout


def test_keys_are_listed_and_shown(zona: Zona) -> None:
    """Whose they are, and whether they still sign."""
    assert "no package key" in zona("list").stderr
    zona("create", "releases")
    assert zona("trust", "partner", "-", input=PUBLIC).exit_code == 0
    assert zona("retire", "releases", "--yes").exit_code == 0
    rows = [line.split() for line in zona("list").stdout.splitlines()]
    assert [row[:2] for row in rows] == [["Name", "Kind"], ["partner", "trusted"], ["releases", "retired"]]
    shown = zona("show", "releases").stdout
    for text in ("Kind         retired", "ed25519", "BEGIN PUBLIC KEY", "Retired"):
        assert text in shown


def test_what_cannot_be_taken_back_is_asked_for(zona: Zona) -> None:
    """Without a terminal it needs ``--yes``; removed, the key is not there."""
    zona("create", "releases")
    for command in ("retire", "remove"):
        assert zona(command, "releases").exit_code == 2
    assert zona("remove", "releases", "--yes").exit_code == 0
    for command in ("show", "export"):
        assert zona(command, "releases").exit_code == 4


def test_a_text_that_is_no_public_key_is_refused(zona: Zona, tmp_path: Path) -> None:
    """A private key is not taken, and nothing of it told; nor are bytes that are no text."""
    private = SCHEME.private_text(SCHEME.new_pair().private)
    done = zona("trust", "partner", "-", input=private)
    assert (done.exit_code, "PRIVATE KEY" in done.stderr) == (3, True)
    assert private.splitlines()[1] not in done.output
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    assert zona("trust", "partner", str(tmp_path / "key")).exit_code == 2
    assert zona("export", "nobody", "--file", str(tmp_path)).exit_code == 2


def test_a_file_that_cannot_be_written_is_told(zona: Zona, tmp_path: Path) -> None:
    """As wrong usage, with the reason."""
    zona("create", "releases")
    done = zona("export", "releases", "--file", str(tmp_path / "nowhere" / "key.pem"))
    assert (done.exit_code, "cannot be written" in done.stderr) == (2, True)


def test_the_two_kinds_of_keys_are_told_apart() -> None:
    """Each group's help names the other."""
    for group, other in (("keys", "zona api-keys"), ("api-keys", "zona keys")):
        assert other in " ".join(CliRunner().invoke(cli, [group, "--help"]).stdout.split())
