"""The part of the engines' contract that is about looking at a fleet, and about what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from zona_core.domain.fleet.targets import Target, VolumeTarget
from zona_core.domain.fleet.world import NodeState
from zona_core.ports.engines import ContainerEngine, EngineEvent, LogLine

from ._contract_engine_base import EnginesContractBase, FleetTrial, awaited, config_of, secret_of

__all__ = ["UpkeepContract"]

_TALKS = "echo one; echo two >&2; echo three; while :; do sleep 1; done"
_GOES_ON = "while :; do echo tick; sleep 1; done"


class UpkeepContract(EnginesContractBase):
    """See ``EnginesContract``."""

    def test_which_engine_it_is(self, engine: ContainerEngine) -> None:
        """It says its kind, its name and its nodes, of which one at least takes replicas."""
        info = engine.info()
        assert info.name
        assert info.version
        assert NodeState.READY in [node.state for node in info.nodes]
        assert len({node.name for node in info.nodes}) == len(info.nodes)

    def test_an_empty_fleet(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """It has no services, and the engine's nodes; when it was looked at is told."""
        info, world = engine.info(), fleet.world()
        assert (world.services, world.kind) == ((), info.kind)
        assert [node.name for node in world.nodes] == [node.name for node in info.nodes]
        assert abs(_now() - _taken(fleet)) < timedelta(minutes=5)
        assert list(engine.logs(fleet.name)) == []

    def test_logs(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """Lines tell their service, their replica, their time and whether they are errors."""
        target = _talking(fleet, _TALKS, replicas=2)
        began = _taken(fleet)
        fleet.converge(target)
        lines = _lines_once(engine, fleet, 6)
        assert sorted(line.text for line in lines) == ["one", "one", "three", "three", "two", "two"]
        assert {line.text for line in lines if line.error} == {"two"}
        assert {line.service for line in lines} == {"talks"}
        assert len({line.replica for line in lines}) == 2
        for replica in {line.replica for line in lines}:
            own = [line.text for line in lines if line.replica == replica and not line.error]
            assert own == ["one", "three"]
        assert all(line.time is not None and line.time > began - timedelta(seconds=2) for line in lines)

    def test_only_some_logs(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """Of some services, at most so many of each replica, and since a time."""
        fleet.converge(_talking(fleet, _TALKS))
        fleet.converge(_talking(fleet, "echo other; while :; do sleep 1; done", name="other"))
        _lines_once(engine, fleet, 4)
        assert {line.service for line in engine.logs(fleet.name, ["other"])} == {"other"}
        assert len(list(engine.logs(fleet.name, ["talks"], tail=1))) == 1
        assert list(engine.logs(fleet.name, tail=0)) == []
        assert len(list(engine.logs(fleet.name, ["other", "talks"], tail=-1))) == 4
        assert list(engine.logs(fleet.name, ["unknown"])) == []
        assert list(engine.logs(fleet.name, since=_taken(fleet) + timedelta(seconds=1))) == []
        assert len(list(engine.logs(fleet.name, since=_taken(fleet) - timedelta(hours=1)))) == 4

    def test_following_logs(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """What is written meanwhile comes too; it ends when it is told to, also where nobody writes."""
        fleet.converge(_talking(fleet, _GOES_ON))
        there = len(list(engine.logs(fleet.name, tail=-1)))
        seen: list[LogLine] = []
        for line in engine.logs(fleet.name, follow=True, tail=-1, stop=lambda: len(seen) >= there + 2):
            seen.append(line)  # noqa: PERF402  # what is seen so far is asked for meanwhile
        assert len(seen) >= there + 2
        assert {line.text for line in seen} == {"tick"}

    def test_following_nothing(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """It ends when it is told to, though nobody writes anything."""
        fleet.converge(_talking(fleet, "while :; do sleep 1; done"))
        asked: list[None] = []

        def stop() -> bool:
            asked.append(None)
            return len(asked) > 2

        assert list(engine.logs(fleet.name, follow=True, stop=stop)) == []
        asked.clear()
        assert [
            each.service for each in engine.events(fleet.name, since=_taken(fleet), stop=stop) if each.service
        ] == []

    def test_events(self, engine: ContainerEngine, fleet: FleetTrial, new_fleet: Callable[[], FleetTrial]) -> None:
        """What happened to the fleet since a time is told in order, and nothing of what happened to another one."""
        other = new_fleet()
        began = _taken(fleet)
        fleet.converge(fleet.target())
        other.converge(other.target("others"))

        def events() -> list[EngineEvent]:
            return list(engine.events(fleet.name, since=began, follow=False))

        awaited(lambda: "web" in {event.service for event in events()}, "no event of the service ever came")
        found = events()
        assert [event.time for event in found] == sorted(event.time for event in found)
        assert {event.service for event in found} <= {"web", ""}
        assert not any(other.name in event.name for event in found)
        assert all(event.kind and event.action for event in found)

    def test_following_events(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """What happens comes, and it ends when it is told to."""
        began = _taken(fleet)
        fleet.converge(fleet.target())
        seen: list[EngineEvent] = []
        for each in engine.events(fleet.name, since=began, stop=lambda: "web" in {event.service for event in seen}):
            seen.append(each)  # noqa: PERF402  # as above
        assert "web" in {event.service for event in seen}

    def test_old_files_are_unused(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """Those that nothing uses any more can be removed, the others stay, whatever anybody asks for."""
        versions = [
            fleet.target(
                image=fleet.images.base,
                files={**secret_of("password", text), **config_of("settings", b"same"), **config_of("motto", text)},
            )
            for text in (b"old\n", b"new\n")
        ]
        for target in versions:
            fleet.converge(target)
        unused = engine.unused(fleet.name)
        assert {each.kind for each in unused} <= {"secret", "config", "files"}
        assert unused
        assert engine.discard(fleet.name, unused) == unused
        assert engine.unused(fleet.name) == []
        assert engine.discard(fleet.name, unused) == []
        assert fleet.run(versions[1], "cat /run/secrets/password /etc/zona/motto") == (0, "new\nnew")
        fleet.converge(versions[1])

    def test_what_is_used_again_is_not_discarded(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """It does not matter what was true when somebody asked."""
        old, new = (
            fleet.target(image=fleet.images.base, files=secret_of("password", text)) for text in (b"old\n", b"new\n")
        )
        for target in (old, new):
            fleet.converge(target)
        unused = engine.unused(fleet.name)
        assert unused
        fleet.converge(old)
        assert engine.discard(fleet.name, unused) == []
        assert fleet.run(old, "cat /run/secrets/password") == (0, "old")

    def test_volumes_are_removed_only_if_they_are_meant(
        self, engine: ContainerEngine, fleet: FleetTrial, new_fleet: Callable[[], FleetTrial]
    ) -> None:
        """Neither with their service nor with what else is unused; another fleet's never."""
        other = new_fleet()
        for each in (fleet, other):
            engine.ensure_volume(each.name, VolumeTarget(engine_name=f"{each.name}_data"))
        name = f"{fleet.name}_data"
        assert name not in {each.name for each in engine.unused(fleet.name)}
        (volume,) = [each for each in engine.unused(fleet.name, volumes=True) if each.kind == "volume"]
        assert volume.name == name
        assert engine.discard(other.name, [volume]) == []
        assert engine.discard(fleet.name, [volume]) == [volume]
        assert name not in fleet.world().volumes
        assert f"{other.name}_data" in fleet.world().volumes

    def test_networks_without_a_service_are_unused(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """Once a service is in one, it is used."""
        assert fleet.network in {each.name for each in engine.unused(fleet.name)}
        fleet.converge(fleet.target())
        assert fleet.network not in {each.name for each in engine.unused(fleet.name)}

    def test_findings(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """An image that nobody has stands in the way; those that are there do not."""
        good, bad = fleet.target(), fleet.target("bad", image=fleet.images.missing)
        assert "image_missing" not in {each.code for each in engine.findings(fleet.name, [good])}
        (missing,) = [each for each in engine.findings(fleet.name, [good, bad]) if each.code == "image_missing"]
        assert missing.serious
        assert fleet.images.missing in missing.message
        assert fleet.names() == []


def _talking(fleet: FleetTrial, script: str, *, name: str = "talks", replicas: int = 1) -> Target:
    return fleet.target(name, image=fleet.images.base, command=("sh", "-c", script), replicas=replicas)


def _lines_once(engine: ContainerEngine, fleet: FleetTrial, wanted: int) -> list[LogLine]:
    """All lines, once there are so many."""
    found: list[LogLine] = []

    def there() -> bool:
        found[:] = engine.logs(fleet.name)
        return len(found) >= wanted

    awaited(there, "not all lines ever came")
    return found


def _taken(fleet: FleetTrial) -> datetime:
    """The engine's time of day."""
    taken = fleet.world().taken_at
    assert taken is not None
    return taken


def _now() -> datetime:
    return datetime.now(UTC)
