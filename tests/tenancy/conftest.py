"""Whole installations whose every answer repeats: by a clock of the test's own, and with chance drawn from the step."""

from __future__ import annotations

import functools
import hashlib
import itertools
import logging
import os
import random
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from attrs import Factory, define, fields, has

from zona_core import Fault, Secret, TaskCall, TaskFailed, Zona, ZonaError, hookimpl
from zona_core.memory_cache import MemoryCache
from zona_core.ports.store import DocumentStore
from zona_core.testing.memory_store import _NAMED
from zona_identity._passwords import Argon2idHasher

#: by the store's name: its URL, and that of tenants' own databases, for those in ``{folder}`` or of the name ``{name}``
STORES: Mapping[str, tuple[str, str]] = {
    "memory": ("memory://", "memory://{name}-{{tenant}}"),
    "sqlite": ("sqlite:///{folder}/zona.db?synchronous=NORMAL", "sqlite:///{folder}/{{tenant}}.db?synchronous=NORMAL"),
}

_CONVERTERS = ("zona_core.testing.memory_store.new_converter", "zona_sqlite.store.new_converter")
_LOG = logging.getLogger("zona.probe")


@define(frozen=True, kw_only=True)
class Observation:
    """All that can be seen of a call by who made it, who operates the service for them, and what they share."""

    #: what it gave, every secret in it in clear; None if it failed
    result: Any = None
    #: type, code, texts and data of the error; None if there was none
    error: Any = None
    #: what was logged meanwhile
    logged: tuple[str, ...] = ()
    #: what was put into the cache meanwhile, with its key and tags
    cached: tuple[Any, ...] = ()
    #: keys of the cache that were asked for or put; how often tells of no data
    keys: frozenset[str] = frozenset()
    #: the result itself, to find in it what later calls name
    given: Any = Factory(lambda: None)

    @property
    def seen(self) -> Any:
        """What has to be the same whatever other tenants do."""
        return {"result": self.result, "error": self.error, "logged": self.logged, "cached": self.cached}


class Recorder(logging.Handler):
    """A cache that notes what it is asked for, and a log handler that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self._cache = MemoryCache(1 << 24)
        self.available = True
        self.watch = self._cache.watch
        self.begin()

    def begin(self) -> None:
        """Begins anew."""
        self.keys: set[str] = set()
        self.puts: list[Any] = []
        self.lines: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.keys.add(key)
        return self._cache.get(key)

    def put(self, key: str, value: bytes, *, ttl: float, tags: Any = ()) -> None:
        self.keys.add(key)
        self.puts.append([key, value.decode(errors="replace"), ttl, *tags])
        self._cache.put(key, value, ttl=ttl, tags=tags)

    def forget(self, *tags: str) -> None:
        self._cache.forget(*tags)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("pymongo"):  # clients of other tests look after their servers in threads
            self.lines.append(f"{record.levelname} {record.name} {self.format(record)}")

    @hookimpl
    def zona_caches(self, details: Any) -> dict[str, Callable[[str], Recorder]]:
        return {"recording": lambda url: self}


class Installation:
    """A ``Zona`` with a store of its own. Its calls are given a moment and a number, from which chance is drawn."""

    def __init__(self, folder: Path, name: str, store: str, tenancy: str, plugin: Any, clock: Any) -> None:
        self.tenancy = tenancy
        self._clock = clock
        self._recorder = Recorder()
        self._begin = clock.at, clock.passed
        core, own = (url.format(folder=folder, name=name) for url in STORES[store])
        self.zona = Zona(
            store=core,
            tenant_store=own,
            tenancy=tenancy,
            cache="recording:",
            rate_limits="store:",
            token_algorithm="HS256",
            container_engine="memory:",
            lease_seconds=3_600.0,  # the clock runs far ahead of the threads that renew leases
            plugins={"function": plugin, "recorder": self._recorder},
            clock=clock,
        )
        self._open = self.zona._parts.open_store
        self.zona._parts.open_store = self._opened
        self.observed(-2, 0.0, lambda: setattr(self.zona._parts.container_engine._host, "clock", clock))
        # What the gate makes once, when somebody first comes, is made: it would be drawn in whichever step that is.
        self.observed(-1, 0.0, lambda: self.zona.gate.login(name="nobody", password="unknown to all"))

    def observed(self, number: int, moment: float, call: Callable[[], Any]) -> Observation:
        """What is to be seen of ``call``, made ``moment`` seconds after the beginning."""
        self._clock.at, self._clock.passed = self._begin
        self._clock.move(moment)
        self._recorder.begin()
        result, error = None, None
        with _chance(number), _heard(self._recorder):
            try:
                result = call()
            except ZonaError as exc:
                error = [told(exc.as_dict()), repr(exc), *traceback.format_exception(exc, limit=0)]
        recorder = self._recorder
        return Observation(
            result=told(result),
            error=error,
            logged=tuple(recorder.lines),
            cached=tuple(recorder.puts),
            keys=frozenset(recorder.keys),
            given=result,
        )

    def _opened(self, url: str) -> DocumentStore:
        store = self._open(url)
        store.now = self._clock.now
        return store


@contextmanager
def _heard(handler: logging.Handler) -> Iterator[None]:
    """All that is logged within the block, of every level."""
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET + 1)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@contextmanager
def _chance(seed: int) -> Iterator[None]:
    """What is drawn within the block (ids, salts, tokens) depends on ``seed`` and on what was drawn before."""
    drawn = itertools.count()

    def bytes_of(count: int) -> bytes:
        return hashlib.shake_128(f"{seed}/{next(drawn)}".encode()).digest(count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", bytes_of)
        patch.setattr(random, "_urandom", bytes_of)
        yield


def told(value: Any) -> Any:
    """``value`` as JSON data, attrs objects with all their attributes, secrets in clear."""
    if isinstance(value, Secret):
        try:
            return {"secret": value.reveal()}
        except ZonaError as exc:
            return {"secret": exc.as_dict()}
    if has(type(value)):
        return {
            "": type(value).__name__,
            **{each.name: told(getattr(value, each.name)) for each in fields(type(value))},
        }
    match value:
        case Enum() | Fault():
            return value.value if isinstance(value, Enum) else value.as_dict()
        case datetime():
            return value.isoformat()
        case bytes():
            return value.decode(errors="replace")
        case Mapping():
            return {str(key): told(each) for key, each in value.items()}
        case list() | tuple():
            return [told(each) for each in value]
        case set() | frozenset():
            return sorted(map(str, value))
    return value


def carried_out(call: TaskCall) -> Mapping[str, Any]:
    """What every task does: it logs and gives back what it was given, or fails with it."""
    _LOG.info("carried out %s of %s with %s", call.task.task_tag, call.connection.integration.title, call.inputs)
    if call.inputs.get("text") == "fail":
        raise TaskFailed(f"refused {call.inputs}", reason=call.connection.integration.description)
    return {"back": dict(call.inputs), "from": call.connection.integration.description}


@pytest.fixture
def installations(
    tmp_path: Path, plugin: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Any]:
    """``installations(tenancy, store)`` gives a function that opens empty installations, one at a time, all alike."""
    for slow in ("importlib.metadata.entry_points", *_CONVERTERS):  # what is the same each time, and holds no data
        monkeypatch.setattr(slow, functools.cache(resolve_name(slow)))
    monkeypatch.setattr("zona_identity.plugin._argon2id", lambda: Argon2idHasher(memory_kib=8, iterations=1))
    plugin.handler.functions = _Always(carried_out)
    beginning, folder = (clock.at, clock.passed), tmp_path / "home"

    def of(tenancy: str, store: str) -> Any:
        @contextmanager
        def opening() -> Iterator[Installation]:
            clock.at, clock.passed = beginning
            folder.mkdir()
            installation = Installation(folder, tmp_path.name, store, tenancy, plugin, clock)
            try:
                with installation.zona:
                    yield installation
            finally:
                shutil.rmtree(folder)
                for name in [name for name in _NAMED if name.startswith(f"{tmp_path.name}-")]:
                    del _NAMED[name]

        return opening

    return of


class _Always(dict[str, Any]):
    """Has the same value under every key."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self._value = value

    def __missing__(self, key: str) -> Any:
        return self._value
