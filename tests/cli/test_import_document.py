"""``zona apps import-document``: documents of any format that a plugin reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from zona_cli._documents import import_document
from zona_core import InvalidDocument, NotFound

WRITTEN = Path(__file__).resolve().parent.parent / "data" / "written"
XSOAR = WRITTEN / "xsoar" / "northwatch.yml"
SHUFFLE = WRITTEN / "shuffle" / "northwatch.yaml"


def call(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(
        import_document, list(map(str, arguments)), prog_name="zona apps import-document", **options
    )


@pytest.mark.parametrize(
    ("file", "name", "title"), [(XSOAR, "xsoar", "Northwatch v2"), (SHUFFLE, "shuffle", "Northwatch")]
)
def test_a_document_becomes_an_app(ready: Any, file: Path, name: str, title: str) -> None:
    """The outcome is told in a sentence, each repair on standard error."""
    done = call(file, "--format", name)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"made {title} (app 1); tasks: ")
    assert "the code is not taken over" in done.stderr
    assert title in ready("apps", "list").stdout


def test_an_app_is_brought_up_to_date_when_asked(ready: Any) -> None:
    """The title may be another than the document's; JSON tells all of the outcome."""
    options = ("-", "--format", "shuffle", "--title", "Watch", "-o", "json")
    made = json.loads(call(*options, input=SHUFFLE.read_bytes()).stdout)
    again = json.loads(call(*options, "--update", input=SHUFFLE.read_bytes()).stdout)
    assert (made["created"], again["created"]) == (True, False)
    assert (again["app"]["title"], again["tasks_updated"]) == ("Watch", 0)


def test_a_format_that_nobody_reads_is_refused(ready: Any) -> None:
    """The error names those that somebody reads."""
    refused = call(XSOAR, "--format", "word")
    assert isinstance(refused.exception, NotFound)
    assert "shuffle, xsoar" in refused.exception.hint


def test_a_document_of_another_format_is_told_apart(ready: Any) -> None:
    """The hint says which format it is."""
    refused = call(SHUFFLE, "--format", "xsoar")
    assert isinstance(refused.exception, InvalidDocument)
    assert "shuffle" in refused.exception.hint


def test_formats_are_completed(home: Path) -> None:
    """Those of all plugins; no store is made for it."""
    completion = ShellComplete(import_document, {}, "zona", "_ZONA_COMPLETE")
    found = [item.value for item in completion.get_completions(["--format"], "")]
    assert {"openapi", "shuffle", "xsoar", "zona"} <= set(found)
    assert [item.value for item in completion.get_completions(["--format"], "xs")] == ["xsoar"]
    assert not home.exists()
