"""The part of the engines' contract that is about what is inside of replicas: files, volumes, networks, commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve

from zona_core.domain.fleet.specification import HealthCheck, Hook, Port, Resources
from zona_core.domain.fleet.targets import Mount, NetworkTarget, VolumeTarget
from zona_core.domain.fleet.world import EngineKind
from zona_core.errors import EngineFailed, RolloutFailed
from zona_core.ports.engines import ContainerEngine

from ._contract_engine_base import (
    POLICY,
    EnginesContractBase,
    FleetTrial,
    config_of,
    published,
    secret_of,
    settled,
)

__all__ = ["ContentContract"]


class ContentContract(EnginesContractBase):
    """See ``EnginesContract``."""

    def test_all_of_a_content_is_read_back(self, engine: ContainerEngine, fleet: FleetTrial, free_port: int) -> None:
        """What the engine shows of a service is what it was given, field by field, and so it is never changed again.

        Here as in all tests it is ``converge`` of the trial that looks; in what order it does not matter.
        """
        volume, network = f"{fleet.name}_data", f"{fleet.name}_back"
        engine.ensure_volume(fleet.name, VolumeTarget(engine_name=volume))
        engine.ensure_network(fleet.name, NetworkTarget(engine_name=network))
        on_swarm = engine.info().kind is EngineKind.SWARM
        engine.ensure_roles(fleet.name, {"edge": [node.name for node in engine.info().nodes]})
        target = fleet.target(
            image=fleet.images.base,
            entrypoint=("/bin/sh", "-c"),
            command=("trap 'exit 0' TERM; while :; do sleep 1; done", "--", "an argument"),
            environment={"EMPTY": "", "TEXT": "a=b, \"c\" $d 'e'\nf", "Z": "ü"},
            files={
                **config_of("settings", b"a = 1\n", uid=1000, gid=1000, mode=0o440),
                **secret_of("password", b"x", uid=1000, gid=1000, mode=0o400),
                **secret_of("token", b"y", target="/etc/zona/private/token", mode=0o444),
            },
            mounts=(Mount(volume=volume, target="/data"), Mount(volume=volume, target="/same", read_only=True)),
            networks=(network, fleet.network),
            aliases=("also", "web"),
            ports=(Port(target=8080), published(free_port), Port(target=9000, protocol="udp")),
            health=HealthCheck(
                command=("test", "-e", "/etc/zona/settings"), interval=1.5, timeout=2.5, retries=4, start_period=0.5
            ),
            resources=Resources(
                cpus=0.5, memory=64 << 20, reserved_cpus=0.01, reserved_memory=8 << 20, pids=64
            ),
            user="1000:1000",
            read_only=True,
            init=True,
            tmpfs=("/run/work", "/tmp"),  # noqa: S108  # of the container
            stop_grace=2.0,
            labels={"org.example.purpose": "a test", "empty": ""},
            role="edge" if on_swarm else "",
        )  # fmt: skip
        fleet.converge(target)
        before = fleet.world()
        fleet.converge(target)
        assert settled(fleet.world()) == settled(before)

    def test_a_content_without_anything_is_read_back(self, fleet: FleetTrial) -> None:
        """What an engine or an image adds by itself is not told."""
        target = fleet.target(health=None, stop_grace=10.0)
        fleet.converge(target)
        fleet.converge(evolve(target, replicas=2))

    @pytest.mark.parametrize(
        "change",
        [
            {"command": ("sh", "-c", "sleep 500")},
            {"environment": {}},
            {"labels": {"new": "label"}},
            {"user": "1000:1000"},
            {"health": None},
            {"tmpfs": ("/tmp",)},  # noqa: S108
            {"resources": Resources(memory=64 << 20)},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_each_change_is_seen(self, fleet: FleetTrial, change: dict[str, object]) -> None:
        """What is shown after an update is the new content, without anything of the old one."""
        base = fleet.images.base
        target = fleet.target(image=base, environment={"OLD": "1"}, health=HealthCheck(command=("true",), interval=1.0))
        fleet.converge(target)
        newer = fleet.changed(target, **change)
        fleet.converge(newer)

    def test_networks_and_volumes(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """They are made once; their names are in the world, and what is asked for again is left as it is."""
        volume = VolumeTarget(engine_name=f"{fleet.name}_data")
        network = NetworkTarget(engine_name=f"{fleet.name}_back", internal=True)
        assert volume.engine_name not in fleet.world().volumes
        for _ in range(2):
            engine.ensure_volume(fleet.name, volume)
            engine.ensure_network(fleet.name, network)
        world = fleet.world()
        assert volume.engine_name in world.volumes
        assert {network.engine_name, fleet.network} <= set(world.networks)

    def test_external_ones_are_verified(
        self, engine: ContainerEngine, fleet: FleetTrial, new_fleet: Callable[[], FleetTrial]
    ) -> None:
        """One that somebody else made will do; one that nobody made is refused, and not made."""
        other = new_fleet()
        engine.ensure_volume(other.name, VolumeTarget(engine_name=f"{other.name}_data"))
        engine.ensure_volume(fleet.name, VolumeTarget(engine_name=f"{other.name}_data", external=True))
        engine.ensure_network(fleet.name, NetworkTarget(engine_name=other.network, external=True))
        nobody = f"{fleet.name}_nobodys"
        with pytest.raises(EngineFailed) as caught:
            engine.ensure_volume(fleet.name, VolumeTarget(engine_name=nobody, external=True))
        assert caught.value.code == "volume_missing"
        with pytest.raises(EngineFailed) as caught:
            engine.ensure_network(fleet.name, NetworkTarget(engine_name=nobody, external=True))
        assert caught.value.code == "network_missing"
        assert nobody not in {*fleet.world().networks, *fleet.world().volumes}

    def test_volumes_keep_what_is_written(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """From one container to the next, and after the service is gone; one that is read-only takes nothing."""
        volume = f"{fleet.name}_data"
        engine.ensure_volume(fleet.name, VolumeTarget(engine_name=volume))
        mounts = (Mount(volume=volume, target="/data"), Mount(volume=volume, target="/same", read_only=True))
        # One replica holds the volume to a node: on a Swarm, each node has a volume of its own under that name.
        node = engine.info().nodes[-1].name
        engine.ensure_roles(fleet.name, {"data": (node,)})
        role = "data" if engine.info().kind is EngineKind.SWARM else ""
        target = fleet.target(image=fleet.images.base, mounts=mounts, role=role)
        assert fleet.run(target, "echo kept > /data/file")[0] == 0
        assert fleet.run(target, "cat /data/file /same/file") == (0, "kept\nkept")
        assert fleet.run(target, "echo other > /same/file")[0] != 0
        fleet.converge(target)
        engine.remove(fleet.name, target.engine_name, grace=0.0)
        assert fleet.run(target, "cat /same/file") == (0, "kept")

    def test_files_are_seen_inside(self, fleet: FleetTrial) -> None:
        """Secrets and configurations lie where they are to lie, with their owner and mode, in one folder or several."""
        files = {
            **secret_of("password", b"pass word\n"),
            **secret_of("key", b"key\n", uid=1000, gid=1001, mode=0o440),
            **config_of("settings", b"a = 1\nb = 2\n"),
            **config_of("deep", b"deep\n", target="/opt/deep/er/file", mode=0o640),
        }
        target = fleet.target(image=fleet.images.base, files=files)
        paths = "/run/secrets/password /run/secrets/key /etc/zona/settings /opt/deep/er/file"
        assert fleet.run(target, f"cat {paths}") == (0, "pass word\nkey\na = 1\nb = 2\ndeep")
        script = "; ".join(f"stat -c '%a %u:%g' {path}" for path in paths.split())
        assert fleet.run(target, script) == (0, "400 0:0\n440 1000:1001\n444 0:0\n640 0:0")

    def test_replicas_have_their_files(self, fleet: FleetTrial) -> None:
        """Where a service could not work without them, also with a root that cannot be written to."""
        check = HealthCheck(command=("test", "-e", "/run/secrets/password"), interval=1.0, retries=3)
        target = fleet.target(
            image=fleet.images.base, health=check, files=secret_of("password", b"x"), read_only=True, replicas=2
        )
        fleet.converge(target)

    def test_another_file_replaces(self, fleet: FleetTrial) -> None:
        """A file of that name with another digest is another content; what runs sees the new one."""
        old = fleet.target(image=fleet.images.base, files=config_of("settings", b"old\n"))
        fleet.converge(old)
        ids = fleet.ids()
        new = fleet.target(image=fleet.images.base, files=config_of("settings", b"new\n"))
        fleet.converge(new)
        assert set(fleet.ids()).isdisjoint(ids)
        assert fleet.run(evolve(new, data={}), "cat /etc/zona/settings") == (0, "new")

    def test_files_stay_with_the_engine(self, fleet: FleetTrial) -> None:
        """Who goes back to what was there before needs no bytes."""
        old = fleet.target(image=fleet.images.base, files=secret_of("password", b"old\n"))
        fleet.converge(old)
        fleet.converge(fleet.target(image=fleet.images.base, files=secret_of("password", b"new\n")))
        fleet.converge(evolve(old, data={}))
        assert fleet.run(evolve(old, data={}), "cat /run/secrets/password") == (0, "old")

    def test_files_that_nobody_has(self, fleet: FleetTrial) -> None:
        """Neither the target nor the engine: nothing is changed."""
        target = fleet.target(image=fleet.images.base)
        lacking = evolve(fleet.target(image=fleet.images.base, files=secret_of("password", b"never given")), data={})
        error = fleet.refused(lacking)
        assert (error.code, error.rolled_back) == ("file_missing", True)
        assert fleet.names() == []
        fleet.converge(target)
        before = fleet.world()
        assert fleet.refused(lacking).code == "file_missing"
        assert settled(fleet.world()) == settled(before)

    def test_services_find_one_another(self, fleet: FleetTrial) -> None:
        """By their aliases, in networks that they share: after an update it is the new one that answers."""
        images = fleet.images
        target = fleet.target(aliases=("the-web",))
        asking = fleet.target("asking", image=images.base)
        for image in (images.works, images.works_too):
            fleet.converge(fleet.changed(target, image=image))
            fleet.await_answer(asking, "the-web", images.answers[image])

    def test_proxies_reach_what_works(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """In the network ``ingress``, under the name that is for all replicas, whichever kind of engine it is.

        A Swarm's replicas are in it from the start, those of a single engine join it; their content does not say so.
        """
        images, ingress = fleet.images, f"{fleet.name}_ingress"
        engine.ensure_network(fleet.name, NetworkTarget(engine_name=ingress))
        on_swarm = engine.info().kind is EngineKind.SWARM
        networks = (fleet.network, ingress) if on_swarm else (fleet.network,)
        target = evolve(fleet.target(networks=networks), proxied=True)
        proxy = fleet.target("proxy", image=images.base, networks=(ingress,))
        host = f"tasks.{target.engine_name}"
        for image in (images.works, images.works_too):
            newer = fleet.changed(target, image=image)
            fleet.converge(newer)
            fleet.await_answer(proxy, host, images.answers[image])
        assert ingress not in {each.name for each in engine.unused(fleet.name)}

    def test_proxies_come_later(self, engine: ContainerEngine, fleet: FleetTrial) -> None:
        """On a single engine the replicas that there are join them; on a Swarm their content says it all."""
        engine.ensure_network(fleet.name, NetworkTarget(engine_name=f"{fleet.name}_ingress"))
        target = fleet.target(replicas=2)
        on_swarm = engine.info().kind is EngineKind.SWARM
        fleet.converge(target)
        ids = fleet.ids()
        for _ in range(2):
            assert fleet.converge(evolve(target, proxied=True)).proxied is (None if on_swarm else True)
            assert fleet.ids() == ids
        fleet.converge(target)  # they may stay where nobody looks for them any more
        assert fleet.ids() == ids

    def test_a_command_runs_once(self, fleet: FleetTrial) -> None:
        """Before there is any service: what it wrote and its exit code are told, and nothing of it stays."""
        target = fleet.target(image=fleet.images.base, environment={"NAME": "value"})
        assert fleet.run(target, "echo $NAME; echo wrong >&2; exit 7")[0] == 7
        assert fleet.run(target, "echo $NAME") == (0, "value")
        assert sorted(fleet.run(target, "echo one; echo two >&2")[1].split()) == ["one", "two"]
        assert fleet.names() == []

    def test_a_command_runs_beside_a_service(self, fleet: FleetTrial) -> None:
        """The service's replicas are left alone, and none is added to them."""
        target = fleet.target()
        fleet.converge(target)
        before = fleet.world()
        assert fleet.run(fleet.changed(target, image=fleet.images.works_too), "exit 0") == (0, "")
        assert settled(fleet.world()) == settled(before)

    def test_a_command_that_takes_too_long(self, fleet: FleetTrial) -> None:
        """It is ended."""
        with pytest.raises(RolloutFailed) as caught:
            fleet.run(fleet.target(image=fleet.images.base), "sleep 300", timeout=3.0)
        assert caught.value.code == "hook_timeout"
        assert fleet.names() == []

    def test_a_command_without_an_image(self, fleet: FleetTrial) -> None:
        """It cannot run."""
        target = fleet.target(image=fleet.images.missing, update=evolve(POLICY, deadline=20.0))
        with pytest.raises(RolloutFailed) as caught:
            fleet.engine.run_once(fleet.name, target, Hook(command=("true",), timeout=20.0))
        assert caught.value.code == "image_missing"
