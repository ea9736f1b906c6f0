"""``zona instances`` and ``zona credentials``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zona_core import AppDefinition, ServiceDefinition, Zona


def test_values_come_from_options_files_and_the_environment(
    ready: Any, app: str, tmp_path: Path, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line break at a file's end is not part of the value: the connection works."""
    ready("tenants", "policy", "localhost", "--allow-network", "127.0.0.0/8")
    (tmp_path / "key").write_text(f"{api.key}\n")
    monkeypatch.setenv("SMALL_URL", api.url)
    done = ready(
        *("instances", "add", app, "--title", "main", "--allow-private"),
        *("--set-file", f"api_key={tmp_path / 'key'}", "--set-env", "base_url=SMALL_URL"),
    )
    assert done.stdout == "added the instance main (instance 1)\n"
    tested = ready("instances", "test", app, "main")
    assert tested.exit_code == 0
    assert tested.stdout.startswith("main works: ")


def test_an_instance_asks_for_its_service(ready: Any, home: Path) -> None:
    """``--deploy`` and ``--no-deploy`` say so; what is shown tells it."""
    with Zona.embedded(home) as zona:
        zona.tenant().apps.upsert(AppDefinition(title="Mail", service=ServiceDefinition(image="mail:1")))
    assert ready("instances", "add", "Mail", "--title", "a", "--deploy").exit_code == 0
    assert "asked for: the fleet runs it" in ready("instances", "show", "Mail", "a").stdout
    assert ready("instances", "update", "Mail", "a", "--no-deploy").exit_code == 0
    assert json.loads(ready("instances", "show", "Mail", "a", "-o", "json").stdout)["deploy"] is False


def test_a_secret_may_come_from_standard_input(ready: Any, app: str) -> None:
    """``-`` reads standard input, for one value only."""
    done = ready("instances", "add", app, "--title", "a", "--set-file", "api_key=-", input="typed\n")
    assert done.exit_code == 0
    twice = ready("instances", "add", app, "--title", "b", "--set-file", "api_key=-", "--set-file", "base_url=-")
    assert twice.exit_code == 2
    assert "for one value only" in twice.stderr


def test_a_secret_on_the_command_line_is_warned_of(ready: Any, app: str) -> None:
    """It works, and the warning repeats no value; in JSON the warning is JSON."""
    done = ready("instances", "add", app, "--title", "a", "--set", "api_key=canary-1")
    assert done.exit_code == 0
    assert "warning: api_key" in done.stderr
    assert "canary-1" not in done.output
    done = ready("instances", "add", app, "--title", "b", "--set", "api_key=canary-1", "-o", "json")
    assert "api_key" in json.loads(done.stderr)["warning"]
    assert json.loads(done.stdout)["values"]["api_key"] == "********"


def test_without_a_terminal_nothing_is_asked(ready: Any, app: str) -> None:
    """A required secret that is missing is a fault with a hint, not a question that nobody answers."""
    done = ready("instances", "add", app, "--title", "a")
    assert done.exit_code == 3
    assert "api_key: a value is required" in done.stderr
    assert "hint: give api_key by --set-env api_key=VARIABLE" in done.stderr
    asked = ready("instances", "add", app, "--title", "a", "--prompt", "api_key")
    assert asked.exit_code == 2
    assert "there is no terminal" in asked.stderr


def test_at_a_terminal_required_secrets_are_asked_for(ready: Any, app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed is taken and not shown."""
    monkeypatch.setattr("zona_cli._inputs.at_terminal", lambda: True)
    done = ready("instances", "add", app, "--title", "a", input="canary-2\n")
    assert done.exit_code == 0
    assert "API key" in done.stderr
    assert "canary-2" not in done.output


def test_values_are_read_by_the_kind_of_their_field(ready: Any) -> None:
    """Numbers, booleans, lists, choices and files are what they look like."""
    kinds = {"n": "number", "b": "boolean", "l": "list", "j": "json", "f": "file", "t": "text"}
    fields = [{"name": name, "kind": kind} for name, kind in kinds.items()]
    fields.append({"name": "c", "kind": "choice", "choices": [1, 2]})
    definition = {
        "title": "Kinds",
        "fields": fields,
        "handler_config": {"http": {"base_url": "https://api.example.com"}},
    }
    assert ready("apps", "add", "-", input=json.dumps(definition)).exit_code == 0
    plain = ["n=1.5", "b=true", "l=a,b", 'j={"x": [1]}', "t=1", "c=2"]
    options = [part for text in plain for part in ("--set", text)]
    done = ready("instances", "add", "Kinds", "--title", "k", *options, "--set-file", "f=-", "-o", "json", input="hi\n")
    assert done.exit_code == 0, done.stderr
    file = {"name": "stdin", "content": "aGkK", "media_type": "application/octet-stream"}
    expected = {"n": 1.5, "b": True, "l": ["a", "b"], "j": {"x": [1]}, "t": "1", "c": 2, "f": file}
    assert json.loads(done.stdout)["values"] == expected
    wrong = ready("instances", "add", "Kinds", "--title", "w", "--set", "n=many", "--set", "b=perhaps", "--set", "z=1")
    assert wrong.exit_code == 3
    assert [line.split(":")[0].strip() for line in wrong.stderr.splitlines()[1:]] == ["z", "n", "b"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--set", "canary-3"], "not of the form NAME=VALUE"),
        (["--set-env", "canary-3"], "not of the form NAME=VARIABLE"),
        (["--set-env", "api_key=NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set"),
        (["--set-file", "api_key=/no/such/file"], "/no/such/file cannot be read"),
        (["--set-file", "api_key=/dev/null"], "the file is empty"),
        (["--set", "api_key=canary-3", "--set-env", "api_key=HOME"], "given more than once: api_key"),
    ],
)
def test_values_that_cannot_be_had_are_wrong_usage(ready: Any, app: str, options: list[str], text: str) -> None:
    """The option is named; a text in the wrong place is not repeated, as it may be a secret."""
    done = ready("instances", "add", app, "--title", "a", *options)
    assert done.exit_code == 2
    assert text in done.stderr
    assert "canary-3" not in done.output


def test_a_misspelt_secret_is_not_repeated(ready: Any, app: str) -> None:
    """A value that belongs to no field may be a secret."""
    done = ready("instances", "add", app, "--title", "a", "--set", "apikey=canary-4")
    assert done.exit_code == 3
    assert "apikey: there is no such field" in done.stderr
    assert "canary-4" not in done.output


def test_listed_and_shown_with_secrets_masked(ready: Any, connected: str, api: Any) -> None:
    """A list is of one app or of all; JSON has the models' attributes."""
    for arguments in (["list"], ["list", connected], ["show", connected, "main"]):
        done = ready("instances", *arguments)
        assert done.exit_code == 0
        assert "main" in done.stdout
    shown = json.loads(ready("instances", "show", connected, "1", "-o", "json").stdout)
    assert shown["values"] == {"api_key": "********", "base_url": api.url}
    assert ready("instances", "list", "no").exit_code == 4


def test_a_refusal_of_the_test_has_its_exit_code(ready: Any, connected: str) -> None:
    """An instance that does not work ends with 7, in JSON with the report and the error."""
    ready("instances", "update", connected, "main", "--set-file", "api_key=-", input="wrong")
    done = ready("instances", "test", connected, "main")
    assert done.exit_code == 7
    assert "error[instance_not_working]" in done.stderr
    done = ready("instances", "test", connected, "main", "-o", "json")
    assert json.loads(done.stdout)["ok"] is False
    assert json.loads(done.stderr)["error"]["code"] == "instance_not_working"


def test_private_addresses_are_refused_unless_allowed(ready: Any, connected: str) -> None:
    """Without the instance's consent exit code 12 says that the address is refused."""
    assert ready("instances", "update", connected, "main", "--no-allow-private").exit_code == 0
    done = ready("run", connected, "get_host", "ip=1.1.1.1")
    assert done.exit_code == 12
    assert "error[address_refused]" in done.stderr
    assert ready("instances", "update", connected, "main", "--allow-private").exit_code == 0
    assert ready("run", connected, "get_host", "ip=1.1.1.1").exit_code == 0


def test_an_update_changes_what_it_names(ready: Any, connected: str, api: Any) -> None:
    """Values are set and unset one by one; title and status as well."""
    done = ready("instances", "update", connected, "main", "--unset", "base_url", "--rename", "second", "-o", "json")
    after = json.loads(done.stdout)
    assert after["title"] == "second"
    assert after["values"] == {"api_key": "********", "base_url": "http://127.0.0.1:9"}
    done = ready("instances", "update", connected, "second", "--status", "maintenance", "-o", "json")
    assert json.loads(done.stdout)["status"] == "maintenance"
    stopped = ready("run", connected, "get_host", "ip=1")
    assert (stopped.exit_code, "instance_not_active" in stopped.stderr) == (3, True)


def test_an_update_without_a_change_is_wrong_usage(ready: Any, connected: str) -> None:
    """So is one that sets and unsets the same field."""
    assert "nothing to change" in ready("instances", "update", connected, "main").stderr
    both = ready("instances", "update", connected, "main", "--set", "base_url=http://x", "--unset", "base_url")
    assert (both.exit_code, "set and unset at once: base_url" in both.stderr) == (2, True)


def test_removed_after_a_yes(ready: Any, connected: str) -> None:
    """A removed instance is gone for lists and runs."""
    assert ready("instances", "remove", connected, "main").exit_code == 2
    assert ready("instances", "remove", connected, "main", "--yes").exit_code == 0
    assert ready("instances", "show", connected, "main").exit_code == 4
    assert json.loads(ready("instances", "list", "-o", "json").stdout)["items"] == []


def test_a_taken_title_is_refused(ready: Any, connected: str) -> None:
    """Exit code 5."""
    done = ready("instances", "add", connected, "--title", "main", "--set-env", "api_key=SMALL_KEY")
    assert done.exit_code == 5


def test_a_credential_stands_in_for_an_instances_secret(
    ready: Any, app: str, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is added, used, rotated and, once no instance uses it, removed."""
    ready("tenants", "policy", "localhost", "--allow-network", "127.0.0.0/8")
    monkeypatch.setenv("SMALL_KEY", "not yet the right one")
    assert ready("credentials", "add", "shared", "--set-env", "api_key=SMALL_KEY").exit_code == 0
    connect = ["instances", "add", app, "--title", "main", "--allow-private", "--set", f"base_url={api.url}"]
    assert ready(*connect, "--credential", "shared").exit_code == 0
    assert ready("run", app, "get_host", "ip=1").exit_code == 7
    assert ready("credentials", "rotate", "shared", "--set-file", "api_key=-", input=api.key).exit_code == 0
    assert ready("run", app, "get_host", "ip=1").exit_code == 0
    used = ready("credentials", "remove", "shared", "--yes")
    assert (used.exit_code, "error[in_use]" in used.stderr) == (5, True)
    ready("instances", "remove", app, "main", "--yes")
    assert ready("credentials", "remove", "shared", "--yes").exit_code == 0
    assert ready("credentials", "rotate", "shared", "--set-file", "api_key=-", input="x").exit_code == 4


def test_an_instances_credential_is_changed_and_dropped(ready: Any, app: str) -> None:
    """``instances update --credential`` takes another, or none."""
    for title in ("first", "second"):
        ready("credentials", "add", title, "--set-file", "api_key=-", input=f"{title}-key")
    ready("instances", "add", app, "--title", "main", "--credential", "first")
    update = ("instances", "update", app, "main", "--credential")
    assert ready(*update, "second").exit_code == 0
    assert json.loads(ready("instances", "show", app, "main", "-o", "json").stdout)["credentials_id"] == 2
    assert ready(*update, "third").exit_code == 4
    assert ready(*update, "", "--set-file", "api_key=-", input="own").exit_code == 0
    assert json.loads(ready("instances", "show", app, "main", "-o", "json").stdout)["credentials_id"] == 0


def test_credentials_are_listed_masked(ready: Any) -> None:
    """The table has the secrets' names, JSON masks."""
    ready("credentials", "add", "shared", "--set-file", "api_key=-", input="canary-5")
    listed = ready("credentials", "list")
    assert "api_key" in listed.stdout
    document = json.loads(ready("credentials", "list", "-o", "json").stdout)
    assert document["items"][0]["secrets"] == {"api_key": "********"}
    assert "canary-5" not in listed.output


def test_a_credentials_secret_may_be_typed(ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--prompt`` asks at a terminal and is wrong usage without one; no secret at all is refused."""
    assert ready("credentials", "add", "typed", "--prompt", "api_key").exit_code == 2
    assert ready("credentials", "add", "typed").exit_code == 3
    monkeypatch.setattr("zona_cli._inputs.at_terminal", lambda: True)
    done = ready("credentials", "add", "typed", "--prompt", "api_key", input="canary-6\n")
    assert done.exit_code == 0
    assert "canary-6" not in done.output


def test_a_secret_that_was_left_empty_is_mentioned(ready: Any, app: str) -> None:
    """Many documents do not say that a key is required: the note says how to give it, and is not for programs."""
    definition = {
        "title": "Open",
        "fields": [{"name": "token", "kind": "secret"}],
        "handler_config": {"http": {"base_url": "https://api.example.com"}},
    }
    assert ready("apps", "add", "-", input=json.dumps(definition)).exit_code == 0
    done = ready("instances", "add", "Open", "--title", "my own")
    assert "without token: zona instances update Open 'my own' --set-env token=VARIABLE" in done.stderr
    assert ready("instances", "add", "Open", "--title", "b", "-o", "json").stderr == ""
    assert ready("instances", "add", app, "--title", "c", "--set-file", "api_key=-", input="key").stderr == ""


def test_an_instance_is_shown_with_its_credentials_title(ready: Any, app: str) -> None:
    """Not with a number that one would have to look up."""
    ready("credentials", "add", "shared", "--set-file", "api_key=-", input="canary-1")
    ready("instances", "add", app, "--title", "main", "--credential", "shared")
    shown = ready("instances", "show", app, "main")
    assert ["Credential", "shared"] in [line.split() for line in shown.stdout.splitlines()]


def test_a_refused_address_is_answered_with_commands(ready: Any, app: str) -> None:
    """The hint names what the operator can type, for the run and for the test."""
    added = ready(
        *("instances", "add", app, "--title", "my own", "--set", "base_url=http://127.0.0.1:9"),
        *("--set-file", "api_key=-"),
        input="key",
    )
    assert added.exit_code == 0
    for arguments in (["run", app, "get_slow"], ["instances", "test", app, "my own"]):
        done = ready(*arguments)
        assert done.exit_code == 12
        assert "zona instances update 'Small API' 'my own' --allow-private" in done.stderr
        assert "zona tenants policy localhost --allow-network CIDR" in done.stderr
