"""The plugin manager."""

from __future__ import annotations

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from zona_core import ConfigurationError, NotFound, PluginDetails, hookimpl
from zona_core.plugins import Plugins

BUILT_IN = {"aesgcm", "definition", "http", "memory", "openapi", "sqlite"}


def test_built_ins_come_by_the_same_road() -> None:
    """Each built-in is an entry point of the distribution zona, loaded like a stranger's."""
    reports = {report.name: report for report in Plugins().reports}
    assert set(reports) >= BUILT_IN
    assert all(reports[name].state == "loaded" and reports[name].distribution == "zona" for name in BUILT_IN)
    assert all(reports[name].hooks for name in BUILT_IN)


def test_loading_plugins_imports_no_driver() -> None:
    """All built-in plugins are loaded without any driver or parser being imported."""
    import subprocess

    program = (
        "import sys\nfrom zona_core.plugins import Plugins\nplugins = Plugins()\nprint(plugins.offers)\n"
        "bad = {'sqlite3', 'urllib3', 'cryptography', 'yaml', 'jmespath', 'orjson'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_a_blocked_plugin_is_reported_and_left_out() -> None:
    """Its parts are not offered."""
    plugins = Plugins(blocked=["openapi"])
    assert [report.state for report in plugins.reports if report.name == "openapi"] == ["blocked"]
    assert "openapi" not in plugins.offers["importers"]


def make_distribution(folder: Path, name: str, module: str, source: str) -> None:
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[zona]\n{name} = {module}\n")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('no good')", "RuntimeError: no good"),
        ("raise SystemExit('a script')", "SystemExit: a script"),
        ("import not_there_at_all", "not_there_at_all"),
        ("from zona_core import hookimpl\n@hookimpl\ndef zona_no_such_hook(details): ...", "zona_no_such_hook"),
        ("from zona_core import hookimpl\n@hookimpl\ndef zona_importers(detail): ...", "detail"),
    ],
)
def test_a_broken_plugin_is_reported_by_distribution_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    """An installed package that does not load, or does not fit, takes nothing else along."""
    make_distribution(tmp_path, "broken-thing", "broken_thing", source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_thing", raising=False)
    plugins = Plugins()
    [report] = [report for report in plugins.reports if report.name == "broken-thing"]
    assert (report.state, report.distribution, report.version) == ("failed", "broken-thing", "1.0")
    assert words in report.error
    assert "http" in plugins.offers["task handlers"]


def test_a_hook_that_raises_is_reported_and_others_are_heard() -> None:
    """One plugin's fault does not silence the rest."""

    class Faulty:
        @hookimpl
        def zona_importers(self, details: PluginDetails) -> dict[str, Any]:
            raise ValueError("boom")

    plugins = Plugins(extra={"faulty": Faulty()})
    assert "openapi" in plugins.offers["importers"]
    assert any(report.name == "faulty" and "boom" in report.error for report in plugins.reports)


def test_a_built_in_name_cannot_be_taken_over() -> None:
    """A plugin that claims a built-in's name does not get it, and the claim is reported."""
    mine = object()

    class Usurper:
        @hookimpl
        def zona_task_handlers(self, details: PluginDetails) -> dict[str, Any]:
            return {"http": lambda: mine, "own": lambda: mine}

    plugins = Plugins(extra={"usurper": Usurper()})
    assert plugins.handler("http") is not mine
    assert plugins.handler("own") is mine
    [report] = [report for report in plugins.reports if report.state == "failed"]
    assert (report.name, report.error) == ("usurper", "zona_task_handlers: 'http' is taken by http")


def test_what_is_not_there_is_refused_with_what_is() -> None:
    """An unknown name is an error that lists the known ones."""
    with pytest.raises(NotFound) as caught:
        Plugins().handler("nope")
    assert "http" in caught.value.hint


@pytest.mark.parametrize("given", [None, ["http"], "http"])
def test_a_hook_that_gives_nothing_usable_is_reported_and_others_are_heard(given: object) -> None:
    """A forgotten return costs the one plugin."""

    class Forgetful:
        @hookimpl
        def zona_task_handlers(self, details: PluginDetails) -> object:
            return given

    plugins = Plugins(extra={"forgetful": Forgetful()})
    assert "http" in plugins.offers["task handlers"]
    [report] = [report for report in plugins.reports if report.state == "failed"]
    assert (report.name, type(given).__name__ in report.error) == ("forgetful", True)


class Counting:
    """Brings the handlers ``slow`` and ``other`` and counts those that are made and closed."""

    def __init__(self) -> None:
        self.made: list[object] = []
        self.closed: list[object] = []
        self.together = threading.Barrier(2)

    @hookimpl
    def zona_task_handlers(self, details: PluginDetails) -> dict[str, Any]:
        return {"slow": self._slow, "other": self._one, "missing": lambda: __import__("not_there_at_all")}

    def _slow(self) -> object:
        with contextlib.suppress(threading.BrokenBarrierError):
            self.together.wait(0.2)  # the other thread comes, too, if it is let in
        return self._one()

    def _one(self) -> object:
        counting = self

        class Handler:
            def close(self) -> None:
                counting.closed.append(self)
                raise OSError("cannot be closed")

        self.made.append(Handler())
        return self.made[-1]


def test_a_handler_is_made_once_for_all_threads() -> None:
    """A second one would keep connections that nobody closes."""
    counting = Counting()
    plugins = Plugins(extra={"counting": counting})
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(plugins.handler, ["slow", "slow"])
    assert first is second
    assert counting.made == [first]


def test_one_handler_that_cannot_be_closed_does_not_keep_others_open() -> None:
    """All are closed, and the error is told."""
    counting = Counting()
    plugins = Plugins(extra={"counting": counting})
    made = {plugins.handler("slow"), plugins.handler("other")}
    with pytest.raises(OSError, match="cannot be closed"):
        plugins.close()
    assert set(counting.closed) == made
    plugins.close()


def test_a_handler_whose_driver_is_missing_is_a_named_error() -> None:
    """Plugins import drivers when a part is first made."""
    with pytest.raises(ConfigurationError, match="not_there_at_all"):
        Plugins(extra={"counting": Counting()}).handler("missing")
