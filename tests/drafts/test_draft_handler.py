"""The handler ``draft``: tasks that are there before their work is described."""

from __future__ import annotations

import pytest

from zona_core import AppDefinition, AppStatus, Field, InvalidInput, TaskDefinition, TaskFailed, Zona


def app(**changes: object) -> AppDefinition:
    task = {"name": "Later", "task_tag": "later", "task_handler": "draft", "status": AppStatus.DRAFT, **changes}
    return AppDefinition(title="Sketch", tasks=(TaskDefinition(**task),), handler_config={"draft": {}})


def test_a_draft_is_stored_with_whatever_is_known_of_its_work(zona: Zona) -> None:
    """The handler asks nothing of the configuration."""
    here = zona.tenant()
    here.apps.upsert(app(handler_config={"command": "x", "polling": True}))
    assert here.tasks.get("Sketch", "later").handler_config == {"command": "x", "polling": True}


@pytest.mark.parametrize("status", [AppStatus.ACTIVE, AppStatus.INACTIVE])
def test_a_task_with_no_work_stays_a_draft(zona: Zona, status: AppStatus) -> None:
    """It is refused in any other status, and the fault says what to do."""
    with pytest.raises(InvalidInput) as caught:
        zona.tenant().apps.upsert(app(status=status))
    assert [fault.path for fault in caught.value.faults] == ["tasks[0].status"]
    assert "task_handler" in caught.value.faults[0].expected


def test_a_draft_is_not_run(zona: Zona) -> None:
    """The core refuses it before any handler is asked."""
    here = zona.tenant()
    here.apps.upsert(app())
    with pytest.raises(InvalidInput) as caught:
        here.runs.run("Sketch", "later")
    assert caught.value.code == "not_active"


def test_an_instance_of_drafts_cannot_be_tested(zona: Zona) -> None:
    """Whoever tests it is told that the tasks are drafts."""
    here = zona.tenant()
    here.apps.upsert(app())
    here.instances.add("Sketch", title="main", values={})
    with pytest.raises(TaskFailed) as caught:
        here.instances.test("Sketch", "main")
    assert (caught.value.code, caught.value.retryable) == ("task_is_draft", False)


def test_a_draft_that_is_named_as_the_health_check_says_what_it_is(zona: Zona) -> None:
    """The only road on which the handler itself is asked to run."""
    here = zona.tenant()
    definition = app()
    definition = AppDefinition(title="Sketch", tasks=definition.tasks, health_check={"task": "later", "inputs": {}})
    here.apps.upsert(definition)
    here.instances.add("Sketch", title="main", values={})
    with pytest.raises(TaskFailed) as caught:
        here.instances.test("Sketch", "main")
    assert caught.value.code == "task_is_draft"
    assert "later" in caught.value.message


def test_a_described_draft_becomes_a_task_like_any_other(zona: Zona) -> None:
    """Another handler, its configuration and the status are all that it takes."""
    here = zona.tenant()
    here.apps.upsert(app(inputs=(Field(name="host"),)))
    described = TaskDefinition(
        name="Later",
        task_tag="later",
        task_handler="http",
        inputs=(Field(name="host"),),
        handler_config={
            "method": "GET",
            "path": "/hosts",
            "base_url": "https://api.example.com",
            "parameters": [{"in": "query", "name": "host", "value": "{{ input.host }}"}],
        },
    )
    assert here.tasks.upsert("Sketch", described).status is AppStatus.ACTIVE
