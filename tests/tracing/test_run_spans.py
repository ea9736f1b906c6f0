"""Runs as OpenTelemetry spans: what is told, and what is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import evolve

from zona_core import AppDefinition, ConfigurationError, RunStatus, TaskFailed, Zona
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.playbooks import PlaybookDefinition, Step, StepRetry, StepTask

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from zona_tracing._spans import RunSpans

CANARY = "c4nary-s3cret-value"


@pytest.fixture
def zona(plugin: Any, app_factory: Callable[..., AppDefinition]) -> Iterator[Zona]:
    """A Zona with the app Demo, whose task ``echo`` fails with what it is told to."""

    def function(call: Any) -> dict[str, Any]:
        if call.inputs["text"] == "flaky" and call.attempt < 2:
            raise TaskFailed(f"the remote said {CANARY} <{call.inputs['text']}>", code="remote_away", retryable=True)
        if call.inputs["text"] == "bad":
            raise TaskFailed("the remote said no", code="refused")
        return {"told": call.connection.values["api_key"].reveal(), "result": "r3sult"}

    plugin.handler.functions["echo"] = function
    with Zona(store="memory://", plugins={"function": plugin}, workers=4) as zona:
        zona.tenant().apps.upsert(app_factory())
        zona.tenant().instances.add("Demo", title="main", values={"api_key": CANARY})
        yield zona


@pytest.fixture
def exported(zona: Zona) -> InMemorySpanExporter:
    """Where the Zona's spans arrive."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    zona.observe(RunSpans("1.2.3", provider))
    return exporter


def step(name: str, text: str, **more: Any) -> Step:
    return Step(name=name, task=StepTask(app="Demo", task="echo"), inputs={"text": text}, **more)


def spans_of(zona: Zona, exporter: InMemorySpanExporter) -> tuple[ReadableSpan, ...]:
    """All spans: whoever waits for a run is told of its end before observers are."""
    zona.close()
    return exporter.get_finished_spans()


def test_a_run_is_a_span_and_its_steps_are_below_it(zona: Zona, exported: InMemorySpanExporter) -> None:
    """One trace for one run: steps below the run, items below their step, attempts as events, times as recorded."""
    work = zona.tenant()
    ip = Field(name="ip", kind=FieldKind.SECRET)
    steps = (
        step("flaky", "flaky", retry=StepRetry(attempts=3, initial=0.01)),
        step("each", "{{ item }}", for_each=["a", "b"]),
        step("bad", "bad"),
        step("never", "x"),
    )
    work.playbooks.save(PlaybookDefinition(title="Enrich", inputs=(ip,), steps=steps))
    run = work.playbooks.run("Enrich", inputs={"ip": CANARY})
    assert run.status is RunStatus.FAILURE
    spans = {span.name: span for span in spans_of(zona, exported)}
    assert sorted(spans) == [
        "run playbook Enrich", "step bad", "step each", "step each[0]", "step each[1]", "step flaky",
    ]  # fmt: skip
    root, each = spans["run playbook Enrich"], spans["step each"]
    assert root.parent is None
    assert {span.context.trace_id for span in spans.values()} == {root.context.trace_id}  # type: ignore[union-attr]
    for name in ("step flaky", "step each", "step bad"):
        assert spans[name].parent == root.context
    assert spans["step each[1]"].parent == each.context
    assert [event.attributes["zona.status"] for event in spans["step flaky"].events] == ["failure", "success"]  # type: ignore[index]
    assert root.attributes is not None
    assert (root.attributes["zona.run.id"], root.attributes["zona.tenant"]) == (run.id, "localhost")
    assert root.attributes["zona.run.skipped"] == 1
    assert spans["step bad"].attributes["error.type"] == "refused"  # type: ignore[index]
    assert (root.status.status_code, root.status.description) == (StatusCode.ERROR, "refused")
    assert spans["step flaky"].status.status_code is StatusCode.UNSET
    assert run.started_at is not None
    assert run.ended_at is not None
    assert root.start_time == int(run.started_at.timestamp() * 1_000_000) * 1_000
    assert root.end_time == int(run.ended_at.timestamp() * 1_000_000) * 1_000


def test_a_single_run_is_a_trace_of_its_own(zona: Zona, exported: InMemorySpanExporter) -> None:
    """It names app and task, and has its attempts as events."""
    run = zona.tenant().runs.run("Demo", "echo", inputs={"text": "x"})
    [span] = spans_of(zona, exported)
    assert (span.name, span.parent, len(span.events)) == ("run task Demo/echo", None, 1)
    assert span.attributes is not None
    assert (span.attributes["zona.run.id"], span.attributes["zona.task"]) == (run.id, "echo")


def test_no_value_is_in_a_span(zona: Zona, exported: InMemorySpanExporter) -> None:
    """Neither secrets, masked or not, nor inputs, results and messages."""
    work = zona.tenant()
    work.playbooks.save(PlaybookDefinition(title="Enrich", steps=(step("one", "1nput-value"), step("bad", "bad"))))
    work.playbooks.run("Enrich")
    work.runs.run("Demo", "echo", inputs={"text": "flaky"})
    told = " ".join(span.to_json() for span in spans_of(zona, exported))
    assert "remote_away" in told
    for value in (CANARY, "r3sult", "1nput-value", "the remote said"):
        assert value not in told


def test_what_is_not_sampled_costs_no_reading(zona: Zona) -> None:
    """The steps of a run that nobody wants to see are not read."""
    spans = RunSpans("1", TracerProvider(sampler=ALWAYS_OFF))
    run = zona.tenant().runs.run("Demo", "echo", inputs={"text": "x"})

    def steps() -> Iterator[Any]:
        raise AssertionError("they were read")
        yield

    spans.ended("localhost", evolve(run, playbook_id=1), steps())


def test_an_observer_that_breaks_changes_nothing(zona: Zona, caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on, other observers are told, and the log says which one broke off."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise ValueError(name)

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    zona.observe(Broken())
    zona.observe(RunSpans("1", provider))
    assert zona.tenant().runs.run("Demo", "echo", inputs={"text": "x"}).status is RunStatus.SUCCESS
    assert len(spans_of(zona, exporter)) == 1
    assert "Broken" in caplog.text


def test_it_is_switched_on_by_configuration() -> None:
    """Without that nothing of OpenTelemetry is imported; what is set wrongly is told."""
    code = (
        "import sys\nfrom zona_core import Settings, Zona\n"
        "with Zona(Settings(store='memory://', plugins=PLUGINS)) as zona:\n"
        "    zona.plugins.run_observers()\n"
        "    print('opentelemetry' in sys.modules)\n"
    )
    for settings, told in (
        ("{}", False),
        ("{'otel': {'enabled': False}}", False),
        ("{'otel': {'enabled': True}}", True),
    ):
        source = code.replace("PLUGINS", settings)
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.stderr) == (str(told), "")
    from zona_core.plugins import Plugins

    for wrong in ({"enabled": "yes"}, {"enabeld": True}):
        with pytest.raises(ConfigurationError) as caught:
            Plugins(settings={"otel": wrong}).run_observers()
        assert caught.value.faults[0].path.startswith("plugins.otel.")


def test_without_the_library_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched on where it is not installed, it is refused with a hint."""
    from zona_core.plugins import Plugins

    for name in [
        name for name in sys.modules if name.partition(".")[0] == "opentelemetry" or name == "zona_tracing._spans"
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match="traced") as caught:
        Plugins(settings={"otel": {"enabled": True}}).run_observers()
    assert "otel" in caught.value.faults[0].expected
