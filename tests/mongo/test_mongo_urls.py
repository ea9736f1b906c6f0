"""URLs of the MongoDB store: what they say, what is wrong with them, and that no password gets out."""

from __future__ import annotations

import traceback
from urllib.parse import parse_qs, urlsplit

import pytest

from zona_core.errors import ConfigurationError, StoreUnavailable
from zona_core.hookspecs import PluginDetails
from zona_mongo._location import Location
from zona_mongo.plugin import zona_store_adapters
from zona_mongo.store import MongoStore


def options_of(url: str) -> dict[str, str]:
    """The options of the connection string that the driver is given."""
    query = urlsplit(Location.parsed(url).servers).query
    return {name: values[-1] for name, values in parse_qs(query).items()}


def test_a_url_names_servers_and_database() -> None:
    """The database is the path, zona if there is none; servers are shown without user and options."""
    given = Location.parsed("mongodb://me:pass@a:1,b:2/tenant_1?replicaSet=rs0")
    assert (given.database, given.shown) == ("tenant_1", "mongodb://a:1,b:2/tenant_1")
    assert Location.parsed("mongodb://a").database == "zona"
    assert Location.parsed("mongodb://a/?replicaSet=x").database == "zona"
    assert Location.parsed("mongodb+srv://a.example.com/b").shown == "mongodb+srv://a.example.com/b"


def test_databases_of_the_same_servers_share_a_connection_string() -> None:
    """What differs in the database alone differs in nothing that a client sees."""
    first, second = (Location.parsed(f"mongodb://me:pass@a/{name}?authSource=admin") for name in ("x", "y"))
    assert first.servers == second.servers


def test_a_user_is_looked_for_where_the_driver_would_look() -> None:
    """In the database of the path, unless the URL says where, or DNS does."""
    assert options_of("mongodb://me:pass@a/x")["authSource"] == "x"
    assert options_of("mongodb://me:pass@a/x?authSource=y")["authSource"] == "y"
    assert "authSource" not in options_of("mongodb://me:pass@a")
    assert "authSource" not in options_of("mongodb+srv://me:pass@a.example.com/x")
    assert "authSource" not in options_of("mongodb://CN%3Dme@a/x?authMechanism=MONGODB-X509")


def test_times_can_be_set() -> None:
    """Patience has defaults of a few seconds, and the URL may say otherwise; a majority it may not."""
    assert options_of("mongodb://a")["serverSelectionTimeoutMS"] == "5000"
    chosen = options_of("mongodb://a/?serverSelectionTimeoutMS=700&sockettimeoutms=900&w=majority")
    assert (chosen["serverSelectionTimeoutMS"], chosen["sockettimeoutms"], chosen["w"]) == ("700", "900", "majority")
    assert "socketTimeoutMS" not in chosen
    assert chosen["readConcernLevel"] == "majority"


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        "sqlite:///a",
        "mongodb://a/admin",
        "mongodb://a/x.y",
        "mongodb://a/x%20y",
        "mongodb://a/" + "x" * 64,
        "mongodb://a/x?w=1",
        "mongodb://a/x?readPreference=secondary",
        "mongodb://a/x?readConcernLevel=local",
        "mongodb://a/x?retryWrites=false",
        "mongodb://a/x?journal=false",
        "mongodb://a/x?replicaSet=b&replicaSet=c",
        "mongodb://a:port/x",
        "mongodb://a/x?socketTimeoutMS=soon",
        "mongodb://me:hunter2@@a/x",
        "mongodb://me:hunter2:3@a/x",
        "mongodb://me:hun/ter2@a/x",
        "mongodb://me:hunter2@a:99999/x",
    ],
)
def test_an_unfit_url_is_refused(url: str) -> None:
    """What cannot be used is told with what would be right, and without the password or a part of it."""
    with pytest.raises(ConfigurationError) as caught:
        MongoStore(url)
    assert caught.value.faults
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.as_dict())
    told = shown.replace(repr(url), "")
    assert "hunter2" not in told
    assert "ter2" not in told


def test_no_password_is_shown() -> None:
    """Neither the store nor the error of a call shows user, password or options, not even in what caused it."""
    url = "mongodb://someone:hunter2@127.0.0.1:9/x?serverSelectionTimeoutMS=50&tlsCertificateKeyFilePassword=hunter2"
    store = MongoStore(url)
    with pytest.raises(StoreUnavailable) as caught:
        store.ping()
    shown = f"{store!r} {store._link.location!r} {caught.value.as_dict()!r} {caught.value.__cause__!r}"
    assert "127.0.0.1:9/x" in shown
    assert "hunter2" not in shown
    assert "someone" not in shown
    store.close()


def test_the_plugin_gives_both_schemes() -> None:
    """Stores are found by the schemes of MongoDB's own connection strings, and opening waits for no server."""
    factories = zona_store_adapters(PluginDetails(version="1"))
    assert sorted(factories) == ["mongodb", "mongodb+srv"]
    for scheme in factories:
        factories[scheme](f"{scheme}://nowhere.invalid/x").close()
