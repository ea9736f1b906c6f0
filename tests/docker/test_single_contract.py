"""The engines' contract, held by a single Docker engine."""

from __future__ import annotations

import pytest

from zona_core.ports.engines import ContainerEngine
from zona_core.testing.engines_contract import EnginesContract, Images
from zona_docker.single import SingleEngine


class TestSingleEngine(EnginesContract):
    """See ``EnginesContract``."""

    @pytest.fixture
    def engine(self, engine: SingleEngine) -> ContainerEngine:
        """The one of this folder."""
        return engine

    @pytest.fixture
    def images(self, images: Images) -> Images:
        """Those of this folder."""
        return images
