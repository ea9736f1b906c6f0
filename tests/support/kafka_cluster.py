"""A Kafka cluster for tests: librdkafka's own, which speaks the protocol over TCP, in a process of its own.

No broker of Apache's comes as a Python package. What librdkafka brings for its tests (``rdkafka_mock.h``) keeps topics
in memory and knows groups, rebalancing, idempotent writers and errors on demand; it has neither TLS nor SASL, for which
``kafka_gate`` stands before it. This module is also the program of that process: it takes lines of JSON on its standard
input and ends with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["KafkaCluster"]

#: Kafka's numbers of requests (https://kafka.apache.org/protocol#protocol_api_keys)
PRODUCE, FETCH, OFFSET_COMMIT = 0, 1, 8


class KafkaCluster:
    """A cluster of brokers on loopback; ``addresses`` are those of its brokers, in the order of their ids from 1."""

    def __init__(self, brokers: int = 2) -> None:
        # In a session of its own: an interrupt from the terminal is for the tests, which end it themselves.
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(brokers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.addresses: list[str] = self._answer()

    def create(self, topic: str, partitions: int = 4) -> None:
        """Makes a topic."""
        self._call("create", topic, partitions)

    def go_down(self) -> None:
        """All brokers end their connections and take none; what they keep stays."""
        self._call("down")

    def come_up(self) -> None:
        """They take connections again, at their former addresses."""
        self._call("up")

    def advertise(self, broker: int, host: str, port: int) -> None:
        """What the cluster tells of where a broker is."""
        self._call("advertise", broker, host, port)

    def fail(self, request: int, errors: Sequence[int]) -> None:
        """The next requests of a kind are answered with these errors, one each."""
        self._call("fail", request, list(errors))

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as behind a broken network."""
        os.kill(self._process.pid, signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until it has really stopped

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ends it."""
        with suppress(ProcessLookupError):
            self.resume()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _call(self, *command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        assert self._answer() == 0, command

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the cluster's process has ended"
        return json.loads(line)


class _Mock:
    """librdkafka's mock cluster, by its C interface."""

    def __init__(self, brokers: int) -> None:
        self._brokers = range(1, brokers + 1)
        self._library = _library()
        handle = self._library.rd_kafka_new(0, None, None, 0)
        self._cluster = self._library.rd_kafka_mock_cluster_new(handle, brokers)
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)

    def addresses(self) -> list[str]:
        """Those of all brokers."""
        told: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return told.decode().split(",")

    def carry_out(self, name: str, *arguments: Any) -> int:
        """One command; 0 if it went well."""
        result: int = getattr(self, f"_{name}")(*arguments)
        return result

    def _create(self, topic: str, partitions: int) -> int:
        result: int = self._library.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1)
        return result

    def _down(self) -> int:
        return sum(self._library.rd_kafka_mock_broker_set_down(self._cluster, each) for each in self._brokers)

    def _up(self) -> int:
        return sum(self._library.rd_kafka_mock_broker_set_up(self._cluster, each) for each in self._brokers)

    def _advertise(self, broker: int, host: str, port: int) -> int:
        result: int = self._library.rd_kafka_mock_broker_set_host_port(self._cluster, broker, host.encode(), port)
        return result

    def _fail(self, request: int, errors: list[int]) -> int:
        array = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, request, len(errors), array)
        return 0


def _library() -> ctypes.CDLL:
    """The library that the Python package carries, and nothing else on the machine."""
    spec = find_spec("confluent_kafka")
    assert spec is not None
    assert spec.origin is not None
    place = Path(spec.origin).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(place.glob("librdkafka-*"))))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_new", pointer, (number, pointer, text, ctypes.c_size_t)),
        ("rd_kafka_mock_cluster_new", pointer, (pointer, number)),
        ("rd_kafka_mock_cluster_bootstraps", text, (pointer,)),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_topic_create", number, (pointer, text, number, number)),
        ("rd_kafka_mock_broker_set_down", number, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_up", number, (pointer, ctypes.c_int32)),
        ("rd_kafka_mock_broker_set_host_port", number, (pointer, ctypes.c_int32, text, number)),
        ("rd_kafka_mock_push_request_errors_array", None, (pointer, ctypes.c_int16, ctypes.c_size_t, pointer)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _main(brokers: int) -> None:
    mock = _Mock(brokers)
    print(json.dumps(mock.addresses()), flush=True)
    for line in sys.stdin:
        print(json.dumps(mock.carry_out(*json.loads(line))), flush=True)
    os._exit(0)  # the library's threads know nothing of an end


if __name__ == "__main__":
    _main(int(sys.argv[1]))
