"""Install a folder's locked npm packages, unless they are there already.

Usage: python scripts/npm_ci.py FOLDER
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path


def main(folder: Path) -> int:
    """Return npm's exit code, 0 if there was nothing to do."""
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".zona-lock.sha256"
    if stamp.is_file() and stamp.read_text() == digest:
        return 0
    npm = shutil.which("npm")
    if npm is None:
        print(f"npm is not on PATH: {folder} is left without its packages", file=sys.stderr)
        return 1
    # No package's own scripts run, and a registry that is out of reach is given up after seconds, not minutes.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    command += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=3000"]
    done = subprocess.run(command, cwd=folder, check=False)
    if done.returncode == 0:
        stamp.write_text(digest)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
