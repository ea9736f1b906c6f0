"""What every ``ContainerEngine`` must do, as tests.

An adapter's author subclasses ``EnginesContract`` in a test module and gives it the fixtures ``engine`` and
``images``::

    @pytest.fixture(scope="module")
    def my_engine():
        with closing(MyEngine(...)) as engine:
            yield engine

    class TestMyEngine(EnginesContract):
        @pytest.fixture
        def engine(self, my_engine):
            return my_engine

        @pytest.fixture
        def images(self):
            return Images(base="busybox", works="web:1", ...)

One engine may serve all tests: each has a fleet of its own, which it removes. Where the two kinds of engines differ
(ports, roles), the test says so and asks ``engine.info().kind``. An engine under test whose kernel has no virtual
addresses for services has to be one that does without them. This module needs pytest.
"""

from __future__ import annotations

from ._contract_engine_base import Images
from ._contract_engine_contents import ContentContract
from ._contract_engine_rollouts import RolloutContract
from ._contract_engine_upkeep import UpkeepContract

__all__ = ["EnginesContract", "Images"]


class EnginesContract(RolloutContract, ContentContract, UpkeepContract):
    """What holds for every one; see ``zona_core.ports.engines``."""
