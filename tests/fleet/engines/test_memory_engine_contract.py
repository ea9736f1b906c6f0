"""The engine in memory keeps the contract, as either kind."""

from __future__ import annotations

import pytest

from zona_core.domain.fleet.specification import HealthCheck
from zona_core.domain.fleet.world import EngineKind
from zona_core.testing.engines_contract import EnginesContract, Images
from zona_core.testing.memory_engine import MemoryEngine, MemoryImage

IMAGES = Images(
    base="base",
    works="web:1",
    works_too="web:2",
    answers={"web:1": "one", "web:2": "two"},
    get="wget -q -O - http://{host}:{port}/",
    health=HealthCheck(command=("check",), interval=1.0, retries=2),
    unhealthy="web:unhealthy",
    exits="web:exits",
    exit_code=3,
    missing="web:missing",
)


def memory_images() -> dict[str, MemoryImage]:
    """How they behave."""
    return {
        **{name: MemoryImage(answers=text, starts_in=0.5) for name, text in IMAGES.answers.items()},
        IMAGES.unhealthy: MemoryImage(healthy=False),
        IMAGES.exits: MemoryImage(exits=IMAGES.exit_code),
        IMAGES.missing: MemoryImage(missing=True),
    }


class _InMemory(EnginesContract):
    @pytest.fixture
    def images(self) -> Images:
        """The images of the contract."""
        return IMAGES


class TestMemorySingleEngine(_InMemory):
    """As a single engine."""

    @pytest.fixture
    def engine(self) -> MemoryEngine:
        """An engine of the test's own."""
        return MemoryEngine(images=memory_images())


class TestMemorySwarmEngine(_InMemory):
    """As a Swarm of three nodes."""

    @pytest.fixture
    def engine(self) -> MemoryEngine:
        """A Swarm of the test's own."""
        return MemoryEngine(kind=EngineKind.SWARM, nodes=3, images=memory_images())
