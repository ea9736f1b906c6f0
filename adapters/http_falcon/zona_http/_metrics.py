"""Prometheus metrics of the HTTP service, summed over its worker processes (SPEC §4.7, §7).

With several workers each keeps its values in files of one folder, which the environment variable
``PROMETHEUS_MULTIPROC_DIR`` names; any of them answers ``/metrics`` for all. prometheus_client looks at the variable
once, when it is first imported: the service calls ``share_metrics`` before it starts workers, and nothing here imports
prometheus_client before the first ``Metrics`` is made.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from zona_core.errors import ConfigurationError
from zona_http._logging import METHODS
from zona_http._run_metrics import RunMetrics

if TYPE_CHECKING:
    from prometheus_client import Histogram
    from prometheus_client.metrics_core import Metric

__all__ = ["FOLDER_VARIABLE", "Metrics", "share_metrics", "worker_gone"]

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

#: seconds; dense where the target lies (p95 < 0.5, SPEC §7) and where an answer from a cache does
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_SECONDS: Final = "zona_http_request_seconds"
_LABELS: Final = ("method", "route", "status")

#: label values that come from codes of errors: more than this many are a fault, and counted together
_MOST_VALUES: Final = 100
#: templates that are told apart where the service did not say which there are
_MOST_ROUTES: Final = 1_000
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Metrics:
    """What one app counts. Safe to use from several threads; with a shared folder, one per process.

    ``routes`` are the templates that there are; None accepts the first thousand. Raises ``ConfigurationError`` if the
    shared folder is missing, or was named after prometheus_client had been imported.
    """

    def __init__(self, version: str, *, routes: Collection[str] | None = None) -> None:
        self._folder = _shared_folder()
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._version = version
        self._routes = None if routes is None else frozenset(routes)
        self._children: dict[tuple[str, str | None, int], Histogram] = {}
        self._seen: dict[str, set[str]] = {"route": set(), "code": set(), "scope": set()}
        own = self._registry = CollectorRegistry()
        # Counts requests, too: see ``_told_apart``.
        self._seconds = Histogram(
            _SECONDS, "Time from a request's arrival to its answer.", _LABELS, buckets=BUCKETS, registry=own
        )
        self._in_progress = Gauge(
            "zona_http_in_progress", "Requests under way.", registry=own, multiprocess_mode="livesum"
        )
        self._streams = Gauge(
            "zona_http_streams", "Streams of events that are open.", registry=own, multiprocess_mode="livesum"
        )
        self._auth_failures = Counter(
            "zona_auth_failures", "Requests whose proof of identity was refused.", ("code",), registry=own
        )
        self._rate_limited = Counter(
            "zona_rate_limited", "Requests that came too fast, by the limit they met.", ("scope",), registry=own
        )

        self.runs = RunMetrics(own)

    def started(self) -> None:
        """A request arrived; ``ended`` follows, however it ends."""
        self._in_progress.inc()

    def ended(self) -> None:
        """A request is no longer under way."""
        self._in_progress.dec()

    def observe(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Counts a request that was answered; ``route`` is the template, None where none fits."""
        child = self._children.get((method, route, status)) or self._child(method, route, status)
        child.observe(seconds)

    def auth_failure(self, code: str) -> None:
        """Counts a refusal to believe somebody, by the code of the problem (``token_expired``)."""
        self._auth_failures.labels(self._word("code", code)).inc()

    def rate_limited(self, scope: str) -> None:
        """Counts a refusal by a rate limit: ``client``, ``key``, ``tenant`` or ``login``."""
        self._rate_limited.labels(self._word("scope", scope)).inc()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """A stream of events is open for as long as the block lasts."""
        self._streams.inc()
        try:
            yield
        finally:
            self._streams.dec()

    def render(self) -> tuple[str, bytes]:
        """Content type and body of ``/metrics`` (text exposition format 0.0.4), all processes together."""
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """The metric families, merged; without the ``_created`` series, which a shared folder cannot keep."""
        from prometheus_client.core import GaugeMetricFamily

        build = GaugeMetricFamily("zona_build_info", "The version that runs.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield build
        for family in self._merged() if self._folder else self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield from _told_apart(family) if family.name == _SECONDS else (family,)

    def _merged(self) -> list[Metric]:
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        assert self._folder is not None
        _fold_in_the_dead(self._folder)
        collector: Any = MultiProcessCollector(CollectorRegistry(), path=str(self._folder))  # type: ignore[no-untyped-call]
        with _locked(self._folder, exclusive=False):
            try:
                return list(collector.collect())
            except struct.error:  # a new process has made its file and not yet its first bytes
                return list(collector.collect())

    def _child(self, method: str, route: str | None, status: int) -> Histogram:
        key = (method if method in METHODS else "other", self._route(route), status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._seconds.labels(*map(str, key))
            if key[1] == "unmatched":
                self._children[key[0], None, status] = child
        return child

    def _route(self, route: str | None) -> str:
        if not route:
            return "unmatched"
        if self._routes is not None:
            return route if route in self._routes else "unmatched"
        return self._bounded("route", route, _MOST_ROUTES, "unmatched")

    def _word(self, kind: str, value: str) -> str:
        return self._bounded(kind, value, _MOST_VALUES, "other") if _WORD.fullmatch(value) else "other"

    def _bounded(self, kind: str, value: str, most: int, otherwise: str) -> str:
        seen = self._seen[kind]
        if value not in seen:
            if len(seen) >= most:
                return otherwise
            seen.add(value)
        return value


def _told_apart(family: Metric) -> Iterator[Metric]:
    """The histogram that is kept by method, route and status, as two families.

    One counts requests by all three; the other, of which nobody wants a bucket for each status, has the times by method
    and route. Two updates a request instead of three, and a request costs little else.
    """
    from prometheus_client.core import CounterMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

    requests = CounterMetricFamily("zona_http_requests", "Requests that were answered.", labels=_LABELS)
    sums: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for sample in family.samples:
        if sample.name == f"{_SECONDS}_count":
            requests.add_metric([sample.labels[name] for name in _LABELS], sample.value)
        labels = tuple((name, value) for name, value in sample.labels.items() if name != "status")
        sums[sample.name, labels] = sums.get((sample.name, labels), 0.0) + sample.value
    times = Metric(family.name, family.documentation, family.type)
    times.samples = [Sample(name, dict(labels), value) for (name, labels), value in sums.items()]
    yield requests
    yield times


def share_metrics(folder: str | Path) -> None:
    """Makes this process and those it starts keep their metrics in ``folder``, which is made, and emptied of old ones.

    To be called by the process that starts the workers, before any of them imports prometheus_client.
    """
    place = Path(folder)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in place.glob("*.db"):
        old.unlink(missing_ok=True)
    os.environ[FOLDER_VARIABLE] = str(place)


def worker_gone(pid: int) -> None:
    """Settles what a worker that ended left: for Gunicorn's hook ``child_exit``. Does nothing without a folder.

    Its requests under way and its streams are forgotten, its counts are kept: they move to files that all dead workers
    share, so that files do not pile up while workers are replaced. ``Metrics.render`` does the same for workers that no
    hook told of.
    """
    if folder := os.environ.get(FOLDER_VARIABLE):
        _settle(Path(folder), {str(pid)})


def _shared_folder() -> Path | None:
    from prometheus_client import values

    named = os.environ.get(FOLDER_VARIABLE, "")
    if bool(named) != values.ValueClass._multiprocess:
        raise ConfigurationError(
            f"{FOLDER_VARIABLE} changed after prometheus_client had been imported",
            hint="call share_metrics, or set the variable, before anything imports prometheus_client",
        )
    if named and not Path(named).is_dir():
        raise ConfigurationError(f"{FOLDER_VARIABLE} names no folder", hint="make it, or call share_metrics")
    return Path(named) if named else None


def _fold_in_the_dead(folder: Path) -> None:
    """Settles the files of workers that are gone, also of those that a server without hooks lost."""
    dead = {pid for pid in map(_owner, folder.glob("*.db")) if pid and not _is_alive(int(pid))}
    if dead:
        _settle(folder, dead)


def _settle(folder: Path, pids: set[str]) -> None:
    with _locked(folder, exclusive=True):
        for file in sorted(folder.glob("*.db")):
            if _owner(file) in pids:
                kind = file.name.partition("_")[0]
                if kind != "gauge":
                    _add(file, folder / f"{kind}_gone.db")
                file.unlink()


def _add(source: Path, target: Path) -> None:
    """Adds each value of one file of counts to another; one that its writer left damaged is given up."""
    from prometheus_client.mmap_dict import MmapedDict

    try:
        values = list(MmapedDict.read_all_values_from_file(source))  # type: ignore[no-untyped-call]
    except (struct.error, RuntimeError, UnicodeDecodeError):
        return
    sums: Any = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    try:
        for key, value, _, _ in values:
            sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    finally:
        sums.close()


def _owner(file: Path) -> str:
    """The process id in the name of a file; empty for what belongs to none (``counter_gone.db``)."""
    last = file.stem.rpartition("_")[2]
    return last if last.isdecimal() else ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _locked(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Between processes: nobody sums the files while the counts of one move to another."""
    import fcntl

    with (folder / "sums.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
