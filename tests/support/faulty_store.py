"""A document store that breaks at a chosen call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zona_core import hookimpl
from zona_core.errors import StoreUnavailable
from zona_core.testing.memory_store import MemoryStore

__all__ = ["FaultyPlugin"]


class FaultyPlugin:
    """Brings the store ``faulty:``; its call number ``breaks_at`` raises, before or after it was done."""

    def __init__(self) -> None:
        self.calls = 0
        self.breaks_at = 0
        self.after = False

    def reset(self, breaks_at: int = 0, *, after: bool = False) -> None:
        """Counts anew."""
        self.calls, self.breaks_at, self.after = 0, breaks_at, after

    @hookimpl
    def zona_store_adapters(self, details: Any) -> dict[str, Callable[[str], Any]]:
        return {"faulty": lambda url: _Broken(MemoryStore("memory://"), self)}

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls a method of the store, or does not."""
        self.calls += 1
        if self.calls == self.breaks_at and not self.after:
            raise StoreUnavailable("the store is broken")
        result = method(*args, **kwargs)
        if self.calls == self.breaks_at:
            raise StoreUnavailable("the store broke")
        return result


class _Broken:
    def __init__(self, inner: Any, plugin: FaultyPlugin) -> None:
        self._inner = inner
        self._plugin = plugin

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "collection":
            return lambda spec: _Broken(found(spec), self._plugin)
        if name in ("transaction", "close") or not callable(found):
            return found
        return lambda *args, **kwargs: self._plugin.call(found, *args, **kwargs)
