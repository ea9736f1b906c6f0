"""A Zona whose fleet runs on an engine in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zona_core import Actor, Secret, Zona
from zona_core.domain.fleet.specification import (
    Config,
    ConfigMount,
    FleetSpecification,
    Rollouts,
    SecretMount,
    SecretSource,
    Service,
)
from zona_core.testing.memory_engine import MemoryEngine
from zona_core.usecases.fleet import Fleet, FleetSource

#: what no test may find anywhere
CANARY = "canary-fleet-7d1"


class Place:
    """A store and an engine, and as many Zonas on them as a test wants."""

    def __init__(self) -> None:
        self.name = f"fleet-{uuid.uuid4().hex}"
        self.engine = MemoryEngine.of_url(f"memory:{self.name}")
        self._opened: list[Zona] = []

    def zona(self, **options: Any) -> Zona:
        """Another process's view of them, as good as it gets within one."""
        settings = {"store": f"memory://{self.name}", "container_engine": f"memory:{self.name}", **options}
        made = Zona(**settings)
        self._opened.append(made)
        return made

    def fleet(self, name: str = "ann", **options: Any) -> Fleet:
        """The use-cases, for an operator of that name."""
        return self.zona(**options).system(Actor.trusted(name)).fleet

    def close(self) -> None:
        for each in self._opened:
            each.close()


@pytest.fixture
def place() -> Iterator[Place]:
    """A store and an engine of the test's own."""
    made = Place()
    yield made
    made.close()


@pytest.fixture
def fleet(place: Place) -> Fleet:
    """The use-cases of an operator who may do everything."""
    return place.fleet()


def services(**changes: Any) -> dict[str, Service]:
    """A database, an API that needs it, and a front that needs the API."""
    made = {
        "db": Service(image="db:1", accessory=True, secrets=(SecretMount(name="password"),)),
        "api": Service(image="api:1", depends_on=("db",), replicas=2, environment={"LEVEL": "info"}),
        "web": Service(
            image="web:1", depends_on=("api",), configs=(ConfigMount(name="site", target="/etc/site/site.conf"),)
        ),
    }
    return {**made, **changes}


def specification(**changes: Any) -> FleetSpecification:
    """The fleet ``shop``."""
    parts: dict[str, Any] = {
        "name": "shop",
        "services": services(),
        "configs": {"site": Config(content="listen 80")},
        "secrets": {"password": SecretSource(environment="PASSWORD")},
        "rollouts": Rollouts(parallelism=2, deadline=60.0),
    }
    return FleetSpecification(**{**parts, **changes})


def source_of(password: str = CANARY, **changes: Any) -> FleetSource:
    """The fleet ``shop`` with its secret."""
    return FleetSource(specification=specification(**changes), secrets={"password": Secret(password)})


@pytest.fixture
def source() -> Callable[..., FleetSource]:
    """Makes sources; see ``source_of``."""
    return source_of


@pytest.fixture
def service_set() -> Callable[..., dict[str, Service]]:
    """Makes the services of ``shop``, with some of them changed; see ``services``."""
    return services
