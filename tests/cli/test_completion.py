"""``zona completion``, and what the scripts are answered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ZONA = [sys.executable, "-c", "from zona_cli.main import main; main()"]


def completed(*words: str) -> list[str]:
    """What fish is offered for the last of ``words``."""
    done = subprocess.run(
        ZONA,
        env={
            **os.environ,
            "_ZONA_COMPLETE": "fish_complete",
            "COMP_WORDS": f"zona {' '.join(words)}",
            "COMP_CWORD": words[-1],
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    offers = [line.removeprefix("plain,").partition("\t")[0] for line in done.stdout.splitlines()]
    return [offer for offer in offers if offer]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed(zona: Any, shell: str) -> None:
    """It asks ``zona`` by the variable that ``zona`` looks at."""
    done = zona("completion", shell)
    assert done.exit_code == 0
    assert f"_ZONA_COMPLETE={shell}_complete" in done.stdout


def test_another_shell_is_wrong_usage(zona: Any) -> None:
    """Those that there are are named."""
    done = zona("completion", "tcsh")
    assert (done.exit_code, "fish" in done.stderr) == (2, True)


def test_names_in_the_store_are_offered(ready: Any, connected: str) -> None:
    """Titles of apps, tags of tasks, titles of instances, ids of runs, codes of tenants."""
    ready("run", connected, "get_host", "ip=1")
    ready("credentials", "add", "shared", "--set-file", "api_key=-", input="x")
    assert completed("apps", "show", "Sm") == ["Small API"]
    assert "get_host" in completed("run", "'Small API'", "get_")
    assert completed("instances", "show", "'Small API'", "m") == ["main"]
    assert len(completed("runs", "show", "")[0]) == 36
    assert completed("tenants", "show", "lo") == ["localhost"]
    assert completed("credentials", "rotate", "s") == ["shared"]
    assert completed("apps", "sho") == ["show"]


def test_nothing_is_made_and_nothing_is_said(home: Path, zona: Any) -> None:
    """Without a store, with a broken one or an unknown tenant there is simply nothing to offer."""
    assert completed("apps", "show", "S") == []
    assert not home.exists()
    home.mkdir()
    assert completed("apps", "show", "S") == []
    assert list(home.iterdir()) == []
    (home / "zona.db").write_bytes(b"no database at all" * 100)
    assert completed("apps", "show", "S") == []
    (home / "zona.toml").write_text("no TOML")
    assert completed("apps", "show", "S") == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_gets_words_that_it_reads_as_one(ready: Any, connected: str, tmp_path: Path) -> None:
    """A title with a blank is quoted on the command line."""
    program = tmp_path / "zona"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from zona_cli.main import main; main()' \"$@\"\n")
    program.chmod(0o755)
    script = (
        "source <(zona completion bash); COMP_WORDS=(zona apps show S); COMP_CWORD=3; _zona_completion zona; "
        'printf "%s\\n" "${#COMPREPLY[@]}" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["1", "Small\\ API"]
