"""The Python snippets of the documentation run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"(<!-- snippet: (?P<name>[\w-]+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)


def snippets(page: Path) -> list[tuple[str | None, str]]:
    return [(found["name"], found["code"]) for found in FENCE.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_snippet_is_named(page: Path) -> None:
    """A snippet without a name would not be run."""
    assert all(name for name, _ in snippets(page))


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.name)
def test_snippets_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's snippets run in their order; the example document's server is one that no request can reach."""
    document = (ROOT / "tests" / "data" / "openapi" / "shodan.yaml").read_text(encoding="utf-8")
    (tmp_path / "shodan.yaml").write_text(document.replace("https://api.shodan.io", "http://127.0.0.1:9"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZONA_MASTER_KEY")
    namespace: dict[str, Any] = {"__name__": page.stem}
    code = "\n".join(code for _, code in snippets(page))
    exec(compile(code, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
