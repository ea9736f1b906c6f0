"""Everything that must hold before a change goes in: lint, types, architecture, the wheel's content, the tests.

Makes .venv-dev, a developer's environment with every tool and an editable Zona, then lets tox do the work in
environments of its own. The tests come last, so that pytest's summary is the last thing printed.
"""

from __future__ import annotations

import subprocess
import sys

import environment


def main(pytest_arguments: list[str]) -> int:
    """Run both parts, or only pytest when it is given arguments; return 0 only if all passed."""
    python = environment.prepare(".venv-dev", "dev")
    environment.install(python, "--no-deps", "--no-build-isolation", "--editable", ".")
    # In quiet mode tox adds no summary of its own after pytest's.
    tox = [str(python), "-m", "tox", "run", "-qq", "-e"]
    parts = ["py"] if pytest_arguments else ["lint", "py"]
    failed = []
    for part in parts:
        print(f"tox run -e {part}: preparing its environment, then running …", flush=True)
        command = [*tox, part, "--", *pytest_arguments]
        if subprocess.run(command, cwd=environment.ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
            failed.append(part)
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
