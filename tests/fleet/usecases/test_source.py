"""Specifications as data: read with every fault and its path, and written so that they read back the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zona_core import InvalidInput, StoreUnavailable
from zona_core.domain.fleet.specification import Group, HealthCheck, Port, Route, Service
from zona_core.usecases._fleet.source import read_specification, specification_text, stored


def test_data_becomes_a_specification() -> None:
    """Enumerations from texts, tuples from lists, defaults for what is left out."""
    found = read_specification(
        {
            "name": "shop",
            "services": {"web": {"image": "web:1", "group": "core", "ports": [{"target": 80, "published": 8080}]}},
            "rollouts": {"parallelism": 2},
        }
    )
    assert found.services["web"].group is Group.CORE
    assert found.services["web"].ports == (Port(target=80, published=8080),)
    assert found.rollouts.parallelism == 2


def test_every_fault_has_its_path() -> None:
    """Of all tables and services at once."""
    with pytest.raises(InvalidInput) as caught:
        read_specification(
            {
                "services": {
                    "web": {"imag": "web:1", "replicas": "2"},
                    "api": 7,
                    "db": {"image": "db:1", "update": {"order": "sideways"}, "environment": {"A": 1}},
                },
                "networks": [],
                "volumes": {"data": {"driver": 5}},
                "rollouts": {"parallelism": True},
                "service": {},
            }
        )
    assert {fault.path for fault in caught.value.faults} >= {
        "name", "service", "services.web.imag", "services.web.image", "services.web.replicas", "services.api",
        "services.db.update.order", "networks", "volumes.data.driver", "rollouts.parallelism",
    }  # fmt: skip


def test_values_of_free_mappings_are_checked() -> None:
    """An environment has texts, a toggle is on or off."""
    with pytest.raises(InvalidInput) as caught:
        read_specification(
            {
                "name": "shop",
                "toggles": {"beta": "yes"},
                "services": {"web": {"image": "web:1", "environment": {"A": 1}, "labels": {"b": None}}},
            }
        )
    assert [fault.path for fault in caught.value.faults] == [
        "toggles.beta", "services.web.environment.A", "services.web.labels.b",
    ]  # fmt: skip


def test_what_the_checks_find_is_told_too() -> None:
    """References to what is not there."""
    with pytest.raises(InvalidInput) as caught:
        read_specification({"name": "shop", "services": {"web": {"image": "web:1", "depends_on": ["nothing"]}}})
    assert caught.value.faults[0].path.startswith("services.web.depends_on")


def test_what_is_written_reads_back_the_same(source: Callable[..., Any], service_set: Callable[..., Any]) -> None:
    """Also the order of services; what has its default is not written."""
    many = service_set(
        zeta=Service(image="z:1", health=HealthCheck(command=("a", "b")), environment={"Ä.x": "ü", "$y": ""}),
        alpha=Service(image="a:1", routes=(Route(proxy="zeta", listen=80, target=80),), stop_grace=3),
    )
    specification = source(services=many, toggles={"beta": True}).specification
    text = specification_text(specification)
    assert stored(text) == specification
    assert list(stored(text).services) == list(many)
    assert specification_text(stored(text)) == text
    assert "stop_signal" not in text
    assert "start_period" not in text


def test_a_stored_one_of_a_newer_version_is_an_error() -> None:
    """It is not taken for another one."""
    with pytest.raises(StoreUnavailable) as caught:
        stored('{"name": "shop", "moons": 3}')
    assert caught.value.code == "document_damaged"
