"""Prometheus metrics of one process that carries runs out and serves nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from zona_core import ConfigurationError, Fault, Zona
from zona_service._extras import require_extra

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["run_metrics_served"]


@contextmanager
def run_metrics_served(zona: Zona, host: str, port: int) -> Iterator[str]:
    """Serves the metrics of the runs that ``zona`` carries out, for as long as the block lasts; gives their URL.

    Port 0 is any that is free. Raises ``ConfigurationError``: ``extra_missing``, and ``address_unavailable`` if it
    cannot listen there.
    """
    require_extra("http", "falcon", "msgspec", "prometheus_client", who="metrics")
    # The numbers are this process's own: there are no others to share a folder with (see zona_http._metrics), and
    # prometheus_client looks for one when it is first imported.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(port, host, _observed(zona))
    except OSError as exc:
        raise ConfigurationError(
            f"metrics cannot be served on {host} port {port}: {exc.strerror}",
            code="address_unavailable",
            faults=[Fault("worker.metrics", f"port {port} of {host}: {exc.strerror}", "an address that is free")],
            hint="another --metrics; port 0 takes any that is free",
        ) from exc
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _observed(zona: Zona) -> CollectorRegistry:
    """A registry that counts what becomes of runs from now on, with the metrics that the service has, too."""
    from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics

    from zona_http._run_metrics import RunMetrics

    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    Gauge("zona_build_info", "The version that runs.", ("version",), registry=registry).labels(version("zona")).set(1)
    zona.observe(RunMetrics(registry))
    return registry
