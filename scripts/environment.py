"""A checkout's virtual environments: made from pinned requirements, and made again only when a pin changes."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "install", "prepare"]

ROOT = Path(__file__).resolve().parent.parent
STAMP = "zona-pins.sha256"


def prepare(name: str, *pins: str) -> Path:
    """Return the Python of the virtual environment ``name``, which holds ``requirements/PIN.txt`` of every pin.

    Exits with what to do when this Python cannot make one; pip's own messages stand when it fails.
    """
    home = ROOT / name
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = home / STAMP
    wanted = _digest([ROOT / "requirements" / f"{pin}.txt" for pin in pins])
    if python.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"Making {name} from {', '.join(f'requirements/{pin}.txt' for pin in pins)} …", flush=True)
    _make(home)
    for pin in pins:
        install(python, "--require-hashes", "--requirement", str(ROOT / "requirements" / f"{pin}.txt"))
    stamp.write_text(wanted)
    return python


def install(python: Path, *arguments: str) -> None:
    """Run pip in an environment; exit if it fails."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    if subprocess.run([*pip, *arguments], cwd=ROOT, check=False).returncode:
        sys.exit(f"pip could not install {' '.join(arguments)}: see above.")


def _make(home: Path) -> None:
    # Debian and its kin ship venv without ensurepip: the environment would come out without pip.
    if any(importlib.util.find_spec(module) is None for module in ("ensurepip", "venv")):
        major, minor = sys.version_info[:2]
        sys.exit(
            f"This Python ({sys.executable}) cannot make virtual environments. "
            f"On Debian or Ubuntu: apt-get install python3-venv (or python{major}.{minor}-venv)."
        )
    if home.exists():
        shutil.rmtree(home)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)


def _digest(pins: list[Path]) -> str:
    """Name what an environment is made of: its place (scripts hold it), its Python and the pins."""
    digest = hashlib.sha256(f"{ROOT}\0{sys.base_prefix}\0{sys.version}".encode())
    for pin in pins:
        digest.update(pin.read_bytes())
    return digest.hexdigest()
