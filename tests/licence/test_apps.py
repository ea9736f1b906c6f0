"""Apps are counted, whichever way they come and go, with the instances that go with them."""

from __future__ import annotations

from typing import Any

import pytest

from zona_core import AppDefinition, DuplicateKey, LicenceLimit, Resource


def test_an_app_too_many_is_not_made(home: Any, vendor: Any, app_factory: Any) -> None:
    """Neither by hand nor by a plugin; what is there can be changed all the same."""
    home.licence.install(vendor.file(max_integrations=2))
    home.zona.system().tenants.add("acme")
    apps = home.zona.tenant("acme").apps
    first = apps.upsert(AppDefinition(title="One")).app
    for _ in range(3):
        with pytest.raises(DuplicateKey):
            apps.upsert(AppDefinition(title="One"))
    apps.install("demo")
    for making in (lambda: apps.upsert(AppDefinition(title="Three")), lambda: apps.upsert(app_factory("Four"))):
        with pytest.raises(LicenceLimit) as caught:
            making()
        assert (caught.value.code, caught.value.details["resource"]) == ("licence_limit", "integrations")
    apps.install("demo", update=True)
    apps.upsert(AppDefinition(title="One", description="changed"), app_id=first.integration_id)
    assert [app.title for app in apps.list().items] == ["Demo", "One"]
    assert home.counted == home.truth


def test_what_goes_with_an_app_counts_no_more(home: Any) -> None:
    """The app and all its instances, and nothing of other apps; once, however often it is asked for."""
    home.furnished("acme")
    workspace = home.zona.tenant("acme")
    workspace.apps.upsert(AppDefinition(title="Other"))
    for title in "abc":
        home.add("acme", title)
    workspace.instances.add("Other", title="a")
    home.remove("acme", "b")
    workspace.apps.delete("Demo")
    assert (home.used(Resource.INTEGRATIONS), home.used()) == (1, 1)
    workspace.apps.delete("Other")
    assert (home.used(Resource.INTEGRATIONS), home.used()) == (0, 0)
    assert home.database.quota_notes.all() == []
    home.licence.recount()
    assert home.counted == home.truth
