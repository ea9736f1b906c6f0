"""What the URL of a queue says, and what is wrong with others."""

from __future__ import annotations

import pytest

from zona_core import ConfigurationError, Zona
from zona_huey._location import Location


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("huey:redis://host", {"addresses": (("host", 6379),), "tls": False, "name": "zona", "timeout": 0.5}),
        ("huey:redis://host:7000/3?name=other&timeout=2", {"database": 3, "name": "other", "timeout": 2.0}),
        ("huey:redis://[::1]:7000/", {"addresses": (("::1", 7000),), "shown": "[::1]:7000"}),
        ("huey:rediss://us%40er:p%2Fw@host", {"tls": True, "username": "us@er", "password": "p/w"}),
        ("huey:redis://:pw@host", {"username": None, "password": "pw"}),
        (
            "huey:redis+sentinel://a,b:27000/1/main",
            {"addresses": (("a", 26379), ("b", 27000)), "database": 1, "service": "main", "shown": "a:26379, b:27000"},
        ),
    ],
)
def test_what_a_url_says(url: str, parts: dict[str, object]) -> None:
    """Every part, with the defaults of those that are left out."""
    location = Location.parsed(url)
    assert {name: getattr(location, name) for name in parts} == parts


@pytest.mark.parametrize(
    ("url", "paths"),
    [
        ("huey:", [""]),
        ("huey:http://host", [""]),
        ("huey:redis+cluster://host", [""]),
        ("huey:redis://", [""]),
        ("huey:redis://host:0", [""]),
        ("huey:redis://host:65536", [""]),
        ("huey:redis://a,b", [""]),
        ("huey:redis://host/x", [""]),
        ("huey:redis://host/0/main", [""]),
        ("huey:redis+sentinel://host/0", [""]),
        ("huey:redis://canary@host", [""]),
        ("huey:redis://user:can/ary@host", [""]),
        ("huey:redis://host?name=a-b", ["name"]),
        ("huey:redis://host?name=", ["name"]),
        ("huey:redis://host?timeout=0&name=é", ["name", "timeout"]),
        ("huey:redis://host?timeout=nan", ["timeout"]),
        ("huey:redis://host?timeout=1&timeout=2&canary=3", ["timeout", "canary"]),
    ],
)
def test_what_is_wrong_with_a_url(url: str, paths: list[str]) -> None:
    """Every fault is named, and nothing that may be a part of a password."""
    with pytest.raises(ConfigurationError) as raised:
        Location.parsed(url)
    assert [fault.path for fault in raised.value.faults] == paths
    assert "ary@" not in str([raised.value, *raised.value.faults])


def test_the_setting_opens_it() -> None:
    """The executor's URL is the setting; it connects to nothing, and its password is not shown."""
    with Zona(store="memory://", executor="huey:redis://:canary@127.0.0.1:1") as zona:
        assert not zona._parts.executor.runs_here
        assert "canary" not in repr(zona.settings) + repr(zona._parts.executor) + repr(
            Location.parsed(zona.settings.executor)
        )


def test_a_faulty_setting_is_refused() -> None:
    """The first run says what is wrong with it."""
    with Zona(store="memory://", executor="huey:ftp://host") as zona, pytest.raises(ConfigurationError):
        zona.work()
