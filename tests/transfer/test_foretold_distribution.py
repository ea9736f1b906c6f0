"""A dry run of a distribution tells all that the distribution itself then does, and changes nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from sample_apps import app, task
from sample_playbooks import playbook

from zona_core import Actor, Field, FieldKind, TaskDefinition, Zona, as_data
from zona_core.domain.licences import COMMUNITY
from zona_core.persistence.collections import COUNTERS, KINDS
from zona_core.persistence.tenancy import tenant_collection
from zona_core.usecases import _quota
from zona_core.usecases._area import TenantContext
from zona_core.usecases._distribute import Recipient, TenantDistribution
from zona_core.usecases._new_instance import NewInstance

KEY = Field(name="key", kind=FieldKind.SECRET, required=True)
CANARY = "canary-0123456789"


def secretive(definition: TaskDefinition) -> TaskDefinition:
    """The task with a secret written into it."""
    header = {"name": "Authorization", "in": "header", "value": f"Bearer {CANARY}"}
    return evolve(definition, handler_config={**definition.handler_config, "parameters": [header]})


@pytest.fixture(params=["shared", "mssp"])
def zona(request: pytest.FixtureRequest) -> Iterator[Zona]:
    """Tenants, and in the first one the apps Shared and More, of which one has a secret written into it."""
    own = f"memory://{uuid.uuid4()}-{{tenant}}"
    with Zona(store="memory://", tenancy=request.param, tenant_store=own) as made:
        for code in ("acme", "bolt"):
            made.system().tenants.add(code)
        source = made.tenant()
        source.apps.upsert(app("Shared", task("one"), task("two", "one"), fields=(KEY,)))
        source.apps.upsert(app("More", secretive(task("get"))))
        yield made


def connected(code: str, *wanted: NewInstance, **others: list[NewInstance]) -> Recipient:
    """A tenant that is to get these instances of Shared, and others by their app's title."""
    return Recipient(tenant_code=code, instances={"Shared": wanted, **others})


def new(title: str = "Main", **values: Any) -> NewInstance:
    return NewInstance(title=title, values=values)


def stored(zona: Zona, *codes: str) -> dict[str, Any]:
    """All that is in the tenants, and how many ids they were given."""
    database = zona._parts.database
    counters = database.store.collection(COUNTERS.spec).find({}, limit=1_000).items
    found: dict[str, Any] = {"ids": [each for each in counters if each["_id"].partition("/")[0] in codes]}
    for code in codes:
        store = database.tenant(code).store
        for spec in (kind.spec for kind in KINDS if not kind.core):
            found[f"{code}/{spec.name}"] = tenant_collection(store, spec, code).find({}, limit=1_000).items
    return found


def told(report: list[TenantDistribution]) -> Any:
    """The report without the ids of new apps, which are not given before there are any."""
    data = as_data(report)
    for tenant in data:
        for each in tenant["apps"]:
            if each["result"] in ("created", "renamed"):
                del each["integration_id"]
    return data


def foretold(zona: Zona, to: list[Recipient], apps: Any = None, actor: Actor | None = None, **options: Any) -> Any:
    """What a dry run tells, which changes nothing and is what is then done."""
    here = zona.tenant(actor=actor) if actor else zona.tenant()
    before = stored(zona, "acme", "bolt")
    dry = told(here.packages.distribute(apps, to, dry_run=True, **options))
    assert stored(zona, "acme", "bolt") == before
    assert told(here.packages.distribute(apps, to, **options)) == dry
    assert CANARY not in json.dumps(dry)
    return dry


def results(tenant: Any) -> list[str]:
    return [each["result"] for each in (*tenant["apps"], *tenant["instances"])]


def test_new_apps_and_their_instances(zona: Zona) -> None:
    """Those that would be made, in each tenant; one that is named twice is made and then changed."""
    wanted = (new(key="k"), new("Other", key="k"), new(key="l"))
    acme, bolt = foretold(zona, [connected("acme", *wanted), connected("bolt")])
    assert results(acme) == ["created", "created", "created", "created", "updated"]
    assert results(bolt) == ["created", "created"]
    assert zona.tenant("acme").instances.get("Shared", "Main").values["key"].reveal() == "l"


def test_playbooks_of_apps(zona: Zona) -> None:
    """They come with their app, and are what it says there; one that runs what is not brought is a draft."""
    source = zona.tenant()
    source.playbooks.save(playbook("P", "Shared", "Shared/one"))
    source.playbooks.save(playbook("Q", "Shared", "More/get"))
    [acme] = foretold(zona, [connected("acme")], ["Shared"])
    assert (acme["apps"][0]["playbooks_created"], [each["title"] for each in acme["apps"][0]["drafts"]]) == (2, ["Q"])
    source.playbooks.remove("P")
    [acme, bolt] = foretold(zona, [connected("acme"), connected("bolt")])
    assert (acme["apps"][1]["playbooks_removed"], acme["apps"][1]["playbooks_updated"]) == (["P"], 1)
    assert (bolt["apps"][1]["playbooks_created"], bolt["apps"][1]["drafts"]) == (1, [])
    for code in ("acme", "bolt"):
        statuses = {each.title: each.status.value for each in zona.tenant(code).playbooks.list(app="Shared").items}
        assert statuses == {"Q": "active"}


def test_secrets_that_stay_behind(zona: Zona) -> None:
    """Their places, for each tenant that gets anything."""
    zona.system().tenants.suspend("bolt")
    acme, bolt = foretold(zona, [connected("acme"), connected("bolt")])
    [lack] = acme["left_out"]
    assert lack["path"].startswith("More/get: ")
    assert "secret" in lack["message"]
    assert acme["more_left_out"] == 0
    assert (bolt["left_out"], bolt["error"]["code"]) == ([], "tenant_suspended")


def test_of_many_secrets_the_first_are_told(zona: Zona) -> None:
    """And how many more there are."""
    many = (secretive(task(f"t{number}")) for number in range(130))
    zona.tenant().apps.upsert(app("Many", *many))
    [acme] = foretold(zona, [connected("acme")], ["Many"])
    assert (len(acme["left_out"]), acme["more_left_out"]) == (100, 30)


def test_instances_that_are_there(zona: Zona) -> None:
    """They are fitted to the new fields first, as the values that are named are checked against these."""
    wide = (KEY, Field(name="site"))
    zona.tenant("acme").apps.upsert(app("Shared", task("one"), fields=wide))
    zona.tenant("acme").instances.add("Shared", title="Main", values={"key": "k", "site": "x"})
    renamed = Field(name="place", renamed_from="site")
    zona.tenant().apps.upsert(app("Shared", task("one"), fields=(KEY, Field(name="site"))), app_id=1)
    zona.tenant().apps.upsert(app("Shared", task("one"), fields=(KEY, renamed)), app_id=1)
    [acme] = foretold(zona, [connected("acme", new(place="y"), new("Bad", site="z", key="k"))], ["Shared"])
    assert results(acme) == ["overwritten", "updated", "failed"]
    [again] = foretold(zona, [connected("acme", new(place="y"))], ["Shared"])
    assert results(again) == ["unchanged", "updated"]


@pytest.mark.parametrize("on_conflict", ["skip", "overwrite", "rename"])
def test_titles_that_are_taken(zona: Zona, on_conflict: str) -> None:
    """Instances go to the app as it is stored, and to other apps that are there or not."""
    zona.tenant("acme").apps.upsert(app("Shared", task("old"), fields=(KEY,)))
    zona.tenant("acme").apps.upsert(app("There", task("one")))
    to = connected("acme", new(key="k"), There=[new("Second")], Nowhere=[new("Third")])
    [acme] = foretold(zona, [to], ["Shared"], on_conflict=on_conflict)
    assert results(acme)[1:] == ["created", "created", "failed"]
    assert acme["instances"][2]["error"]["code"] == "not_found"


def test_what_fails(zona: Zona) -> None:
    """A value that does not fit, a credential that is not there, a title that is taken by one that is not shown."""
    zona.tenant("acme").apps.upsert(app("There", task("one")))
    zona.tenant("acme").instances.add("There", title="Hidden")
    wrong = [new(nokey="x"), evolve(new("Second", key="k"), credential="none"), new("", key="k")]
    [acme] = foretold(zona, [connected("acme", *wrong)])
    assert [each["error"]["code"] for each in acme["instances"]] == ["invalid_input", "not_found", "invalid_input"]
    actor = Actor(
        name="ann", permissions=frozenset({"apps:*", "tasks:*", "instances:write", "instances:read@instances/99"})
    )
    [acme] = foretold(zona, [connected("acme", There=[new("Hidden")])], ["Shared"], actor)
    assert [each["error"]["code"] for each in acme["instances"]] == ["duplicate"]


def test_who_may_not(zona: Zona) -> None:
    """Importing without making instances, and reading alone."""
    importer = Actor(name="ann", permissions=frozenset({"apps:*", "tasks:*"}))
    [acme] = foretold(zona, [connected("acme", new(key="k"))], ["Shared"], importer)
    assert results(acme) == ["created", "failed"]
    reader = Actor(name="rea", permissions=frozenset({"*:read"}))
    [bolt] = foretold(zona, [connected("bolt", new(key="k"))], ["Shared"], reader)
    assert results(bolt) in (["failed", "failed"], [])


@pytest.mark.parametrize(
    ("integrations", "instances", "expected"),
    [
        (4, 2, ["created", "created", "created", "failed"]),
        (3, 9, ["created", "failed", "failed", "failed"]),
        (4, 0, ["created", "created", "failed", "failed"]),
    ],
)
def test_what_a_licence_has_no_room_for(
    zona: Zona, monkeypatch: pytest.MonkeyPatch, integrations: int, instances: int, expected: list[str]
) -> None:
    """What one tenant would take is taken when the next one is looked at."""
    held = {each.resource.value: each.used for each in zona.system().licence.usage()}
    limits = {"max_integrations": held["integrations"] + integrations, "max_instances": held["instances"] + instances}
    monkeypatch.setattr(_quota, "COMMUNITY", evolve(COMMUNITY, **limits))
    to = [connected("acme", new(key="k")), connected("bolt", new(key="k"), new("Other", key="k"))]
    here = zona.tenant().packages
    dry, done = (as_data(here.distribute(None, to, dry_run=each)) for each in (True, False))
    assert [results(each) for each in dry] == [results(each) for each in done]
    assert results(dry[1]) == expected
    codes = [[(each["error"] or {}).get("code") for each in (*tenant["apps"], *tenant["instances"])] for tenant in dry]
    assert codes == [
        [(each["error"] or {}).get("code") for each in (*tenant["apps"], *tenant["instances"])] for tenant in done
    ]


def test_it_does_not_matter_how_long_it_takes(zona: Zona, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenant's status is looked at again now and then, and what was foreseen stays so."""
    monkeypatch.setattr(TenantContext, "BELIEF", 0.0)
    [acme] = foretold(zona, [connected("acme", new(key="k"))], ["Shared"])
    assert results(acme) == ["created", "created"]
