"""The app and the playbooks whose runs are disturbed, and which steps a run of each has recorded at its end."""

from __future__ import annotations

from typing import Any, Final

from attrs import define

from zona_core import AppDefinition, Field, FieldKind, RetryPolicy, RunStatus, TaskDefinition, Workspace
from zona_core.domain.playbooks import Approval, OnError, PlaybookDefinition, Step, StepRetry, StepTask

__all__ = ["HANGS", "SHAPES", "Shape", "prepare"]

APP: Final = "Chaos"
ITEMS: Final = tuple(range(5))
#: begun to be cancelled: their handler does not end by itself, or they wait for an hour
HANGS: Final = ("hang", "sleep")


@define(frozen=True, kw_only=True)
class Shape:
    """A kind of run."""

    playbook: PlaybookDefinition
    #: how a run of it ends
    status: RunStatus
    #: steps and items that are recorded then: ``lookup``, ``lookup[3]``
    keys: frozenset[str]


def call(name: str, *, flaky: bool = False, hangs: bool = False, index: bool = False, **more: Any) -> Step:
    """A step that calls the handler, which is told where it is in the run."""
    key = f"{name}[{{{{ index }}}}]" if index else name
    inputs = {"run": "{{ run.id }}", "key": key, "flaky": flaky, "hangs": hangs}
    retry = StepRetry(attempts=9, initial=0.02, maximum=0.2)
    return Step(name=name, task=StepTask(app=APP, task="work"), inputs=inputs, retry=retry, **more)


def _shape(title: str, *steps: Step, keys: str, status: RunStatus = RunStatus.SUCCESS) -> tuple[str, Shape]:
    playbook = PlaybookDefinition(title=title, steps=steps)
    return title, Shape(playbook=playbook, status=status, keys=frozenset(keys.split()))


SHAPES: Final[dict[str, Shape]] = dict(
    [
        _shape("chain", *map(call, ("a", "b", "c", "d")), keys="a b c d"),
        _shape(
            "diamond",
            call("a"),
            *(call(name, after=("a",)) for name in ("b", "c", "d")),
            call("e", after=("b", "c", "d")),
            keys="a b c d e",
        ),
        _shape(
            "each",
            Step(name="list", set={"items": list(ITEMS)}),
            call("each", index=True, for_each="steps.list.outputs.items", concurrency=3),
            call("last"),
            keys="list each last " + " ".join(f"each[{at}]" for at in ITEMS),
        ),
        _shape("retry", call("a", flaky=True), call("b", flaky=True), call("c"), keys="a b c"),
        _shape(
            "wait",
            call("a"),
            Step(name="short", wait=0.3),
            call("b"),
            Step(name="long", wait=3),
            call("c"),
            keys="a short b long c",
        ),
        _shape(
            "approval",
            call("a"),
            Step(name="ask", approval=Approval(message="Go on with {{ run.id }}?")),
            call("b"),
            keys="a ask b",
        ),
        _shape("sub", call("a"), Step(name="inner", playbook="chain"), call("b"), keys="a inner b"),
        _shape(
            "cleanup",
            call("a"),
            Step(name="fails", wait="no number", on_error=OnError.FAIL),
            call("skipped"),
            call("clean", after=("fails:end",)),
            keys="a fails clean",
            status=RunStatus.FAILURE,
        ),
    ]
)

_CANCELLED: Final = (
    PlaybookDefinition(title="hang", steps=(call("a", hangs=True), call("never"))),
    PlaybookDefinition(title="sleep", steps=(Step(name="long", wait=3_600), call("never"))),
)


def prepare(work: Workspace) -> None:
    """Stores the app and the playbooks."""
    fields = [Field(name="run", required=True), Field(name="key", required=True)]
    fields += [Field(name=name, kind=FieldKind.BOOLEAN, default=False) for name in ("flaky", "hangs")]
    task = TaskDefinition(
        name="Work",
        task_tag="work",
        task_handler="chaos",
        inputs=tuple(fields),
        error_handling=RetryPolicy(attempts=1),
        timeout=60,
    )
    work.apps.upsert(AppDefinition(title=APP, tasks=(task,)))
    for playbook in (*(shape.playbook for shape in SHAPES.values()), *_CANCELLED):
        work.playbooks.save(playbook)
