"""Registers the streams ``kafka``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.errors import NotInstalled
from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.streams import Streams

__all__ = ["zona_streams"]


@hookimpl
def zona_streams(details: PluginDetails) -> Mapping[str, Callable[[], Streams]]:  # noqa: ARG001  # the hook's shape
    """Kinds of streams by name."""
    return {"kafka": _kafka}


def _kafka() -> Streams:
    try:
        from zona_kafka.streams import KafkaStreams
    except ModuleNotFoundError as exc:
        raise NotInstalled(f"Kafka cannot be used: {exc}", hint="install zona with its extra kafka") from exc
    return KafkaStreams()
