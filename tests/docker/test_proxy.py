"""What clients of a fleet's proxy notice of updates on a single engine: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerMissing, docker_host
from proxied_fleet import ProxiedFleet, check_all, proxied_fleet, proxy_images


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[ProxiedFleet]:
    """A web service behind a proxy, on an engine of its own."""
    try:
        with docker_host(proxy_images()) as host, proxied_fleet(tmp_path, host.url, host.entering()) as made:
            yield made
    except DockerMissing as exc:
        exc.report()


def test_no_request_fails_while_updates_succeed_and_fail(fleet: ProxiedFleet) -> None:
    """Images that work, that exit, that fail their health check and that nobody has: clients get their answers."""
    check_all(fleet)
