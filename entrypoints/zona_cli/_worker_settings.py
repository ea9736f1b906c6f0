"""Settings of ``zona worker``: the table ``[zona.worker]``, ``ZONA_WORKER_…`` in the environment, its options."""

from __future__ import annotations

from typing import Final

from attrs import define, setters

from zona_core import Fault

__all__ = ["WorkerSettings"]

_HOST: Final = "127.0.0.1"


@define(kw_only=True, on_setattr=setters.frozen)
class WorkerSettings:
    """What counts for this command alone; all else is in ``Settings``."""

    #: ``[HOST:]PORT`` where the metrics of its runs are served; empty for nowhere
    metrics: str = ""

    @property
    def metrics_address(self) -> tuple[str, int]:
        """Host and port of ``metrics``, which is not empty; raises ``ValueError`` if it is no address."""
        host, colon, port = self.metrics.rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if (colon and not host) or not port.isascii() or not port.isdecimal() or int(port[:6]) > 65_535:
            raise ValueError(self.metrics)
        return host or _HOST, int(port)

    def faults(self) -> list[Fault]:
        """Which values are of the right type and unusable all the same."""
        try:
            _ = not self.metrics or self.metrics_address
        except ValueError:
            expected = "[HOST:]PORT, for example 9464 or 0.0.0.0:9464"
            return [Fault("metrics", f"{self.metrics[:80]!r} is no address", expected)]
        return []
