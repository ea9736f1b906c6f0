"""One app to many tenants at once, each with its own credentials."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from attrs import evolve
from sample_apps import app, task

from zona_core import Actor, Field, FieldKind, InvalidInput, LicenceLimit, Zona
from zona_core.domain.licences import COMMUNITY, Feature
from zona_core.usecases import _quota
from zona_core.usecases._distribute import Recipient
from zona_core.usecases._new_instance import NewInstance

APP = app("Shared", task("one"), task("two", "one"), fields=(Field(name="key", kind=FieldKind.SECRET, required=True),))


@pytest.fixture(params=["shared", "mssp"])
def zona(request: pytest.FixtureRequest) -> Iterator[Zona]:
    own = f"memory://{uuid.uuid4()}-{{tenant}}"
    with Zona(store="memory://", tenancy=request.param, tenant_store=own) as made:
        for code in ("acme", "bolt", "core-team"):
            made.system().tenants.add(code)
        made.tenant().apps.upsert(APP)
        yield made


def to(code: str, **instances: str) -> Recipient:
    made = [NewInstance(title=title, values={"key": key}) for title, key in instances.items()]
    return Recipient(tenant_code=code, instances={"Shared": made} if made else {})


def test_each_tenant_gets_the_app_with_credentials_of_its_own(zona: Zona) -> None:
    """The same app everywhere; the secrets are each tenant's."""
    report = zona.tenant().packages.distribute(["Shared"], [to("acme", Main="k-acme"), to("bolt", Main="k-bolt")])
    assert [each.failed for each in report] == [False, False]
    for code in ("acme", "bolt"):
        workspace = zona.tenant(code)
        assert [each.task_tag for each in workspace.tasks.list("Shared").items] == ["one", "two"]
        assert workspace.instances.get("Shared", "Main").values["key"].reveal() == f"k-{code}"
    assert zona.tenant("core-team").apps.list().items == []
    assert [each.instances[0].result for each in report] == ["created", "created"]


def test_a_new_version_keeps_what_was_connected(zona: Zona) -> None:
    """Distributed again: tasks are brought up to date, instances keep their secrets, values that are named are set."""
    source = zona.tenant()
    source.packages.distribute(["Shared"], [to("acme", Main="first"), to("bolt", Main="first")])
    source.apps.upsert(app("Shared", task("one"), task("three"), fields=APP.fields), app_id=1)
    report = source.packages.distribute(None, [to("acme"), to("bolt", Main="second")])
    assert [each.apps[0].tasks_retired for each in report] == [("two",), ("two",)]
    keys = [zona.tenant(code).instances.get("Shared", "Main").values["key"].reveal() for code in ("acme", "bolt")]
    assert keys == ["first", "second"]


def test_what_fails_in_one_tenant_does_not_keep_it_from_others(zona: Zona) -> None:
    """A tenant that is suspended or unknown, a value that does not fit: each is told with its code."""
    zona.system().tenants.suspend("acme")
    wrong = Recipient(tenant_code="bolt", instances={"Shared": [NewInstance(title="Main", values={"nokey": "x"})]})
    report = zona.tenant().packages.distribute(["Shared"], [to("acme"), to("nobody"), wrong, to("core-team", M="k")])
    assert [(each.error or {}).get("code") for each in report] == ["tenant_suspended", "tenant_unknown", None, None]
    assert [(each.result, (each.error or {}).get("code")) for each in report[2].instances] == [
        ("failed", "invalid_input")
    ]
    assert [each.failed for each in report] == [True, True, True, False]


def test_a_dry_run_changes_nothing(zona: Zona) -> None:
    """It tells what would become of the apps."""
    report = zona.tenant().packages.distribute(["Shared"], [to("acme", Main="k")], dry_run=True)
    assert (report[0].apps[0].result.value, report[0].apps[0].tasks_created) == ("created", 2)
    assert zona.tenant("acme").apps.list().items == []
    assert zona.tenant("acme").audit.search().items == []


def test_nobody_brings_apps_where_they_may_not_go(zona: Zona) -> None:
    """Entering, importing and connecting are each looked at, in each tenant; the own tenant is no target."""
    bound = Actor(name="eve", permissions=frozenset({"*"}), tenants=frozenset({"localhost", "acme"}))
    report = zona.tenant(actor=bound).packages.distribute(["Shared"], [to("acme"), to("bolt")])
    assert [(each.error or {}).get("code") for each in report] == [None, "wrong_tenant"]
    reader = Actor(name="rea", permissions=frozenset({"*:read"}))
    report = zona.tenant(actor=reader).packages.distribute(["Shared"], [to("bolt")])
    assert [each.failed for each in report] == [True]
    assert zona.tenant("bolt").apps.list().items == []
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().packages.distribute(["Shared"], [to("localhost")])
    assert caught.value.code == "own_tenant"


def test_it_is_a_feature_that_a_licence_may_lack(zona: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing is brought anywhere."""
    without = evolve(COMMUNITY, features=tuple(set(Feature) - {Feature.DISTRIBUTE}))
    monkeypatch.setattr(_quota, "COMMUNITY", without)
    with pytest.raises(LicenceLimit) as caught:
        zona.tenant().packages.distribute(["Shared"], [to("acme")])
    assert caught.value.code == "feature_not_licensed"
