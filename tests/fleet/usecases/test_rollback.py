"""Going back to what a fleet was after an earlier deployment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from zona_core import Conflict, NotFound
from zona_core.domain.fleet.deployments import DeploymentStatus
from zona_core.domain.fleet.selection import Selection
from zona_core.errors import DeploymentFailed
from zona_core.ports.engines import Finding
from zona_core.testing.memory_engine import MemoryImage
from zona_core.usecases.fleet import Fleet


def images(place: Any) -> dict[str, str]:
    return {service.name: service.content.image for service in place.engine.world("shop").services}


def password(place: Any) -> str:
    """The digest of the database's password as it is mounted."""
    [file] = place.engine.world("shop").service("db").content.files
    return str(file.digest)


@pytest.fixture
def versions(fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]) -> Callable[[int], Any]:
    """Applies a version of ``web``."""

    def apply(number: int, **options: Any) -> Any:
        services = service_set(web=evolve(service_set()["web"], image=f"web:{number}"))
        return fleet.apply(source(services=services, **options))

    return apply


def test_the_one_before_the_last_is_gone_back_to(place: Any, fleet: Fleet, versions: Any) -> None:
    """Its specification counts again: nothing is left to do, and watching keeps it so."""
    first = versions(1)
    versions(2)
    done = fleet.rollback(reason="2 is broken")
    assert (done.action, done.rollback_of, done.reason) == ("rollback", first.id, "2 is broken")
    assert [outcome.service for outcome in done.outcomes] == ["web"]
    assert images(place)["web"] == "web:1"
    assert done.targets == first.targets
    assert fleet.specification().services["web"].image == "web:1"
    assert fleet.plan().empty
    fleet.rollback()
    assert images(place)["web"] == "web:2"


@pytest.mark.parametrize("by", ["id", "number", "text"])
def test_any_that_succeeded_can_be_gone_back_to(place: Any, fleet: Fleet, versions: Any, by: str) -> None:
    """Named by its id or by its number."""
    first = versions(1)
    versions(2)
    versions(3)
    fleet.rollback({"id": first.id, "number": 1, "text": "1"}[by])
    assert images(place)["web"] == "web:1"


def test_what_was_said_by_hand_is_gone_back_to_as_well(place: Any, fleet: Fleet, versions: Any) -> None:
    """Numbers, stops and toggles; restarts only count, and replace nothing."""
    versions(1)
    fleet.scale({"api": 5})
    fleet.stop(Selection(services=("web",)))
    fleet.restart(Selection(services=("api",)))
    before = place.engine.world("shop").service("api").tasks
    fleet.rollback(2)
    assert images(place)["web"] == "web:1"
    assert (fleet.list()[0].scaled, fleet.list()[0].stopped) == ({"api": 5}, ())
    assert place.engine.world("shop").service("api").tasks == before
    fleet.rollback(1)
    assert place.engine.world("shop").service("api").replicas == 2


def test_what_watching_mended_is_no_step_back(place: Any, fleet: Fleet, versions: Any) -> None:
    """A deployment that only mended what was wanted already is passed over."""
    versions(1)
    versions(2)
    place.engine.remove("shop", "shop_web")
    fleet.apply()
    fleet.rollback()
    assert images(place)["web"] == "web:1"


def test_a_secret_of_then_is_taken_from_the_engine(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """Its value of now stays sealed; the former one counts, and stays, until a specification is applied again."""
    fleet.apply(source(password="first password"))
    first = password(place)
    fleet.apply(source(password="second password"))
    second = password(place)
    fleet.rollback()
    assert password(place) == first != second
    assert fleet.plan().empty
    assert fleet.list()[0].pins == {"password": first}
    assert [finding.code for finding in fleet.doctor()] == ["secret_pinned"]
    fleet.scale({"api": 3})
    assert password(place) == first
    fleet.apply(source(password="second password"))
    assert password(place) == second
    assert fleet.list()[0].pins == {}
    assert fleet.doctor() == []


def test_a_secret_of_then_that_is_the_one_of_now_is_given(
    place: Any, fleet: Fleet, source: Callable[..., Any], service_set: Callable[..., Any]
) -> None:
    """Also if the engine does not have it any more."""
    fleet.apply(source())
    without = service_set()
    del without["db"], without["api"]
    without["web"] = evolve(without["web"], depends_on=())
    fleet.apply(source(services=without))
    assert [unused.kind for unused in fleet.prune()] == ["files"] or fleet.unused() == []
    fleet.rollback()
    assert set(images(place)) == {"api", "db", "web"}
    assert fleet.list()[0].pins == {}


def test_a_secret_that_is_gone_is_told_before_anything_is_changed(
    place: Any, fleet: Fleet, source: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the engine can tell."""
    fleet.apply(source(password="first password"))
    fleet.apply(source(password="second password"))
    gone = Finding(code="file_missing", serious=True, message="the secret password of db is not there")
    monkeypatch.setattr(type(place.engine), "findings", lambda *_: [gone])
    writes = place.engine.writes
    with pytest.raises(Conflict) as caught:
        fleet.rollback()
    assert caught.value.code == "file_missing"
    assert place.engine.writes == writes
    assert len(fleet.history()) == 2


def test_a_secret_that_is_gone_fails_otherwise(place: Any, fleet: Fleet, source: Callable[..., Any]) -> None:
    """The engine refuses it, and all stays as it is."""
    fleet.apply(source(password="first password"))
    fleet.apply(source(password="second password"))
    second = password(place)
    fleet.prune()
    with pytest.raises((DeploymentFailed, Conflict)) as caught:
        fleet.rollback()
    assert "file_missing" in (caught.value.code, caught.value.details.get("code"))
    assert password(place) == second
    assert fleet.plan().empty


def test_what_failed_is_nothing_to_go_back_to(place: Any, fleet: Fleet, versions: Any) -> None:
    """Nor is one that is not there; with a single one there is nothing before it."""
    versions(1)
    with pytest.raises(NotFound) as none:
        fleet.rollback()
    assert none.value.code == "no_former_deployment"
    place.engine.images["web:2"] = MemoryImage(exits=1)
    with pytest.raises(DeploymentFailed):
        versions(2)
    with pytest.raises(Conflict) as caught:
        fleet.rollback(2)
    assert caught.value.code == "deployment_not_succeeded"
    for unknown in (9, "nothing"):
        with pytest.raises(NotFound):
            fleet.rollback(unknown)


def test_a_rollback_that_fails_leaves_all_as_it_was(place: Any, fleet: Fleet, versions: Any) -> None:
    """It is a deployment like any other."""
    versions(1)
    versions(2)
    place.engine.images["web:1"] = MemoryImage(missing=True)
    with pytest.raises(DeploymentFailed):
        fleet.rollback()
    assert images(place)["web"] == "web:2"
    assert fleet.specification().services["web"].image == "web:2"
    assert fleet.history()[0].status is DeploymentStatus.ROLLED_BACK
