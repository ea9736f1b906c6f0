"""The graph of an app's tasks: what they need, in which order, and as a picture."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from zona_core import Actor, AppDefinition, AppStatus, NotFound, Workspace, Zona
from zona_core.domain.references import CaseIngestionConfig, DependencyKind, TaskRef
from zona_core.domain.task_graphs import MissingNeed, TaskEdge, TaskGraph, TaskNode, mermaid, task_graph
from zona_core.usecases.tasks import PictureFormat


@pytest.fixture
def web(workspace: Workspace, app: Any, task: Any, needs: Any) -> Workspace:
    """Base/base → Mid/mid → Main/b → Main/a → After/after; Main/b waits, and Base and After have a task more."""
    workspace.apps.upsert(app("Base", task("base"), task("apart")))
    workspace.apps.upsert(app("Mid", task("mid", **needs("Base/base"))))
    events = CaseIngestionConfig(events_api=TaskRef(app="Mid", task="mid"))
    second = task("b", execution_order=1, ingest_cases=True, case_ingestion_config=events)
    first = task("a", execution_order=2, **needs("b"))
    alone = task("alone", execution_order=3, status=AppStatus.DRAFT)
    workspace.apps.upsert(app("Main", first, second, alone))
    workspace.apps.upsert(app("After", task("after", **needs("Main/a", "apart")), task("apart")))
    return workspace


def names(graph: TaskGraph) -> list[str]:
    return [f"{node.app}/{node.task_tag}" for node in graph.nodes]


def edges(graph: TaskGraph) -> set[tuple[str, str, str]]:
    tags = {node.task_id: node.task_tag for node in graph.nodes}
    return {(tags[edge.needed], tags[edge.needing], edge.kind.value) for edge in graph.edges}


def test_the_graph_has_what_is_needed_and_who_needs_it(web: Workspace) -> None:
    """By whatever way upwards, one step downwards, and nothing that has no part in it; each after what it needs."""
    graph = web.tasks.graph("Main")
    assert (graph.title, graph.hidden, graph.missing) == ("Main", 0, ())
    assert names(graph) == ["Main/alone", "Base/base", "Mid/mid", "Main/b", "Main/a", "After/after"]
    assert edges(graph) == {
        ("base", "mid", "task"), ("mid", "b", "events_api"), ("b", "a", "task"), ("a", "after", "task"),
    }  # fmt: skip
    tags = {node.task_id: node.task_tag for node in graph.nodes}
    layers = [[tags[key] for key in layer] for layer in graph.generations]
    assert layers == [["alone", "base"], ["mid"], ["b"], ["a"], ["after"]]
    assert [node.task_tag for node in graph.nodes if node.own] == ["alone", "b", "a"]
    assert names(web.tasks.graph("Base")) == ["Base/base", "Base/apart", "Mid/mid"]
    with pytest.raises(NotFound):
        web.tasks.graph("Nowhere")


def test_what_is_missing_is_told(web: Workspace) -> None:
    """For the app's tasks and for what they need."""
    web.apps.delete("Base", force=True)
    graph = web.tasks.graph("Main")
    mid = next(node for node in graph.nodes if node.task_tag == "mid")
    assert graph.missing == (MissingNeed(app="Base", task_tag="base", needing=mid.task_id, kind=DependencyKind.TASK),)
    assert "Base/base" not in names(graph)
    assert "Base/base is missing" in mermaid(graph)


def test_what_may_not_be_read_is_left_out_and_counted(web: Workspace, zona: Zona) -> None:
    """Another app's tasks, and single tasks of the app itself."""
    main = web.apps.get("Main").integration_id
    b = web.tasks.get("Main", "b").id
    shown = {
        f"tasks:read@apps/{main}": (["Main/alone", "Main/b", "Main/a"], 2),
        f"tasks:read@tasks/{b}": (["Main/b"], 3),
    }
    for permission, expected in shown.items():
        narrow = zona.tenant(actor=Actor(name="ann", permissions=frozenset({permission})))
        graph = narrow.tasks.graph("Main")
        assert (sorted(names(graph)), graph.hidden) == (sorted(expected[0]), expected[1])
        assert b"base" not in narrow.tasks.picture("Main")


def test_mermaid_shows_every_task_and_edge_once(web: Workspace) -> None:
    """Tasks stand within their apps; an edge that is not the usual one says what for."""
    text = mermaid(web.tasks.graph("Main"))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "graph LR"
    assert len([line for line in lines if line.startswith("subgraph")]) == lines.count("end") == 4
    assert len([line for line in lines if re.fullmatch(r't\d+\["[^"]+"\]', line)]) == 6
    assert len([line for line in lines if re.fullmatch(r"t\d+ -->(\|events api\|)? t\d+", line)]) == 4
    assert 'alone (draft)"]'.replace("(", "#40;").replace(")", "#41;") in text


@pytest.mark.parametrize("text", ['"];click t1 call()', "<script>", "`x` %%{init}%%", "a\nend", "#quot;", "é 漢-_./"])
def test_texts_are_no_syntax_in_mermaid(text: str) -> None:
    """Whatever a title is, the text has as many lines and marks as with a plain one."""

    def drawn(title: str) -> str:
        node = TaskNode(
            task_id=1, integration_id=1, app=title, task_tag="t", name="t", status=AppStatus.ACTIVE, own=True
        )
        lack = MissingNeed(app=title, task_tag=title, needing=1, kind=DependencyKind.TASK)
        return mermaid(task_graph(1, title, nodes=[node], edges=[], missing=[lack], hidden=0))

    escaped = re.sub(r"#\d+;|é|漢", "", drawn(text))
    assert escaped.count("\n") == drawn("x").count("\n")
    assert set(re.findall(r"[^\w\s]", escaped)) <= set(re.findall(r"[^\w\s]", drawn("x"))) | set("-_./")
    shown = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), drawn(text))
    assert shown.count(text) == 3


def test_edges_given_twice_count_once() -> None:
    """Two references of one task to another, for the same, are one edge."""
    nodes = [
        TaskNode(task_id=key, integration_id=1, app="A", task_tag=str(key), name="", status=AppStatus.ACTIVE, own=True)
        for key in (2, 1)
    ]
    edge = TaskEdge(needed=1, needing=2, kind=DependencyKind.TASK)
    graph = task_graph(1, "A", nodes=nodes, edges=[edge, edge], missing=[], hidden=0)
    assert (graph.edges, graph.generations) == ((edge,), ((1,), (2,)))


def test_pictures_are_drawn(web: Workspace) -> None:
    """SVG with every tag in it, and PNG; the same graph gives the same bytes, an app without tasks a picture, too."""
    svg = web.tasks.picture("Main")
    shown = "".join(ElementTree.fromstring(svg).itertext())
    for node in web.tasks.graph("Main").nodes:
        assert node.task_tag in shown
    assert web.tasks.picture("Main") == svg
    assert web.tasks.picture("Main", format=PictureFormat.PNG).startswith(b"\x89PNG")
    web.apps.upsert(AppDefinition(title="Empty"))
    for form in PictureFormat:
        assert web.tasks.picture("Empty", format=form)
