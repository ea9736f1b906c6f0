"""The Python snippets of the documentation run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "examples").glob("*/README.md"))]
FENCE = re.compile(r"(<!-- snippet: (?P<name>[\w-]+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)


def snippets(page: Path) -> list[tuple[str | None, str]]:
    """Name and code of each snippet; the code begins at its line of the page, for tracebacks."""
    text = page.read_text(encoding="utf-8")
    return [
        (found["name"], "\n" * text.count("\n", 0, found.start("code")) + found["code"])
        for found in FENCE.finditer(text)
    ]


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
    namespace: dict[str, Any] = {"__name__": f"snippets of {page.stem}"}
    for _, code in snippets(page):
        exec(compile(code, str(page), "exec", dont_inherit=True), namespace)


def anchors(page: Path) -> set[str]:
    """What links may name in a page: its headings, as forges write them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists, and a heading in it."""
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)", page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_the_readme_names_every_page() -> None:
    """No page of the documentation has to be found by chance."""
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")}
