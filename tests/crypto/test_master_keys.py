"""Where master keys come from: environment, files, and what is refused there."""

from __future__ import annotations

import base64
import logging
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zona_aesgcm import AesGcmKeyring, create_key_file
from zona_aesgcm.plugin import zona_key_makers, zona_keyrings
from zona_core.errors import KeyUnavailable
from zona_core.hookspecs import PluginDetails

KEYRINGS = zona_keyrings(PluginDetails(version="0"))
MAKERS = zona_key_makers(PluginDetails(version="0"))
CONTEXT = b"acme/instances/12/values.api_key"
FIRST = bytes(range(200, 232))
SECOND = bytes(range(100, 132))
#: this one's standard and URL-safe forms differ
SPECIAL = bytes([251, 255] * 16)


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def key_ids(*keys: bytes) -> tuple[str, ...]:
    return AesGcmKeyring(keys).key_ids


def of_env(monkeypatch: pytest.MonkeyPatch, value: str | None) -> AesGcmKeyring:
    """The keyring of ``env:MASTER`` when that variable holds ``value``."""
    if value is None:
        monkeypatch.delenv("MASTER", raising=False)
    else:
        monkeypatch.setenv("MASTER", value)
    keyring = KEYRINGS["env"]("env:MASTER")
    assert isinstance(keyring, AesGcmKeyring)
    return keyring


def of_file(path: Path, text: str, mode: int = 0o600) -> AesGcmKeyring:
    """The keyring of a file that holds ``text``."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    keyring = KEYRINGS["file"](f"file:{path}")
    assert isinstance(keyring, AesGcmKeyring)
    return keyring


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (encoded(FIRST), (FIRST,)),
        (encoded(SPECIAL), (SPECIAL,)),
        (base64.urlsafe_b64encode(SPECIAL).decode(), (SPECIAL,)),
        (base64.urlsafe_b64encode(SPECIAL).decode().rstrip("="), (SPECIAL,)),
        (f"{encoded(FIRST)},{encoded(SECOND)}", (FIRST, SECOND)),
        (f"  {encoded(SECOND)}\n{encoded(FIRST)} ,\t{encoded(SPECIAL)}\n", (SECOND, FIRST, SPECIAL)),
    ],
    ids=["one", "standard", "url-safe", "unpadded", "comma", "white space"],
)
def test_the_environment_holds_keys(monkeypatch: pytest.MonkeyPatch, value: str, keys: tuple[bytes, ...]) -> None:
    """Both base64 alphabets are read, padded or not, parted by commas or white space, in their order."""
    assert of_env(monkeypatch, value).key_ids == key_ids(*keys)


@pytest.mark.parametrize("value", [None, "", "  ", ",\n,"])
def test_a_missing_variable_is_told(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    """An unset or empty variable is a missing master key, named in the message, with the way to make one."""
    with pytest.raises(KeyUnavailable, match="MASTER") as caught:
        of_env(monkeypatch, value)
    assert caught.value.code == "master_key_missing"
    assert "/dev/urandom" in caught.value.hint


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("canary?" + "A" * 36, "is not base64"),
        ("canaryCANARYé", "is not base64"),
        ("canaryCANARYcanaryCANARYc", "is not base64"),
        (FIRST.hex(), "decodes to 48 bytes"),
        (encoded(FIRST[:31]), "decodes to 31 bytes"),
        (encoded(FIRST + b"x"), "decodes to 33 bytes"),
        (encoded(FIRST) + "=====", None),
    ],
)
def test_bad_keys_are_told_and_not_shown(monkeypatch: pytest.MonkeyPatch, bad: str, message: str | None) -> None:
    """A text that is no key is a fault with its place and no part of the text; surplus padding is forgiven."""
    if message is None:
        assert of_env(monkeypatch, bad).key_ids == key_ids(FIRST)
        return
    with pytest.raises(KeyUnavailable) as caught:
        of_env(monkeypatch, f"{encoded(SECOND)} {bad}")
    error = caught.value
    assert error.code == "master_key_invalid"
    assert [(fault.path, fault.message) for fault in error.faults] == [("env:MASTER[1]", message)]
    told = f"{error!r} {error} {error.as_dict()} {error.__cause__!r} {error.__context__!r}"
    assert bad[:12] not in told
    assert encoded(SECOND)[:12] not in told


def test_every_bad_key_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All faults come in one error."""
    with pytest.raises(KeyUnavailable, match="and 1 more") as caught:
        of_env(monkeypatch, f"x,{encoded(FIRST)},AAAA")
    assert [fault.path for fault in caught.value.faults] == ["env:MASTER[0]", "env:MASTER[2]"]


def test_a_file_holds_keys(tmp_path: Path) -> None:
    """One key a line; comments, blank lines and Windows line ends are passed over."""
    text = f"# made by hand: ключ\n\n{encoded(FIRST)}  # since May\r\n\n   {encoded(SECOND)}\n#{encoded(SPECIAL)}"
    assert of_file(tmp_path / "keys", text).key_ids == key_ids(FIRST, SECOND)


def test_a_file_is_found_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading ``~`` is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert create_key_file(tmp_path / "keys")
    assert KEYRINGS["file"]("file:~/keys").for_tenant("acme").seal("x", CONTEXT)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others refuses the file, and the hint is the command that mends it."""
    path = tmp_path / "my keys"
    with pytest.raises(KeyUnavailable, match=f"mode {mode:04o}") as caught:
        of_file(path, encoded(FIRST), mode)
    assert caught.value.code == "master_key_exposed"
    subprocess.run(["sh", "-c", caught.value.hint], check=True)
    assert KEYRINGS["file"](f"file:{path}").for_tenant("acme")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """A file that another user owns could be changed by that user: it is refused."""
    path = tmp_path / "keys"
    assert create_key_file(path)
    os.chown(path, 12345, -1)
    with pytest.raises(KeyUnavailable, match="user 12345") as caught:
        KEYRINGS["file"](f"file:{path}")
    assert caught.value.code == "master_key_exposed"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """Folders and pipes are refused, the pipe without waiting for a writer; a link to a proper file is followed."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("pipe", "folder"):
        with pytest.raises(KeyUnavailable) as caught:
            KEYRINGS["file"](f"file:{tmp_path / name}")
        assert caught.value.code == "master_key_invalid"
    assert create_key_file(tmp_path / "keys")
    (tmp_path / "link").symlink_to("keys")
    assert KEYRINGS["file"](f"file:{tmp_path / 'link'}").for_tenant("acme")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\n \n"])
def test_a_file_without_keys_is_told(tmp_path: Path, text: str) -> None:
    """A file without any key is a missing master key."""
    with pytest.raises(KeyUnavailable) as caught:
        of_file(tmp_path / "keys", text)
    assert caught.value.code == "master_key_missing"


def test_a_missing_file_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    """The hint for a missing file names the command; what that command calls makes a file that works."""
    path = tmp_path / "it's mine"
    with pytest.raises(KeyUnavailable, match="No such file") as caught:
        KEYRINGS["file"](f"file:{path}")
    assert caught.value.code == "master_key_missing"
    assert "zona init" in caught.value.hint
    assert create_key_file(path)
    assert KEYRINGS["file"](f"file:{path}").for_tenant("acme")


@pytest.mark.parametrize("text", ["canaryé", "canary\0canary", "canary\n" * 20_000], ids=["no ascii", "nul", "long"])
def test_a_file_of_something_else_is_refused_unshown(tmp_path: Path, text: str) -> None:
    """A file that holds no keys is refused without a word of what it holds."""
    with pytest.raises(KeyUnavailable) as caught:
        of_file(tmp_path / "keys", text)
    assert caught.value.code == "master_key_invalid"
    assert "canary" not in f"{caught.value!r} {caught.value.as_dict()}"


@pytest.mark.parametrize("url", ["env:", "file:", "file:a\0b"])
def test_a_url_that_names_nothing_is_refused(url: str) -> None:
    """Without a usable name or path there is no master key."""
    with pytest.raises(KeyUnavailable) as caught:
        KEYRINGS[url.partition(":")[0]](url)
    assert caught.value.code == "master_key_missing"


def test_a_new_key_file_is_fit_for_use(tmp_path: Path) -> None:
    """A made file holds one random key for its owner's eyes only, and nothing else is left in the folder."""
    umask = os.umask(0)
    try:
        assert create_key_file(tmp_path / "a")
        assert create_key_file(str(tmp_path / "b"))
    finally:
        os.umask(umask)
    rings = [KEYRINGS["file"](f"file:{tmp_path / name}") for name in ("a", "b")]
    assert rings[0].key_ids != rings[1].key_ids  # type: ignore[attr-defined]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="no folder that nobody can write to")
def test_an_existing_key_file_may_lie_where_nothing_can_be_written() -> None:
    """As those of mounted secrets do."""
    assert create_key_file("/proc/version") is False


def test_an_existing_key_file_is_left_alone(tmp_path: Path) -> None:
    """What stands at the path, a dangling link included, is not touched: the answer is False."""
    path = tmp_path / "keys"
    path.write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to("nowhere")
    assert create_key_file(path) is False
    assert create_key_file(tmp_path / "link") is False
    assert path.read_text(encoding="utf-8") == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["keys", "link"]


def test_of_many_makers_one_makes_the_file(tmp_path: Path) -> None:
    """Several processes at once make one file between them, and each reads the same whole key after it."""
    script = (
        "import sys; from zona_aesgcm import create_key_file; sys.stdin.read(1)\n"
        "print(create_key_file(sys.argv[1]), open(sys.argv[1]).read().strip())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "keys")]
    makers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    with ThreadPoolExecutor(len(makers)) as pool:
        answers = [out.split() for out, _ in pool.map(lambda maker: maker.communicate("x", timeout=60), makers)]
    assert sorted(answer[0] for answer in answers) == ["False", "False", "False", "True"]
    assert len({answer[1] for answer in answers}) == 1


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Without the folder there is an error that names the file."""
    with pytest.raises(KeyUnavailable, match="nowhere/keys cannot be made: No such file") as caught:
        create_key_file(tmp_path / "nowhere" / "keys")
    assert caught.value.code == "master_key_missing"


def test_keys_are_made_where_the_url_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By URL a file is made once; a variable that is set counts as there, one that is not cannot be made."""
    assert [MAKERS["file"](f"file:{tmp_path}/keys") for _ in range(2)] == [True, False]
    assert KEYRINGS["file"](f"file:{tmp_path}/keys").for_tenant("acme")
    monkeypatch.setenv("MASTER", encoded(FIRST))
    assert MAKERS["env"]("env:MASTER") is False
    monkeypatch.delenv("MASTER")
    with pytest.raises(KeyUnavailable) as caught:
        MAKERS["env"]("env:MASTER")
    assert caught.value.code == "master_key_missing"


def test_nothing_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Keys are made, read and used without a line in the log."""
    with caplog.at_level(logging.DEBUG):
        create_key_file(tmp_path / "keys")
        cipher = KEYRINGS["file"](f"file:{tmp_path / 'keys'}").for_tenant("acme")
        assert cipher.open(cipher.seal("s3cr3t", CONTEXT), CONTEXT) == "s3cr3t"
    assert caplog.records == []


def test_loading_the_plugin_loads_no_driver() -> None:
    """The plugin's module and the making of a key file need no cryptographic library."""
    script = "import sys, zona_aesgcm.plugin; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
