"""Importing the core is cheap and needs no driver, and what its packages export is in order."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

#: what an adapter, a plugin or the command line is for; the core must not load it
DRIVERS = [
    "click", "cryptography", "docker", "falcon", "http", "huey", "jmespath", "orjson", "pymongo", "redis", "rich",
    "sqlite3", "ssl", "urllib3", "yaml",
]  # fmt: skip

WITHOUT_DRIVERS = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {DRIVERS}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Blocked())
import zona_core
print(*zona_core.__all__)
"""

WITH_DRIVERS = f"""
import sys
import zona_core
print(*sorted(set(sys.modules) & set({DRIVERS})))
"""


def run(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_core_loads_no_driver() -> None:
    """``import zona_core`` leaves every driver unloaded, though all of them are installed."""
    assert run(WITH_DRIVERS) == ""


def test_the_core_imports_where_no_driver_is_installed() -> None:
    """``import zona_core`` works, with its public names, when no driver can be imported at all."""
    assert "Zona" in run(WITHOUT_DRIVERS).split()


def exported(path: Path) -> list[str] | None:
    """Return a module's ``__all__``, None if it has none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return None


def order(name: str) -> tuple[int, str]:
    """Sort constants before classes before functions, as the linter does."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_what_a_module_exports_is_sorted_and_there(packages: dict[str, Path]) -> None:
    """Every ``__all__`` is sorted, names nothing twice, and names only what the module has."""
    seen = 0
    for folder in packages.values():
        for path in sorted(folder.rglob("*.py")):
            names = exported(path)
            if names is None:
                continue
            seen += 1
            assert names == sorted(set(names), key=order), path
            dotted = ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
            module = importlib.import_module(dotted)
            assert [name for name in names if not hasattr(module, name)] == [], path
    assert seen
