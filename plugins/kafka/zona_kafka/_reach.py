"""Finding a cluster: its brokers are held against the tenant's policy before anything is asked of them, and after.

NOTE: librdkafka looks names up and connects by itself, and its callbacks for that (``resolve_cb``, ``connect_cb``) are
not to be had from Python. So a client that only asks who the brokers are goes first, and is gone before it would
connect to one of them; then all their addresses are checked; and while a client lives, they are checked again and
again. What remains: a cluster that changes what it tells, or a name server that does, is found out up to
``WATCH_SECONDS`` after a connection was made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from zona_core.domain.network import NetworkPolicy
from zona_core.errors import StreamFailed

from . import _configuration
from ._addresses import bootstrap_servers, check_addresses
from ._errors import error_of, failure, is_permanent
from ._log import LOG, DriverLog
from ._options import Options

__all__ = ["Watch", "check_topic", "client_of", "reach"]

T = TypeVar("T")

#: seconds for which news is waited for at a time
_SLICE: Final = 0.1


def reach(options: Options, network: NetworkPolicy) -> str:
    """The ``bootstrap.servers`` of a cluster that answers and may be reached wherever it spreads.

    Raises ``StreamFailed``.
    """
    servers = bootstrap_servers(options, network)
    check_addresses(_Inquiry(options, servers).brokers(), options, network)
    return servers


def check_topic(client: Consumer | Producer, options: Options) -> None:
    """Raises ``StreamFailed`` if there is no such topic, or if it cannot be learnt."""
    what = f"the Kafka topic {options.topic} cannot be used"
    try:
        told = client.list_topics(options.topic, timeout=_configuration.ANSWER_SECONDS)
    except KafkaException as exc:
        raise failure(error_of(exc), what, options) from None
    problem = told.topics[options.topic].error
    if problem is not None:
        raise failure(problem, what, options)


def client_of(kind: Callable[[dict[str, Any]], T], configuration: dict[str, Any], options: Options) -> T:
    """A client, whose log lines are ours; raises ``StreamFailed`` if librdkafka does not take the configuration."""
    texts = [value for value in configuration.values() if isinstance(value, str)]
    if any("\0" in text for text in (*texts, *options.login().values())):
        raise _untakeable()  # librdkafka would end the text there, without a word
    try:
        return kind(configuration | options.login() | {"logger": DriverLog(options)})
    except KafkaException as exc:
        raise failure(error_of(exc), "the Kafka client cannot be made", options) from None
    except ValueError:  # half of a surrogate pair; what was raised holds the text
        raise _untakeable() from None


class Watch:
    """Looks at the brokers that a client has come to know; ``refused`` is why it has to end."""

    def __init__(self, options: Options, network: NetworkPolicy) -> None:
        self._options = options
        self._network = network
        self.refused: StreamFailed | None = None

    def look(self, statistics: str) -> None:
        """librdkafka's ``stats_cb``."""
        try:
            check_addresses(_known(statistics), self._options, self._network)
        except StreamFailed as exc:
            LOG.error("%s: the stream is left", exc)
            self.refused = exc


class _Inquiry:
    """Asks one broker who the others are."""

    def __init__(self, options: Options, servers: str) -> None:
        self._options = options
        self._servers = servers
        self._brokers: list[tuple[str, int]] = []
        self._errors: list[KafkaError] = []

    def brokers(self) -> list[tuple[str, int]]:
        """Host and port of each, as the first that answers tells them; raises ``StreamFailed``."""
        callbacks = {"stats_cb": self._look, "error_cb": self._errors.append}
        configuration = _configuration.for_asking(self._options, self._servers)
        client = client_of(Producer, configuration | callbacks, self._options)
        ends = time.monotonic() + _configuration.ANSWER_SECONDS
        try:
            while not self._brokers:
                client.poll(_SLICE)
                self._check(time.monotonic() >= ends)
        finally:
            client.close()
        return self._brokers

    def _look(self, statistics: str) -> None:
        self._brokers = _known(statistics, learned=True)

    def _check(self, late: bool) -> None:
        """Raises the error that says most: one that stays, else the last that is about a single broker."""
        single = [error for error in self._errors if error.code() != KafkaError._ALL_BROKERS_DOWN]
        lasting = next(filter(is_permanent, single), None)
        if not self._brokers and (late or lasting or len(single) < len(self._errors)):
            reason = lasting or (single[-1] if single else KafkaError(KafkaError._TIMED_OUT))
            raise failure(reason, "the Kafka cluster cannot be reached", self._options)


def _untakeable() -> StreamFailed:
    return StreamFailed("the Kafka client cannot be made: an option is a text that it cannot take")


def _known(statistics: str, *, learned: bool = False) -> list[tuple[str, int]]:
    """Host and port of the brokers in librdkafka's statistics (its STATISTICS.md), or of those that others told of.

    One that stands for a role has none until somebody plays it.
    """
    brokers = json.loads(statistics)["brokers"].values()
    names = [each["nodename"] for each in brokers if not learned or each["source"] == "learned"]
    parts = (name.rpartition(":") for name in names)
    return [(host.strip("[]"), int(port)) for host, _, port in parts if host and int(port)]
