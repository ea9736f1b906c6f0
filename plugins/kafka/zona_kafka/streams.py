"""``KafkaStreams``: topics of Apache Kafka as streams, by ``confluent-kafka``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zona_core.domain.fields import Field
from zona_core.domain.network import NetworkPolicy
from zona_core.errors import Fault

from ._options import OPTIONS, faults_of, options_of
from .sink import KafkaSink
from .source import KafkaSource

__all__ = ["KafkaStreams"]


class KafkaStreams:
    """A ``Streams``; see ``zona_core.ports.streams``. It keeps nothing between calls."""

    @property
    def options(self) -> tuple[Field, ...]:
        """See ``Streams.options``."""
        return OPTIONS

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        """See ``Streams.faults``. ``brokers`` may be a list or a text with commas."""
        return faults_of(options)

    def source(self, options: Mapping[str, Any], network: NetworkPolicy) -> KafkaSource:
        """See ``Streams.source``: the cluster has to answer, within ten seconds, and to know the topic."""
        return KafkaSource(options_of(options), network)

    def sink(self, options: Mapping[str, Any], network: NetworkPolicy) -> KafkaSink:
        """See ``Streams.sink``: the cluster has to answer, within ten seconds, and to know the topic."""
        return KafkaSink(options_of(options), network)
