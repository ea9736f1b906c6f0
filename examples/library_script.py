"""Zona inside a program: an API document becomes an app, an account is connected, a task runs.

::

    python examples/live_api.py &                  # prints its URL
    export API_KEY=demo-key
    python examples/library_script.py tests/data/openapi/shodan.yaml http://127.0.0.1:PORT get_shodan_host_ip \\
        --inputs '{"ip": "8.8.8.8"}' --allow-network 127.0.0.0/8

Prints the run's record as JSON; ends with 1 if the run failed. The store lives as long as the program.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from zona_core import Execution, RunStatus, Secret, Zona, ZonaError, as_data


def run(zona: Zona, options: argparse.Namespace) -> Execution:
    """The whole of it: a tenant, an app, an instance, a run."""
    workspace = zona.tenant("script")
    app = workspace.apps.import_document(options.document.read_bytes()).app
    values = {"base_url": options.base_url, "api_key": Secret(os.environ.get("API_KEY", ""))}
    workspace.instances.add(app.title, title="main", values=values, allow_private=bool(options.allow_network))
    return workspace.runs.run(app.title, options.task, inputs=options.inputs)


def main() -> int:
    """Reads the arguments, prints the record or the error."""
    parser = argparse.ArgumentParser(description="Runs one task of an API that an OpenAPI document describes.")
    parser.add_argument("document", type=Path, help="OpenAPI or Swagger document")
    parser.add_argument("base_url", help="where the API is")
    parser.add_argument("task", help="tag of the task to run")
    parser.add_argument("--inputs", type=json.loads, default={}, help="the task's inputs, a JSON object")
    parser.add_argument("--allow-network", action="append", default=[], help="a CIDR that the task may reach")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as home, Zona.embedded(home) as zona:
            zona.system().tenants.add("script", private_networks=options.allow_network)
            record = run(zona, options)
    except ZonaError as error:
        print(json.dumps(error.as_dict(), indent=2), file=sys.stderr)
        return 2
    print(json.dumps(as_data(record), indent=2))
    return 0 if record.status is RunStatus.SUCCESS else 1


if __name__ == "__main__":
    sys.exit(main())
