"""A reader in a process of its own: it tells the places of what it reads on its standard output, and never commits."""

from __future__ import annotations

import json
import sys

from zona_core.domain.network import NetworkPolicy
from zona_kafka import _configuration
from zona_kafka.streams import KafkaStreams


def _main(options: str, session_seconds: str) -> None:
    _configuration.SESSION_SECONDS = float(session_seconds)
    source = KafkaStreams().source(json.loads(options), NetworkPolicy(private_networks=("127.0.0.0/8",)))
    while True:
        for message in source.read(100, 1.0):
            print(message.place, flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
