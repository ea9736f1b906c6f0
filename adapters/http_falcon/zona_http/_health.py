"""Whether the service lives, and whether it can do its work (SPEC §4.6, §7)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from attrs import define

from zona_core.domain.actors import Actor
from zona_core.errors import NotFound, StoreUnavailable, ZonaError
from zona_core.ports.cache import Cache
from zona_core.ports.limits import RateLimiter
from zona_http._masking import masked_text

if TYPE_CHECKING:
    from zona_core.zona import Zona

__all__ = ["DEADLINE", "live", "ready"]

#: seconds after which a dependency that has not answered counts as away
DEADLINE: Final = 2.0

_KEY: Final = "zona-health"
#: without these no request can be answered; without others some things are slower, or not limited
_REQUIRED: Final = frozenset({"store", "keyring"})

#: told by probes only
_CACHE_AWAY: Final = "cache_away"

_log = logging.getLogger("zona.health")


def live() -> dict[str, Any]:
    """The process answers; nothing else is looked at, so that a database that is away restarts no process."""
    return {"status": "up"}


def ready(
    zona: Zona, *, cache: Cache | None = None, limiter: RateLimiter | None = None, deadline: float = DEADLINE
) -> tuple[bool, dict[str, Any]]:
    """Whether requests can be answered, and ``{"status", "dependencies": [{"name", "status", "detail", "ms"}]}``.

    ``status`` is up, degraded (all goes on, with something missing) or down. All dependencies are asked at once, and
    one that does not answer within ``deadline`` seconds is down. Never raises. ``detail`` is a stable code, never a
    message: anybody may ask, and messages hold paths and addresses; they go to the log when a state changes.
    """
    checks: dict[str, Callable[[], object]] = {
        "store": lambda: _read_something(zona),
        "keyring": lambda: zona.plugins.open_keyring(zona.settings.keyring),
    }
    if cache is not None:
        checks["cache"] = lambda: _use(cache)
    if limiter is not None:
        checks["rate_limiter"] = lambda: limiter.hit(_KEY, 1_000_000, 60)
    watch = _watch_of(zona)
    end = time.monotonic() + deadline
    probes = [watch.begin(name, check) for name, check in checks.items()]
    found = [*(probe.outcome(end) for probe in probes), *_tenant_databases(zona), *_plugins(zona)]
    watch.tell_changes(found)
    states = {each["status"] for each in found}
    status = "down" if "down" in states else "degraded" if "degraded" in states else "up"
    shown = [{key: value for key, value in each.items() if key != "reason"} for each in found]
    return status != "down", {"status": status, "dependencies": shown}


class _Probe:
    """One question to one dependency, asked on a thread of its own: it may never be answered."""

    def __init__(self, name: str, check: Callable[[], object]) -> None:
        self.name = name
        self._check = check
        self._began = time.monotonic()
        self._ended = 0.0
        self._error: BaseException | None = None
        self._answered = threading.Event()
        try:
            threading.Thread(target=self._ask, name=f"zona-health-{name}", daemon=True).start()
        except RuntimeError as exc:  # no more threads can be had
            self._end(exc)

    @property
    def answered(self) -> bool:
        return self._answered.is_set()

    def outcome(self, end: float) -> dict[str, Any]:
        """What came of it by ``end`` (of ``time.monotonic``)."""
        if not self._answered.wait(max(0.0, end - time.monotonic())):
            waited = round((time.monotonic() - self._began) * 1_000, 1)
            return self._found("down", "no_answer", waited, "no answer in time")
        took = round((self._ended - self._began) * 1_000, 1)
        if self._error is None:
            return self._found("up", "", took, "")
        code = self._error.code if isinstance(self._error, ZonaError) else "failed"
        return self._found("down", code, took, masked_text(f"{type(self._error).__name__}: {self._error}"))

    def _found(self, status: str, detail: str, ms: float, reason: str) -> dict[str, Any]:
        if status == "down" and self.name not in _REQUIRED:
            status = "degraded"
        return {"name": self.name, "status": status, "detail": detail, "ms": ms, "reason": reason}

    def _ask(self) -> None:
        try:
            self._check()
        except BaseException as exc:  # noqa: BLE001  # whatever a driver raises, the dependency is away
            self._end(exc)
        else:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        self._error, self._ended = error, time.monotonic()
        self._answered.set()


@define(eq=False)
class _Watch:
    """What is known of one Zona's dependencies between two questions."""

    _lock: Any
    _asked: dict[str, _Probe]
    _told: dict[str, str]

    def begin(self, name: str, check: Callable[[], object]) -> _Probe:
        """Asks, unless a question is still open: one thread for each dependency, however often health is asked for."""
        with self._lock:
            probe = self._asked.get(name)
            if probe is None or probe.answered:
                probe = self._asked[name] = _Probe(name, check)
            return probe

    def tell_changes(self, found: list[dict[str, Any]]) -> None:
        """Logs what is not as it was when last asked."""
        for each in found:
            with self._lock:
                before, self._told[each["name"]] = self._told.get(each["name"], "up"), each["status"]
            if before != each["status"]:
                level = logging.INFO if each["status"] == "up" else logging.WARNING
                _log.log(level, "%s is %s", each["name"], each["status"], extra={"reason": each["reason"]})


_watches: WeakKeyDictionary[Zona, _Watch] = WeakKeyDictionary()
_watches_lock = threading.Lock()


def _watch_of(zona: Zona) -> _Watch:
    with _watches_lock:
        watch = _watches.get(zona)
        if watch is None:
            watch = _watches[zona] = _Watch(threading.Lock(), {}, {})
        return watch


def _read_something(zona: Zona) -> None:
    try:
        zona.system(Actor.trusted("health")).tenants.get(zona.settings.tenant)
    except NotFound:  # the store answered
        return


def _use(cache: Cache) -> None:
    cache.put(_KEY, b"1", ttl=5)
    cache.get(_KEY)  # it may have forgotten
    if not cache.available:
        raise StoreUnavailable("what the cache shares does not answer", code=_CACHE_AWAY)


def _tenant_databases(zona: Zona) -> list[dict[str, Any]]:
    """How many of the databases that tenants have of their own did not answer last; nothing where there are none."""
    healthy = [each.healthy for each in zona.tenant_databases.values()]
    if not healthy:
        return []
    away = healthy.count(False)
    status, detail = ("degraded", f"{away} of {len(healthy)} away") if away else ("up", "")
    return [{"name": "tenant_databases", "status": status, "detail": detail, "ms": 0.0, "reason": detail}]


def _plugins(zona: Zona) -> list[dict[str, Any]]:
    failed = sorted({report.name for report in list(zona.plugins.reports) if report.state == "failed"})
    status, detail = ("degraded", "failed: " + ", ".join(failed)) if failed else ("up", "")
    return [{"name": "plugins", "status": status, "detail": detail, "ms": 0.0, "reason": detail}]
