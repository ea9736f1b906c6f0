"""Who needs a task, and what becomes of them when it is deleted."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from zona_core import Actor, Conflict, NotFound, Workspace, Zona
from zona_core.domain.references import CaseIngestionConfig, DependentTask, TaskRef


@pytest.fixture
def chain(workspace: Workspace, app: Any, task: Any, needs: Any) -> Workspace:
    """Hosts/look ← Enrich/enrich (twice) ← Report/report, and Hosts/look ← Hosts/own."""
    ingesting = CaseIngestionConfig(dependent_tasks=(DependentTask(task=TaskRef(app="Hosts", task="look")),))
    enrich = task("enrich", case_ingestion_config=ingesting, ingest_cases=True, **needs("Hosts/look"))
    workspace.apps.upsert(app("Enrich", enrich))
    workspace.apps.upsert(app("Report", task("report", **needs("Enrich/enrich"))))
    workspace.tasks.upsert("Hosts", task("own", **needs("look")))
    return workspace


def told(workspace: Workspace, task: str) -> list[tuple[str, str, str, bool]]:
    found = workspace.tasks.dependents("Hosts", task).dependents
    return [(each.app, each.task_tag, each.kind.value, each.direct) for each in found]


def test_everybody_who_needs_it_is_told(chain: Workspace) -> None:
    """Across apps, by what for, first those who need it themselves; nobody twice for the same."""
    assert told(chain, "look") == [
        ("Enrich", "enrich", "case_ingestion", True),
        ("Enrich", "enrich", "task", True),
        ("Hosts", "own", "task", True),
        ("Report", "report", "task", False),
    ]
    found = chain.tasks.dependents("Hosts", "look")
    assert (found.can_delete, found.hidden, found.health_check) == (False, 0, False)
    assert chain.tasks.dependents("Hosts", "info").can_delete
    assert chain.tasks.dependents(None, chain.tasks.get("Hosts", "look").id) == found
    with pytest.raises(NotFound):
        chain.tasks.dependents(None, 99)


def test_of_those_that_may_not_be_read_there_is_the_number(chain: Workspace, zona: Zona) -> None:
    """Each task once, whatever it needs it for."""
    hosts = chain.apps.get("Hosts").integration_id
    actor = Actor(name="ann", permissions=frozenset({f"tasks:*@apps/{hosts}"}))
    narrow = zona.tenant(actor=actor)
    assert told(narrow, "look") == [("Hosts", "own", "task", True)]
    assert narrow.tasks.dependents("Hosts", "look").hidden == 2
    with pytest.raises(Conflict) as caught:
        narrow.tasks.delete("Hosts", "look")
    assert caught.value.details["hidden"] == 1
    assert "Enrich" not in str(caught.value.as_dict())


def test_deletion_is_refused_as_it_was_foretold(chain: Workspace) -> None:
    """With those who need it themselves; when they are gone, it goes."""
    with pytest.raises(Conflict) as caught:
        chain.tasks.delete("Hosts", "look")
    assert caught.value.code == "task_needed"
    assert caught.value.message == "Hosts/look is needed by Enrich/enrich and Hosts/own"
    assert {each["task_tag"] for each in caught.value.details["dependents"]} == {"enrich", "own"}
    chain.apps.delete("Report")
    chain.apps.delete("Enrich")
    assert not chain.tasks.dependents("Hosts", "look").can_delete
    chain.tasks.delete("Hosts", "own")
    assert chain.tasks.dependents("Hosts", "look").can_delete
    chain.tasks.delete(None, chain.tasks.get("Hosts", "look").id)
    with pytest.raises(NotFound):
        chain.tasks.get("Hosts", "look")


def test_forced_those_who_need_it_wait(chain: Workspace, task: Any) -> None:
    """For a task of its tag, and have it again when there is one."""
    chain.tasks.delete("Hosts", "look", force=True)
    assert [lack.task_tag for lack in chain.tasks.graph("Report").missing] == ["look", "look"]
    chain.tasks.upsert("Hosts", task())
    assert len(told(chain, "look")) == 4


def test_the_health_checks_task_is_kept(workspace: Workspace, app: Any, task: Any) -> None:
    """Alone it keeps the task; forced, the app has no health check any more, and both changes are in the trail."""
    before = workspace.apps.get("Hosts")
    probe = {"task": "info", "inputs": {"ip": "192.0.2.7"}}
    definition = app("Hosts", task(), task("info"), health_check=probe)
    workspace.apps.upsert(definition, app_id=before.integration_id)
    found = workspace.tasks.dependents("Hosts", "info")
    assert (found.can_delete, found.dependents, found.health_check) == (False, (), True)
    with pytest.raises(Conflict) as caught:
        workspace.tasks.delete("Hosts", "info")
    assert caught.value.message == "Hosts/info is needed by the health check of Hosts"
    assert caught.value.details["health_check"] is True
    assert workspace.apps.get("Hosts").health_check["task"] == "info"
    workspace.tasks.delete("Hosts", "look")
    workspace.tasks.delete("Hosts", "info", force=True)
    assert workspace.apps.get("Hosts").health_check == {}
    targets = [record.target for record in workspace.audit.search(action="tasks.delete").items]
    assert f"apps/{before.integration_id}" in targets
    assert workspace.audit.verify().intact
    workspace.apps.upsert(evolve(definition, health_check={}), app_id=before.integration_id)


def test_a_refused_deletion_changes_nothing(chain: Workspace) -> None:
    """Neither the task nor the trail nor the references."""
    before = (chain.tasks.get("Hosts", "look"), told(chain, "look"), chain.audit.verify().records)
    with pytest.raises(Conflict):
        chain.tasks.delete("Hosts", "look")
    assert (chain.tasks.get("Hosts", "look"), told(chain, "look"), chain.audit.verify().records) == before
