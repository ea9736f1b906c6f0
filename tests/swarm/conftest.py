"""Swarms of the tests' own, with the small images on every node."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import images as samples
import pytest
from swarm_hosts import SwarmHosts, SwarmMissing, swarm_hosts

from zona_core.testing.engines_contract import Images
from zona_docker.swarm import SwarmEngine


def _swarm(nodes: int) -> Iterator[SwarmHosts]:
    try:
        with swarm_hosts(nodes, [samples.small_images()]) as swarm:
            yield swarm
    except SwarmMissing as exc:
        exc.report()


@pytest.fixture(scope="module")
def one_node() -> Iterator[SwarmHosts]:
    """A Swarm of one node."""
    yield from _swarm(1)


@pytest.fixture(scope="module")
def three_nodes() -> Iterator[SwarmHosts]:
    """A Swarm of three nodes, whose first is its manager; tests leave it whole."""
    yield from _swarm(3)


@pytest.fixture(scope="module")
def engine_of_three(three_nodes: SwarmHosts) -> Iterator[SwarmEngine]:
    """The engine on them."""
    with closing(SwarmEngine.of_url(three_nodes.url())) as engine:
        yield engine


@pytest.fixture
def behaving_images() -> Images:
    """What the images do."""
    return Images(
        base=samples.BASE,
        works=samples.WEB,
        works_too=samples.WEB_2,
        answers=samples.HEALTHY_TEXTS,
        health=samples.HEALTH,
        unhealthy=samples.UNHEALTHY,
        exits=samples.EXITS,
        exit_code=3,
        missing=samples.MISSING,
    )


@pytest.fixture
def fleet_name() -> str:
    """A name that no other test has."""
    return f"t{secrets.token_hex(4)}"
