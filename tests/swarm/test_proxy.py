"""What clients of a fleet's proxy notice of updates on a Swarm: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from images import UNHEALTHY
from proxied_fleet import ProxiedFleet, check_all, proxied_fleet, proxy_images
from swarm_hosts import SwarmMissing, swarm_hosts


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[ProxiedFleet]:
    """A web service on two nodes behind a proxy on one of them."""
    try:
        with (
            swarm_hosts(2, proxy_images()) as swarm,
            proxied_fleet(tmp_path, swarm.url(), swarm.hosts[0].entering()) as made,
        ):
            # NOTE: Swarm does not say why a task ended that it has ended itself for its health, if the exit code is 0.
            made.codes[UNHEALTHY] = ("replica_unhealthy", "replica_exited")
            yield made
    except SwarmMissing as exc:
        exc.report()


def test_no_request_fails_while_updates_succeed_and_fail(fleet: ProxiedFleet) -> None:
    """Images that work, that exit, that fail their health check and that nobody has: clients get their answers."""
    check_all(fleet)
