"""Options of a Kafka stream: what is right, what is wrong, and what they become."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import zona_kafka.plugin
from zona_core.domain.fields import FieldKind
from zona_core.domain.secrets import MASK, Secret
from zona_core.errors import NotInstalled
from zona_core.hookspecs import PluginDetails
from zona_kafka import _configuration
from zona_kafka._options import options_of
from zona_kafka.streams import KafkaStreams

FITTING: dict[str, Any] = {"brokers": ["kafka.example.com:9092"], "topic": "events"}
LOGIN = {"security": "sasl_ssl", "username": "zona", "password": Secret("s3cret")}


@pytest.mark.parametrize(
    "options",
    [
        FITTING,
        {**FITTING, "brokers": "10.0.0.1:9092, [2001:db8::1]:9092"},
        {**FITTING, **LOGIN},
        {**FITTING, "topic": "a.b_c-D9", "ca": None, "password": None},
    ],
)
def test_options_that_fit(options: dict[str, Any]) -> None:
    """Brokers may be a list or a text with commas; what is not needed may be absent."""
    assert KafkaStreams().faults(options) == []


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"brokers": []}, ["brokers"]),
        ({"brokers": ["kafka.example.com"]}, ["brokers[0]"]),
        ({"brokers": ["a:1", "b:0"]}, ["brokers[1]"]),
        ({"brokers": ["a:65536"]}, ["brokers[0]"]),
        ({"brokers": "a:1,ssl://b:1"}, ["brokers"]),
        ({"brokers": ["2001:db8::1:9092"]}, ["brokers[0]"]),
        ({"topic": "^.*"}, ["topic"]),
        ({"topic": ".."}, ["topic"]),
        ({"topic": ""}, ["topic"]),
        ({"topic": "x" * 250}, ["topic"]),
        ({"security": "sasl_ssl"}, ["username", "password"]),
        ({"security": "sasl_plaintext", "username": "zona"}, ["password"]),
        ({"ca": "no certificate"}, ["ca"]),
    ],
)
def test_options_that_do_not(changes: dict[str, Any], paths: list[str]) -> None:
    """Each fault names its option."""
    assert [fault.path for fault in KafkaStreams().faults({**FITTING, **changes})] == paths


def test_every_option_is_documented() -> None:
    """Each in the page's table, in order, with its default where it is a plain one."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "streams.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (`.*?) \| (.*?) \|", page.partition("## Kafka: options")[2].partition("\n\n|")[2], re.MULTILINE
    )
    told = {name: default.strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    known = {each.name: each.default for each in KafkaStreams().options}
    assert list(told)[: len(known)] == list(known)
    plain = {name: default for name, default in known.items() if default is not None}
    assert {name: told[name] for name in plain} == {
        name: str(default).lower() if isinstance(default, bool) else default for name, default in plain.items()
    }


def test_a_fault_of_a_broker_does_not_repeat_it() -> None:
    """Somebody may have put a password into an address."""
    (fault,) = KafkaStreams().faults({**FITTING, "brokers": ["zona:hunter2@kafka:9092"]})
    assert "hunter2" not in str(fault)


def test_brokers_are_hosts_and_ports() -> None:
    """Brackets around an IPv6 address are no part of it."""
    assert options_of({**FITTING, "brokers": "a:1,[::1]:2"}).brokers == (("a", 1), ("::1", 2))


def test_the_password_is_a_secret_that_nothing_shows() -> None:
    """Not the options' repr; and texts of others are shown without it."""
    assert [each.name for each in KafkaStreams().options if each.kind is FieldKind.SECRET] == ["password"]
    options = options_of({**FITTING, **LOGIN})
    assert "s3cret" not in repr(options)
    assert options.hidden("login of zona with s3cret failed") == f"login of zona with {MASK} failed"


def test_a_login_is_for_brokers_that_ask_for_one() -> None:
    """Without SASL neither name nor password leaves the options."""
    options = options_of({**FITTING, **LOGIN, "security": "ssl"})
    made = _configuration.for_writing(options, "a:1") | options.login()
    assert not [name for name in made if name.startswith("sasl")]


def test_without_the_library_the_plugin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the plugin needs no driver; its streams do."""
    for name in [name for name in sys.modules if name.startswith("zona_kafka.") and name != "zona_kafka.plugin"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    factory = zona_kafka.plugin.zona_streams(PluginDetails(version="1"))["kafka"]
    with pytest.raises(NotInstalled) as caught:
        factory()
    assert "extra kafka" in caught.value.hint
