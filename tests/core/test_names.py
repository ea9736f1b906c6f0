"""What a name means is looked up anew: nobody gets what had the name before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from zona_core import AppDefinition, NotFound, Zona


def test_a_name_goes_to_another_app(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """After an app was looked up by its title, it is deleted, and another one takes the title."""
    apps, tasks = zona.tenant().apps, zona.tenant().tasks
    first = apps.upsert(app_factory("Demo")).app
    assert apps.get("Demo").integration_id == first.integration_id
    old = tasks.get("Demo", "echo")
    apps.delete("Demo")
    with pytest.raises(NotFound):
        apps.get("Demo")
    second = apps.upsert(app_factory("Demo")).app
    assert apps.get("Demo").integration_id == second.integration_id != first.integration_id
    assert tasks.get("Demo", "echo").id != old.id


def test_apps_swap_their_names(zona: Zona, app_factory: Callable[..., AppDefinition]) -> None:
    """Each is found by the title that it has now, and only by that."""
    apps = zona.tenant().apps
    ids = {title: apps.upsert(app_factory(title)).app.integration_id for title in ("One", "Two")}
    for title, number in ids.items():
        assert apps.get(title).integration_id == number
    apps.upsert(app_factory("Between"), app_id=ids["One"])
    apps.upsert(app_factory("One"), app_id=ids["Two"])
    assert apps.get("One").integration_id == ids["Two"]
    assert apps.get("Between").integration_id == ids["One"]
    with pytest.raises(NotFound):
        apps.get("Two")
