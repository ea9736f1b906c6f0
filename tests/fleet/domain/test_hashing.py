"""What a content is told by."""

from __future__ import annotations

import json
from random import Random
from types import MappingProxyType

import pytest
from attrs import evolve
from fleet_worlds import fleet, settled_world, targets_of
from hypothesis import given, settings
from hypothesis import strategies as st

from zona_core.domain.fleet import hashing
from zona_core.domain.fleet.hashing import canonical, content_hash, content_of, is_of, plain
from zona_core.domain.fleet.planning import make_plan
from zona_core.domain.fleet.specification import HealthCheck, Port, PortMode, Resources, Service
from zona_core.domain.fleet.targets import Content, FileKind, FileMount, Mount

_TEXT = st.text(max_size=8)
_TEXTS = st.lists(_TEXT, max_size=3).map(tuple)
_PAIRS = st.dictionaries(_TEXT, _TEXT, max_size=3)
_SECONDS = st.floats(0, 1e6)
_FILE = st.builds(
    FileMount, kind=st.sampled_from(FileKind), name=_TEXT, target=_TEXT, digest=_TEXT, mode=st.integers(0, 511)
)
_PORT = st.builds(Port, target=st.integers(1, 65535), published=st.integers(0, 65535), mode=st.sampled_from(PortMode))
_HEALTH = st.builds(HealthCheck, command=_TEXTS, interval=_SECONDS, retries=st.integers(1, 9))
CONTENTS = st.builds(
    Content,
    image=_TEXT,
    command=_TEXTS,
    environment=_PAIRS,
    files=st.lists(_FILE, max_size=2).map(tuple),
    mounts=st.lists(st.builds(Mount, volume=_TEXT, target=_TEXT, read_only=st.booleans()), max_size=2).map(tuple),
    networks=_TEXTS,
    ports=st.lists(_PORT, max_size=3).map(tuple),
    health=st.none() | _HEALTH,
    resources=st.builds(Resources, cpus=_SECONDS, memory=st.integers(0, 2**50)),
    read_only=st.booleans(),
    stop_grace=_SECONDS,
    labels=_PAIRS,
)

WEB = Content(
    image="team/web:2",
    command=("serve", "--port", "8000"),
    environment={"LOG_LEVEL": "info", "MOTD": "grüß dich"},
    files=(FileMount(kind=FileKind.SECRET, name="token", target="/run/secrets/token", digest="ab12"),),
    networks=("shop_default",),
    aliases=("web",),
    ports=(Port(target=8000, published=80),),
    health=HealthCheck(command=("true",), interval=2.0),
)


@given(CONTENTS)
@settings(deadline=None)
def test_a_content_survives_its_text(content: Content) -> None:
    """What is read from the text has the same text and hash, and is equal but for the order of sets."""
    read = content_of(canonical(content))
    assert canonical(read) == canonical(content)
    assert is_of(content_hash(content), read)
    ordered = content_of(canonical(read))
    assert ordered == read


def test_a_content_in_order_is_read_as_it_was() -> None:
    """Types come back as they were: numbers of seconds, enumerations, models, None."""
    assert content_of(canonical(WEB)) == WEB


@given(CONTENTS, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_says_nothing_where_it_means_nothing(content: Content, random: Random) -> None:
    """Mappings and sets in any order, and members that stand twice, have one hash."""

    def mixed(items: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(random.sample([*items, *items], 2 * len(items)))

    turned = evolve(
        content,
        environment=dict(reversed(content.environment.items())),
        labels=dict(reversed(content.labels.items())),
        files=mixed(content.files),
        mounts=mixed(content.mounts),
        networks=mixed(content.networks),
        ports=mixed(content.ports),
    )
    assert content_hash(turned) == content_hash(content)


def test_order_counts_in_a_command() -> None:
    """A command's words in another order are another command."""
    assert content_hash(evolve(WEB, command=WEB.command[::-1])) != content_hash(WEB)


def test_defaults_are_left_out() -> None:
    """A new field with a default changes no hash: what has its default is not in the text, on any level."""
    assert plain(Content(image="busybox", health=HealthCheck(command=("true",)))) == {
        "image": "busybox",
        "health": {"command": ["true"]},
    }


def test_a_hash_of_schema_one_stays_what_it_is() -> None:
    """This hash is in labels of running services: if it changes, every fleet is restarted by an upgrade."""
    assert content_hash(WEB) == "1:db826848543fa1730153cc38ac9f20b70415d1f3c3b1aa23fba3fad829519af4"


def test_a_new_schema_restarts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a second schema in the table new hashes are of it, and what was applied under the first is left alone."""
    before = targets_of(fleet(web=Service(image="team/web:1", replicas=2), db=Service(image="team/db:1")))
    world = settled_world(before)
    schemas = {**hashing.SCHEMAS, 2: lambda content: "second " + canonical(content)}
    monkeypatch.setattr(hashing, "SCHEMAS", MappingProxyType(schemas))
    after = targets_of(fleet(web=Service(image="team/web:1", replicas=2), db=Service(image="team/db:1")))
    assert {target.hash[:2] for target in after.services} == {"2:"}
    assert {service.hash[:2] for service in world.services} == {"1:"}
    assert is_of(content_hash(WEB), WEB)
    assert make_plan(after, world).empty
    assert make_plan(after, world, previous=before).empty
    changed = targets_of(fleet(web=Service(image="team/web:2", replicas=2), db=Service(image="team/db:1")))
    assert [step.service for step in make_plan(changed, world).steps] == ["web"]


@pytest.mark.parametrize("hash", ["", "1", "1:", ":", "x:abc", "-1:abc", "²:abc", "99:abc", "1:ABC"])
def test_a_hash_that_is_not_known_is_of_nothing(hash: str) -> None:  # noqa: A002
    """Hashes of a newer schema, and what is no hash, are no content's."""
    assert not is_of(hash, WEB)
    assert not is_of(content_hash(WEB).replace("1:", "2:", 1), WEB)


def test_a_newer_text_is_read_without_what_is_not_known() -> None:
    """A field that a newer version wrote is left out."""
    assert content_of(json.dumps({**plain(WEB), "gpu": {"count": 1}})) == WEB


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"image": 1}', '{"image": "a", "ports": [{"target": "x"}]}'])
def test_what_is_no_content_is_told(text: str) -> None:
    """A text that ``canonical`` did not make is refused with one kind of error."""
    with pytest.raises(ValueError, match=r"content|Expecting"):
        content_of(text)
