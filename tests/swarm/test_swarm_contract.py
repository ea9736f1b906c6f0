"""What every container engine does, on a real Swarm of one node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from swarm_hosts import SwarmHosts

from zona_core.testing.engines_contract import EnginesContract, Images
from zona_docker.swarm import SwarmEngine


class TestSwarmEngine(EnginesContract):
    """The contract."""

    @pytest.fixture(scope="class")
    @classmethod
    def engine(cls, one_node: SwarmHosts) -> Iterator[SwarmEngine]:
        """One for all tests."""
        with closing(SwarmEngine.of_url(one_node.url())) as engine:
            yield engine

    @pytest.fixture
    def images(self, behaving_images: Images) -> Images:
        """The small ones."""
        return behaving_images
