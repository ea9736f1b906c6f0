"""What reaches the terminal: harmless text, and JSON that programs can read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zona_cli import _output as out
from zona_cli._output import moment, short_moment
from zona_cli._text import json_text, one_line, printable
from zona_core import ImportResult
from zona_core.domain.licences import LicenceState

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_control_character_is_printed(text: str) -> None:
    """Whatever the text, only tabs and line breaks are left of the controls, and it can be encoded."""
    shown = printable(text)
    assert not set(shown) & (set(CONTROLS) - {"\n", "\t"})
    assert not any("\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" for char in shown)
    shown.encode()
    assert "\n" not in one_line(text)


@given(JSON)
def test_json_keeps_its_meaning(data: Any) -> None:
    """Escaping what is unsafe changes no value."""
    text = json_text(data)
    assert json.loads(text) == data
    assert not set(text) & (set(CONTROLS) - {"\n"})


@pytest.mark.parametrize("arguments", [["run", "APP", "get_wild"], ["run", "APP", "get_wild", "-o", "json"]])
def test_an_answers_escapes_do_not_reach_the_terminal(ready: Any, connected: str, arguments: list[str]) -> None:
    """Escape sequences and markup in what an API says are shown as text."""
    done = ready(*(connected if part == "APP" else part for part in arguments))
    assert done.exit_code == 0
    assert not set(done.output) & (set(CONTROLS) - {"\n"})
    assert "\u202e" not in done.output
    assert "[bold]markup[/bold]" in done.stdout


def test_stored_texts_do_not_reach_the_terminal_as_escapes(ready: Any) -> None:
    """Titles with what turns the direction of writing, and descriptions with any."""
    definition = {
        "title": "B\u202eC [bold]D[/bold]",
        "description": "first\nsecond \x1b]0;title\x07 \x9b31m",
        "handler_config": {"http": {"base_url": "https://api.example.com"}},
    }
    assert ready("apps", "add", "-", input=json.dumps(definition)).exit_code == 0
    for arguments in (
        ["apps", "list"],
        ["apps", "show", "1"],
        ["apps", "list", "-o", "json"],
        ["apps", "delete", "1", "--yes"],
    ):
        done = ready(*arguments)
        assert done.exit_code == 0
        assert not set(done.output) & (set(CONTROLS) - {"\n"})
        assert "[bold]D[/bold]" in done.stdout


def test_times_are_local_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """In full with the offset; short with the time of day only in this year."""
    this_year = datetime.now(UTC).replace(month=6, day=15, hour=12, minute=30, second=5)
    assert len(short_moment(this_year)) == len(short_moment(this_year.replace(year=2001))) == 12
    assert short_moment(this_year).startswith("15 Jun ")
    assert short_moment(this_year.replace(year=2001)) == "15 Jun  2001"
    assert datetime.strptime(moment(this_year), "%Y-%m-%d %H:%M:%S %z") == this_year.replace(microsecond=0)
    assert (moment(None), short_moment(None)) == ("", "")


def test_output_may_be_chosen_anywhere(ready: Any) -> None:
    """Before the command, between, after it, and in the environment; the innermost counts."""
    for arguments in (
        ["-o", "json", "tenants", "list"],
        ["tenants", "--output", "json", "list"],
        ["tenants", "list", "--output=json"],
        ["-o", "table", "tenants", "list", "-o", "json"],
    ):
        assert json.loads(ready(*arguments).stdout)["next"] is None
    assert json.loads(ready("tenants", "list", env={"ZONA_OUTPUT": "json"}).stdout)["next"] is None
    assert ready("tenants", "list", "-o", "table", env={"ZONA_OUTPUT": "json"}).stdout.startswith("Code")
    assert ready("tenants", "list", "-o", "xml").exit_code == 2


def test_every_result_of_an_import_has_a_colour() -> None:
    """So have the states that apps, instances, keys and licences come to."""
    states = {*ImportResult, *LicenceState, "updated", "retired"}
    assert {each for each in states if not out.state(str(each)).style} == set()
