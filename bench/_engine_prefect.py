"""The same flows in Prefect, which runs in an environment of its own: this file is run by that environment's Python.

``python bench/_engine_prefect.py --install FOLDER`` makes such an environment. With a number it runs the flows so many
times against a local server of Prefect's own, and prints seconds as one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

CHAIN = 40
LONG, SECONDS = 10, 0.2


def install(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    # Prefect 3.8 does not start with later releases of FastAPI, which it does not exclude.
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "prefect", "fastapi<0.150"], check=True)


def measured(rounds: int) -> dict[str, float]:
    os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="zona-bench-")
    os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    import prefect
    from prefect import flow, task
    from prefect.task_runners import ThreadPoolTaskRunner

    @task
    def nothing(value: int) -> int:
        return value

    @task
    def long(value: int) -> int:
        time.sleep(SECONDS)
        return value

    @flow
    def chain() -> int:
        value = 0
        for _ in range(CHAIN):
            value = nothing(value)
        return value

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=LONG))
    def side_by_side() -> list[int]:
        return [future.result() for future in [long.submit(value) for value in range(LONG)]]

    found: dict[str, float] = {"version": prefect.__version__}  # type: ignore[dict-item]
    for name, run in (("chain", chain), ("long", side_by_side)):
        run()  # starts the server, and warms up
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            run()
            took.append(time.perf_counter() - began)
        found[name] = min(took)
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--install"]:
        install(Path(sys.argv[2]))
    else:
        result = measured(int(sys.argv[1]))
        print(json.dumps(result), flush=True)
        os._exit(0)  # its server is left to end by itself
