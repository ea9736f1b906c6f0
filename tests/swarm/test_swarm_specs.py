"""Targets and specifications of services, both ways, without an engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from zona_core.domain.fleet.hashing import content_hash, plain
from zona_core.domain.fleet.specification import (
    FailureAction,
    HealthCheck,
    Order,
    Port,
    PortMode,
    Resources,
    UpdatePolicy,
)
from zona_core.domain.fleet.targets import Content, FileKind, FileMount, Mount, Target
from zona_core.errors import EngineFailed, RolloutFailed
from zona_docker._swarm_files import stored_name
from zona_docker._swarm_reading import content_of, policy_of, replicas_of
from zona_docker._swarm_specs import Known, StoredFile, job_spec, same, service_spec, with_numbers

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
PATHS = NAMES.map(lambda name: f"/{name}")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
WORDS = st.lists(TEXTS, max_size=3).map(tuple)
SECONDS = st.integers(1, 10**12).map(lambda number: number / 1_000_000_000)
BYTES = st.integers(0, 2**40)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


def unique(items: st.SearchStrategy[Any], key: Any, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    """Sorted, as the resolver gives them."""
    return st.lists(items, unique_by=key, max_size=most).map(lambda found: tuple(sorted(found, key=key)))


FILES = unique(
    st.builds(
        FileMount,
        kind=st.sampled_from(FileKind),
        name=NAMES,
        target=PATHS,
        digest=DIGESTS,
        uid=st.integers(0, 70_000),
        gid=st.integers(0, 70_000),
        mode=st.integers(0, 0o777),
    ),
    lambda file: file.target,
)
HEALTH = st.builds(
    HealthCheck,
    command=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    interval=SECONDS,
    timeout=SECONDS,
    retries=st.integers(1, 20),
    start_period=SECONDS | st.just(0.0),
)
RESOURCES = st.builds(
    Resources,
    cpus=SECONDS | st.just(0.0),
    memory=BYTES,
    reserved_cpus=SECONDS | st.just(0.0),
    reserved_memory=BYTES,
    pids=st.integers(0, 10_000),
)
PORTS = unique(
    st.builds(
        Port,
        target=st.integers(1, 65_535),
        published=st.integers(0, 65_535),
        protocol=st.sampled_from(["tcp", "udp"]),
        mode=st.sampled_from(PortMode),
    ),
    lambda port: (port.target, port.protocol, port.published),
)
CONTENTS = st.builds(
    Content,
    image=NAMES,
    entrypoint=WORDS,
    command=WORDS,
    environment=st.dictionaries(st.from_regex(r"[A-Z_]{1,10}", fullmatch=True), TEXTS, max_size=3),
    files=FILES,
    mounts=unique(st.builds(Mount, volume=NAMES, target=PATHS, read_only=st.booleans()), lambda mount: mount.target),
    networks=unique(NAMES, str),
    aliases=unique(NAMES, str),
    ports=PORTS,
    health=st.none() | HEALTH,
    resources=RESOURCES,
    user=st.sampled_from(["", "nobody", "1000:1000"]),
    read_only=st.booleans(),
    init=st.booleans(),
    tmpfs=unique(PATHS, str),
    stop_grace=SECONDS,
    labels=st.dictionaries(NAMES, TEXTS, max_size=3),
    role=st.just("") | NAMES,
).map(lambda content: content if content.networks else evolve(content, aliases=()))
POLICIES = st.builds(
    UpdatePolicy,
    parallelism=st.integers(0, 9),
    order=st.sampled_from(Order),
    delay=SECONDS | st.just(0.0),
    monitor=SECONDS.filter(lambda value: value > 1e-9) | st.just(0.0),
    on_failure=st.sampled_from(FailureAction),
)


def target_of(content: Content, **more: Any) -> Target:
    """A target with that content."""
    return Target(name="web", engine_name="acme_web", content=content, hash=content_hash(content), **more)


def known_of(content: Content) -> Known:
    """What a manager would show of what a content refers to."""
    files = {(file.kind, file.name, file.digest) for file in content.files}
    return Known(
        networks={name: f"id of {name}" for name in content.networks},
        files=[
            StoredFile(id=f"id {n}", kind=kind, stored_name=stored_name("acme", name, digest), name=name, digest=digest)
            for n, (kind, name, digest) in enumerate(sorted(files))
        ],
        volumes={
            mount.volume: {"Driver": "local", "Options": None, "Labels": {"zona.fleet": "acme"}}
            for mount in content.mounts
        },
    )


def spec_of(target: Target) -> dict[str, Any]:
    """Its specification, having been through JSON as the engine's have."""
    spec = service_spec("acme", target, known_of(target.content), endpoint_mode="vip")
    found: dict[str, Any] = json.loads(json.dumps(spec))
    return found


def given_back(spec: dict[str, Any]) -> dict[str, Any]:
    """As the engine gives it back: what is empty is left out, and its own defaults stand there."""
    template = _thinned(spec["TaskTemplate"])
    template["ContainerSpec"]["Isolation"] = "default"
    return {**spec, "TaskTemplate": {**template, "Runtime": "container"}}


def _thinned(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item if key == "Labels" else _thinned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", [], {}, 0)}
    return [_thinned(item) for item in value] if isinstance(value, list) else value


@given(CONTENTS)
def test_content_is_read_back_as_it_was(content: Content) -> None:
    """Nothing is lost, added or put elsewhere, also in the form in which the engine gives it back."""
    spec = spec_of(target_of(content))
    for shown in (spec, given_back(spec)):
        found = content_of(shown, known_of(content))
        assert found == content
        assert plain(found) == plain(content)


@given(CONTENTS, POLICIES, st.integers(0, 50))
def test_numbers_and_policies_are_read_back(content: Content, policy: UpdatePolicy, replicas: int) -> None:
    """Of all of a policy only the deadline is not the engine's."""
    spec = spec_of(target_of(content, update=policy, replicas=replicas))
    assert evolve(policy_of(spec), deadline=policy.deadline) == policy
    assert replicas_of(spec) == replicas


@given(CONTENTS, CONTENTS)
def test_specifications_are_the_same_if_contents_are(one: Content, other: Content) -> None:
    """What the engine adds by itself makes no difference, and every difference of contents is seen."""
    spec = spec_of(target_of(one))
    assert same(spec, given_back(spec))
    if plain(one) != plain(other):
        assert not same(spec, spec_of(target_of(other)))


@given(CONTENTS, POLICIES, st.integers(0, 50))
def test_scaling_changes_numbers_alone(content: Content, policy: UpdatePolicy, replicas: int) -> None:
    """What replicas are made of, and what is noted of it, stays."""
    spec = spec_of(target_of(content))
    scaled = with_numbers(spec, target_of(Content(image="other"), update=policy, replicas=replicas))
    assert replicas_of(scaled) == replicas
    assert evolve(policy_of(scaled), deadline=policy.deadline) == policy
    numbers = ("Mode", "UpdateConfig", "RollbackConfig")
    assert {key: spec[key] for key in spec if key not in numbers} == {
        key: scaled[key] for key in scaled if key not in numbers
    }


CONTENT = Content(image="web:1", networks=("acme_default",), aliases=("web",), role="edge")


@pytest.mark.parametrize(
    ("path", "value", "label"),
    [
        (("ContainerSpec", "Hostname"), "other", "(Hostname)"),
        (("ContainerSpec", "CapabilityAdd"), ["CAP_NET_ADMIN"], "(CapabilityAdd)"),
        (("Placement", "MaxReplicas"), 1, "(Placement.MaxReplicas)"),
        (("Placement", "Constraints"), ["node.role == manager"], "(Placement.Constraints)"),
    ],
)
def test_what_a_content_has_no_word_for_is_shown(path: tuple[str, str], value: Any, label: str) -> None:
    """Somebody's change by hand is never passed over."""
    spec = spec_of(target_of(CONTENT))
    spec["TaskTemplate"][path[0]][path[1]] = value
    found = content_of(spec, known_of(CONTENT))
    assert label in found.labels
    assert plain(found) != plain(CONTENT)


def test_changes_by_hand_are_shown() -> None:
    """Also in the forms that the fleet itself does not use."""
    spec = spec_of(target_of(evolve(CONTENT, health=HealthCheck(command=("true",)))))
    container = spec["TaskTemplate"]["ContainerSpec"]
    container["Mounts"].append({"Type": "bind", "Source": "/etc", "Target": "/host", "ReadOnly": True})
    container["Secrets"] = [{"SecretID": "s", "SecretName": "theirs", "File": {"Name": "x", "UID": "0", "Mode": 292}}]
    container["Env"] = ["FLAG", "A=b=c"]
    container["Healthcheck"] = {"Test": ["CMD-SHELL", "true || false"]}
    spec["TaskTemplate"]["Networks"].append({"Target": "id of another"})
    found = content_of(spec, known_of(CONTENT))
    assert found.mounts == (Mount(volume="/etc", target="/host", read_only=True),)
    assert [(file.name, file.digest) for file in found.files] == [("theirs", "")]
    assert found.environment == {"FLAG": "", "A": "b=c"}
    assert found.health == HealthCheck(command=("/bin/sh", "-c", "true || false"), interval=30.0, timeout=30.0)
    assert found.networks == ("acme_default", "id of another")
    assert found.aliases == ("web",)
    assert found.labels == {"(Aliases id of another)": ""}
    container["Healthcheck"] = {"Test": ["NONE"]}
    assert content_of(spec, known_of(CONTENT)).health == HealthCheck(command=(), interval=30.0, timeout=30.0)


def test_without_an_update_policy_the_engine_has_its_own() -> None:
    """Of a service whose policy somebody took away, what Swarm does then is shown."""
    assert policy_of({}) == UpdatePolicy(parallelism=1, order=Order.STOP_FIRST, on_failure=FailureAction.PAUSE)


def test_other_peoples_volumes_are_taken_as_they_are() -> None:
    """Only a volume of the fleet's own says how nodes make it."""
    content = evolve(CONTENT, mounts=(Mount(volume="data", target="/data"),))
    for labels, told in (({"zona.fleet": "acme"}, True), ({"zona.fleet": "other"}, False), (None, False)):
        volume = {"Driver": "nfs", "Options": {"share": "x"}, "Labels": labels}
        known = evolve(known_of(content), volumes={"data": volume})
        spec = service_spec("acme", target_of(content), known, endpoint_mode="vip")
        (mount,) = spec["TaskTemplate"]["ContainerSpec"]["Mounts"]
        assert ("VolumeOptions" in mount) is told
        if told:
            assert mount["VolumeOptions"]["DriverConfig"] == {"Name": "nfs", "Options": {"share": "x"}}


def test_an_empty_label_is_one() -> None:
    """And so is an empty argument."""
    spec = spec_of(target_of(CONTENT))
    assert not same(spec, spec_of(target_of(evolve(CONTENT, labels={"empty": ""}))))
    assert not same(spec, spec_of(target_of(evolve(CONTENT, command=("",)))))


def test_what_is_missing_is_named() -> None:
    """A network, a file, and a port that the endpoint mode does not have."""
    file = FileMount(kind=FileKind.SECRET, name="password", target="/run/secrets/password", digest="ab" * 32)
    known = known_of(CONTENT)
    with pytest.raises(EngineFailed) as network:
        service_spec("acme", target_of(CONTENT), Known(), endpoint_mode="vip")
    assert (network.value.code, network.value.details["network"]) == ("network_missing", "acme_default")
    with pytest.raises(RolloutFailed) as secret:
        service_spec("acme", target_of(evolve(CONTENT, files=(file,))), known, endpoint_mode="vip")
    assert (secret.value.code, secret.value.rolled_back) == ("file_missing", True)
    ports = (Port(target=80, published=80, mode=PortMode.INGRESS),)
    with pytest.raises(EngineFailed) as port:
        service_spec("acme", target_of(evolve(CONTENT, ports=ports)), known, endpoint_mode="dnsrr")
    assert port.value.code == "ingress_impossible"


def test_a_job_takes_no_requests() -> None:
    """Neither under the service's names nor at its ports; nothing is looked at but its end."""
    content = evolve(CONTENT, ports=(Port(target=80, published=80),), health=HealthCheck(command=("true",)))
    spec = job_spec("acme", "acme_web-hook-1", target_of(content), ("migrate",), known_of(content))
    assert spec["TaskTemplate"]["Networks"] == [{"Target": "id of acme_default"}]
    assert "Ports" not in spec["EndpointSpec"]
    assert spec["TaskTemplate"]["ContainerSpec"]["Healthcheck"] == {"Test": ["NONE"]}
    assert "zona.service" not in spec["Labels"]


@given(NAMES, st.from_regex(r"[a-z][a-z0-9_-]{0,40}", fullmatch=True), DIGESTS)
def test_names_of_files_fit(fleet: str, name: str, digest: str) -> None:
    """A Swarm takes 64 characters; the digest is always a part of them."""
    found = stored_name(fleet, name, digest)
    assert len(found) <= 64
    assert found.endswith(f"-{digest[:12]}")
    if len(fleet) + len(name) <= 50:
        assert found == f"{fleet}_{name}-{digest[:12]}"


def test_long_names_of_files_differ() -> None:
    """Two that would be cut to the same are told apart."""
    one, other = (stored_name("a" * 21, "b" * 40 + last, "0" * 64) for last in "cd")
    assert one != other
