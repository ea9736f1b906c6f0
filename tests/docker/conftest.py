"""A Docker engine for this folder's tests; each has fleets of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing

import images as made
import pytest
from docker_host import DockerHost, DockerMissing, docker_host

from zona_core.testing._contract_engine_base import FleetTrial
from zona_core.testing.engines_contract import Images
from zona_docker.single import SingleEngine


@pytest.fixture(scope="session")
def host() -> Iterator[DockerHost]:
    """A host with an engine, of this process."""
    try:
        running = docker_host([made.small_images()])
        host = running.__enter__()
    except DockerMissing as missing:
        missing.report()
    try:
        yield host
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def engine(host: DockerHost) -> Iterator[SingleEngine]:
    """What is under test, at that engine."""
    with closing(SingleEngine.of_url(host.url)) as engine:
        yield engine


@pytest.fixture
def images() -> Images:
    """What the engine has."""
    return Images(
        base=made.BASE,
        works=made.WEB,
        works_too=made.WEB_2,
        answers=made.HEALTHY_TEXTS,
        health=made.HEALTH,
        unhealthy=made.UNHEALTHY,
        exits=made.EXITS,
        exit_code=3,
        missing=made.MISSING,
    )


@pytest.fixture
def fleet(engine: SingleEngine, images: Images) -> Iterator[FleetTrial]:
    """A fleet of the test's own."""
    made_fleet = FleetTrial(engine, images, f"t{secrets.token_hex(4)}")
    yield made_fleet
    made_fleet.clear()
