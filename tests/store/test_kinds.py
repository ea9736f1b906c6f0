"""The registry of collections has them all."""

from __future__ import annotations

from zona_core.persistence import collections
from zona_core.persistence.collections import KINDS, Kind


def test_every_kind_is_in_the_registry() -> None:
    """What is not in it would be lost when a tenant moves, left behind when one is removed, and missing from copies."""
    declared = {name: kind for name, kind in vars(collections).items() if isinstance(kind, Kind)}
    assert sorted(kind.spec.name for kind in declared.values()) == sorted(kind.spec.name for kind in KINDS)
    assert len({kind.spec.name for kind in KINDS}) == len(KINDS)
