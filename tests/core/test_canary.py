"""Canary secrets, set wherever a secret can be set, are found nowhere (SPEC §5)."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from attrs import evolve
from PIL import Image

from zona_core import AppDefinition, FleetSource, Secret, TaskCall, TaskFailed, Zona, ZonaError, as_data, licensing
from zona_core.domain.feeds import FeedDefinition
from zona_core.domain.fields import Field, FieldKind
from zona_core.domain.fleet.specification import FleetSpecification, SecretMount, SecretSource, Service
from zona_core.domain.playbooks import Approval, PlaybookDefinition, Step, StepTask
from zona_core.domain.policies import CaseOption, EscalationStep, PlaybookCall, PolicyDefinition
from zona_core.domain.references import TaskRef
from zona_core.domain.schedules import ScheduleDefinition
from zona_core.domain.silences import SilenceDefinition
from zona_core.domain.tenants import Move, Placement, TenantStatus
from zona_core.persistence.collections import KINDS
from zona_core.persistence.ledger import Ledger
from zona_core.usecases._engine.chores import chores_of
from zona_core.usecases._engine.duties import Duties

CANARIES = (
    "canary-instance-9c1",
    "canary-input-77e",
    "canary-shared-c0d",
    "canary-rotated-5f2",
    "canary-late-1ab",
    "canary-password-6b0",
    "canary-changed-d41",
    "canary-answer-e52",
    "canary-database-f0a",
    "canary-vendor-key-3b8",
    "canary-channel-a47",
    "canary-feed-b12",
    "canary-fleet-e63",
)


def forms(text: str) -> list[bytes]:
    """How a secret could be written."""
    data = text.encode()
    return [data, base64.b64encode(data).rstrip(b"="), quote(text).encode(), data.hex().encode(), data[::-1]]


@pytest.fixture
def scene(
    tmp_path: Path, plugin: Any, app_factory: Callable[..., AppDefinition], monkeypatch: pytest.MonkeyPatch
) -> tuple[Zona, Path, list[str]]:
    """Everything done with canaries on a store in a file, and all that was shown meanwhile."""
    shown: list[str] = []
    path = tmp_path / "zona.db"
    zona = Zona(store=f"sqlite:///{path}", container_engine="memory:", plugins={"function": plugin})
    workspace = zona.tenant()

    def echo(call: TaskCall) -> dict[str, Any]:
        clear = [
            value.reveal()
            for value in (*call.connection.values.values(), *call.inputs.values())
            if isinstance(value, Secret)
        ]
        call.connection.conceal(CANARIES[4])
        if call.inputs["text"] == "fail":
            raise TaskFailed(f"refused {clear} {CANARIES[4]}", headers={"Authorization": clear})
        if call.inputs["text"] == "break":
            raise RuntimeError(clear, CANARIES[4])
        return {"back": clear, "deep": [{CANARIES[4]: " ".join(clear)}]}

    plugin.handler.functions["echo"] = echo
    picture = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(picture, "PNG")
    app = workspace.apps.upsert(app_factory(), logo=picture.getvalue()).app
    definition = app_factory().tasks[0]
    shown.append(repr(workspace.credentials.add("shared", {"api_key": CANARIES[2]})))
    shown.append(repr(workspace.credentials.rotate("shared", {"api_key": CANARIES[3]})))
    shown.append(repr(workspace.instances.add("Demo", title="own", values={"api_key": Secret(CANARIES[0])})))
    shown.append(repr(workspace.instances.add("Demo", title="sharing", credential="shared")))
    shown.append(repr(workspace.instances.update("Demo", "own", title="own")))
    shown.append(repr(workspace.instances.test("Demo", "own")))
    for instance in ("own", "sharing"):
        for text in ("well", "fail", "break"):
            inputs = {"text": text, "token": CANARIES[1]}
            run = workspace.runs.run("Demo", "echo", instance=instance, inputs=inputs)
            shown += [repr(run), str(as_data(run))]
            tried = workspace.tasks.verify("Demo", definition, instance=instance, inputs=inputs, run=True)
            assert tried.trial_run is not None
            shown += [repr(tried), str(as_data(tried))]
    for wrong in ({"api_key": CANARIES[0], "zzz": CANARIES[1]}, {"api_key": [CANARIES[0]]}):
        try:
            workspace.instances.add("Demo", title="x", values=wrong)
        except ZonaError as exc:
            shown += [repr(exc), str(exc.as_dict())]
    workspace.apps.upsert(app_factory(description="changed"), app_id=app.integration_id)
    needing = evolve(definition, task_tag="after", depends_on=(TaskRef(task="echo"),))
    shown.append(repr(workspace.tasks.upsert("Demo", needing)))
    history = workspace.revisions
    shown += [str(as_data(each)) for each in (history.of_app("Demo"), history.diff_app("Demo", 1))]
    for listing in (workspace.instances.list(), workspace.credentials.list(), workspace.runs.list()):
        shown += [repr(listing), str(as_data(listing.items))]
    shown += keep_keys(zona)
    shown += come_in(zona)
    shown += call_with_key(zona)
    shown += have_a_database(zona)
    shown += hold_a_licence(zona, monkeypatch)
    shown += do_duties(zona)
    shown += keep_schedules(zona)
    shown += tell_people(zona)
    shown += take_events_in(zona)
    shown += fetch_events(zona)
    shown += look_into(zona)
    shown += run_a_fleet(zona)
    shown += play(zona)
    results = str(as_data(workspace.runs.list().items)).encode()
    shown.append(repr(zona._parts.blobs.put("localhost", "runs/1/results", [results], most=len(results))))
    shown += [str(as_data(record)) for record in workspace.audit.search().items]
    workspace.instances.remove("Demo", "sharing")
    return zona, path, shown


def come_in(zona: Zona) -> list[str]:
    """Users, keys and logins with canaries for passwords; what was shown of them."""
    workspace = zona.tenant()
    workspace.roles.put("night", permissions=["runs:run"])
    shown: list[Any] = [workspace.users.add("ann", CANARIES[5], roles=["night"])]
    shown.append(workspace.users.set_password("ann", Secret(CANARIES[6])))
    shown.append(workspace.api_keys.create("ci", scopes=["runs:run"], user="ann"))
    shown.append(zona.gate.login(name="ann", password=CANARIES[6], realm="localhost"))
    shown += workspace.sessions.list().items
    for attempt in (
        lambda: workspace.users.add("bob", CANARIES[5][:8]),
        lambda: workspace.users.add("bob", CANARIES[5], roles=["wizard"]),
        lambda: zona.gate.login(name="ann", password=CANARIES[5], realm="localhost"),
    ):
        with pytest.raises(ZonaError) as caught:
            attempt()
        shown.append(caught.value.as_dict())
    return [f"{each!r} {as_data(each)}" for each in shown]


def run_a_fleet(zona: Zona) -> list[str]:
    """A fleet whose service has a canary for a password, applied, changed, gone back and refused; what was shown."""
    fleet, password = zona.system().fleet, (SecretMount(name="password"),)
    services = {"db": Service(image="db:1", secrets=password)}
    sources = {"password": SecretSource(environment="PASSWORD")}
    source = FleetSource(
        specification=FleetSpecification(name="shop", secrets=sources, services=services),
        secrets={"password": Secret(CANARIES[12])},
    )
    shown: list[Any] = [fleet.plan(source), fleet.apply(source), fleet.scale({"db": 2}), fleet.rollback()]
    with pytest.raises(ZonaError) as caught:
        fleet.apply(source, digest="another")
    shown += [caught.value.as_dict(), fleet.status(), fleet.explain("db"), fleet.list(), fleet.history()]
    return [f"{source!r}", *(f"{each!r} {as_data(each)}" for each in shown)]


def play(zona: Zona) -> list[str]:
    """A playbook whose run has a canary among its inputs, and waits for an answer; what was shown of it."""
    workspace = zona.tenant()
    workspace.instances.update("Demo", "sharing", rate_limiting={"concurrent": 1})
    inputs = {"text": "well", "token": "{{ inputs.token }}"}
    playbook = PlaybookDefinition(
        title="p",
        inputs=(Field(name="token", kind=FieldKind.SECRET),),
        steps=(
            Step(name="say", task=StepTask(app="Demo", task="echo", instance="sharing"), inputs=inputs),
            Step(name="mix", set={"token": "x{{ inputs.token }}", "said": "{{ steps.say.outputs }}"}),
            Step(name="ask", approval=Approval(message="{{ inputs.token }}?")),
        ),
    )
    shown: list[Any] = [workspace.playbooks.save(playbook), workspace.playbooks.get("p")]
    run = workspace.playbooks.start("p", inputs={"token": CANARIES[1]})
    while not any(each.step == "ask" for each in workspace.runs.waiting(run.id)):
        shown.append(workspace.runs.progress(run.id, since=str(run.revision), seconds=0.2))
    shown += [workspace.runs.waiting(run.id), workspace.runs.steps(run.id), workspace.runs.get(run.id)]
    return [f"{each!r} {as_data(each)}" for each in shown]


def keep_schedules(zona: Zona) -> list[str]:
    """A schedule with a canary among its inputs, saved, refused and fired; what was shown of it."""
    schedules = zona.tenant().schedules
    inputs = {"text": "well", "token": CANARIES[1]}
    definition = ScheduleDefinition(title="s", app="Demo", task="echo", instance="own", inputs=inputs, every=60.0)
    shown: list[Any] = [schedules.save(definition), schedules.save(evolve(definition, every=90.0)), schedules.list()]
    with pytest.raises(ZonaError) as caught:
        schedules.save(evolve(definition, inputs={**inputs, "nothing": CANARIES[1]}))
    shown += [caught.value.as_dict(), schedules.fire("s", patience=20.0), schedules.get("s")]
    return [f"{each!r} {as_data(each)}" for each in shown]


def tell_people(zona: Zona) -> list[str]:
    """A channel with a canary among its options, tried, refused and named by a policy; and a silence."""
    here, options = zona.tenant(), {"url": "http://127.0.0.1:9/", "private": True, "authorization": CANARIES[10]}
    shown: list[Any] = [here.channels.save("hook", notifier="webhook", options=options)]
    shown += [here.channels.test("hook"), here.channels.get("hook"), here.channels.list()]
    kept = {**options, "authorization": "********"}
    shown.append(here.channels.save("hook", notifier="webhook", options=kept))
    with pytest.raises(ZonaError) as caught:
        here.channels.save("hook", notifier="webhook", options={**options, "nothing": CANARIES[10]})
    escalation = (EscalationStep(channels=("hook",)),)
    shown += [caught.value.as_dict(), here.policies.save(PolicyDefinition(title="Told", escalation=escalation))]
    shown.append(here.silences.save(SilenceDefinition(title="Quiet", rules=("none",))))
    return [f"{each!r} {as_data(each)}" for each in shown]


def look_into(zona: Zona) -> list[str]:
    """A case with a file, and a comment with a canary that is erased; what was shown of it then."""
    here, data = zona.tenant(), zona._parts.database.tenant("localhost")
    case = here.cases.list().items[0].id
    here.playbooks.save(PlaybookDefinition(title="q", steps=(Step(name="note", set={"x": 1}),)))
    told = here.policies.get("Told")
    option = CaseOption(on_change=(PlaybookCall(playbook="q"),))
    here.policies.save(PolicyDefinition(title="Told", escalation=told.escalation, case=option))
    erased = here.cases.comment(case, "it is canary-erased").id
    shown: list[Any] = [here.cases.erase_comment(case, erased), here.evidence.put(case, [b"file"], name="file")]
    shown += [here.cases.update(case, owner="ann"), here.cases.observables(case), here.cases.timeline(case)]
    shown += [here.cases.report(case), *here.cases.export(case), *data.responses.all()]
    assert "canary-erased" not in str(shown)
    return [f"{each!r} {as_data(each)}" for each in shown]


def fetch_events(zona: Zona) -> list[str]:
    """A feed with a canary among its inputs, polled, failed, saved again and refused; what was shown of it."""
    here, inputs = zona.tenant().feeds, {"text": "well", "token": CANARIES[11]}
    definition = FeedDefinition(
        title="Polled", app="Demo", task="echo", instance="own", inputs=inputs, events="outputs.deep", mapper="generic",
        mapper_options={"time": "received"},
    )  # fmt: skip
    shown: list[Any] = [here.save(definition), here.poll("Polled"), here.get("Polled"), here.list()]
    shown += [here.save(evolve(definition, inputs={"text": "fail", "token": "********"})), here.poll("Polled")]
    with pytest.raises(ZonaError) as caught:
        here.save(evolve(definition, inputs={**inputs, "nothing": CANARIES[11]}))
    shown += [caught.value.as_dict(), here.state("Polled"), here.reset("Polled"), here.disable("Polled")]
    return [f"{each!r} {as_data(each)}" for each in shown]


def take_events_in(zona: Zona) -> list[str]:
    """Events and one that cannot be taken, rules of each kind, what these find, and an exception; what was shown."""
    here, source = zona.tenant(), "logsource: {product: testing}"
    rule = f"title: Bad\nid: bad\n{source}\ndetection: {{s: {{word: bad}}, condition: s}}\nlevel: critical\n"
    counted = "type: event_count, rules: [bad], timespan: 1h, group-by: [host], condition: {gte: 2}"
    often = f"title: Often\nid: often\ncorrelation: {{{counted}, generate: true}}\nlevel: critical\n"
    narrower = f"title: Not\n{source}\nfilter: {{rules: [bad], s: {{word: good}}, condition: not s}}\n"
    shown: list[Any] = [here.rules.add([("bad.yml", rule), ("often.yml", often)])]
    shown.append(here.rules.add_exception(narrower, title="Not"))
    raw = [{"at": 1_896_091_200 + number, "word": "bad", "host": "h"} for number in range(2)]
    seen = [{"name": "device.hostname", "type_id": 1, "value": "host"}]
    mapping = {"mapper": "generic", "options": {"time": "at", "host": "host", "observables": seen}}
    shown.append(here.events.ingest([*raw, {"at": "never"}], source="log", **mapping))
    shown += [here.rules.list(), here.events.list(), here.events.dead_letters(), here.events.replay()]
    return [f"{each!r} {as_data(each)}" for each in shown]


def keep_keys(zona: Zona) -> list[str]:
    """A key that signs packages, and one that signs no more; what was shown of them."""
    keys = zona.tenant().package_keys
    shown: list[Any] = [keys.create("stamp"), keys.create("gone"), keys.get("stamp"), keys.list()]
    with pytest.raises(ZonaError) as caught:
        keys.trust("twin", private_key(zona))
    shown += [caught.value.as_dict(), keys.retire("gone")]
    return [f"{each!r} {as_data(each)}" for each in shown]


def private_key(zona: Zona) -> str:
    """The private key that signs packages, as it is kept: the only secret here that is made and not given."""
    return zona._parts.database.tenant("localhost").package_keys.one({"name": "stamp"}).secrets["private"].reveal()


def key_forms(text: str) -> list[bytes]:
    """How the private key in a PEM text could be written: its base64, and the raw key of its last 32 bytes."""
    encoded = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    raw = base64.b64decode(encoded)[-32:]
    return [encoded.encode(), raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), repr(raw)[2:-1].encode()]


def call_with_key(zona: Zona) -> list[str]:
    """A call that is done once, with a canary in what is asked and in what is answered; what was shown of it."""
    shown: list[Any] = []
    answer = {"status": 201, "body": f"made {CANARIES[7]}", CANARIES[7]: [CANARIES[7]]}
    for _ in range(2):
        with zona.replays.once("localhost", "ann/create/k-1", CANARIES[7].encode()) as attempt:
            shown.append(attempt)
            if attempt.answer is None:
                attempt.keep(answer)
    assert attempt.answer == answer
    with pytest.raises(ZonaError) as caught, zona.replays.once("localhost", "ann/create/k-1", b"another"):
        pass
    shown += [caught.value, caught.value.as_dict()]
    shown += zona._parts.database.tenant("localhost").keyed_calls.all()
    return [f"{each!r}" for each in shown] + [str(as_data(each)) for each in shown[3:]]


def have_a_database(zona: Zona) -> list[str]:
    """A tenant with a database of its own, on its way to another, whose URLs hold canaries; what was shown of it."""
    url = Secret(f"mongodb://user:{CANARIES[8]}@db.example.com/zona?password={CANARIES[8]}")
    database, system = zona._parts.database, zona.system()
    system.tenants.add("acme")
    now = database.store.now()
    secrets = {"store": url, "source": url}
    own, before = Placement.OWN, TenantStatus.ACTIVE
    move = Move(tenant_code="acme", placement=own, before=before, secrets=secrets, started_ts=now)
    shown = [database.moves.insert(move), *database.moves.all()]
    database.tenants.replace(evolve(database.tenants.need("acme"), placement=own, secrets={"store": url}))
    shown += [system.tenants.get("acme"), *system.tenants.suspend("acme").secrets.values()]
    for wrong in (url, Secret(f"nosuch://{CANARIES[8]}@x/"), Secret(f"sqlite:///x.db?nosuch={CANARIES[8]}")):
        with pytest.raises(ZonaError) as caught:
            system.tenants.add("other", store=wrong)
        shown.append(caught.value.as_dict())
    return [f"{each!r}" for each in shown] + [str(as_data(each)) for each in shown]


def hold_a_licence(zona: Zona, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A licence of a vendor's whose key is a canary, and a count that is under way; what was shown of it."""
    scheme, seed = zona.plugins.signature_scheme(), CANARIES[9].ljust(32).encode()
    pair = scheme.pair_of_text(scheme.private_text(seed))
    monkeypatch.setattr("zona_core.licensing.vendor_keys", lambda: scheme.public_text(pair.public))
    terms = licensing.draft("Acme AG", now=zona._parts.clock.now())
    document = licensing.issue(terms, scheme.private_text(pair.private), scheme)
    shown = [document, pair, zona.system().licence.install(document), zona.system().licence.report()]
    shown.append(Ledger(zona._parts.database).note("localhost", ["instances/1"]))
    return [f"{each!r}" for each in shown]


def do_duties(zona: Zona) -> list[str]:
    """What workers do at a time, each done once; what was shown of it."""
    chores = [evolve(chore, interval=0.001) for chore in chores_of(zona._parts)]
    duties = Duties(lambda: zona._parts.database, chores, lambda: "worker", 60.0)
    while not all(duty.ended_at for duty in zona.system().store.duties()) or not zona.system().store.duties():
        duties._looked_at = float("-inf")
        duties.look()
    duties.stop()
    return [repr(duty) for duty in zona.system().store.duties()]


def test_every_collection_is_filled_by_the_scenario(scene: tuple[Zona, Path, list[str]]) -> None:
    """A collection that the scenario does not reach would not be searched in earnest; a new one is filled there."""
    zona, _, _ = scene
    store = zona._parts.database.store
    assert [kind.spec.name for kind in KINDS if store.collection(kind.spec).count() == 0] == []


def test_canaries_are_nowhere(scene: tuple[Zona, Path, list[str]], caplog: pytest.LogCaptureFixture) -> None:
    """Not in the store's files, not in what was shown, not in logs, in no encoding."""
    zona, path, shown = scene
    files = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.name.startswith("zona.db")}
    keys = key_forms(private_key(zona))
    zona.close()
    files["after close"] = path.read_bytes()
    files["shown"] = "\n".join(shown).encode()
    files["log"] = "\n".join(record.getMessage() for record in caplog.records).encode()
    assert len(files["after close"]) > 10_000
    found = [
        (name, canary, form)
        for name, content in files.items()
        for canary in CANARIES
        for form in forms(canary)
        if form in content
    ]
    assert found == []
    assert [name for name, content in files.items() for form in keys if form in content] == []


def test_the_search_would_find_one(scene: tuple[Zona, Path, list[str]], caplog: pytest.LogCaptureFixture) -> None:
    """The forms searched for are those that a leak would have: a title is found in the store's files."""
    zona, path, _ = scene
    zona.close()
    logging.getLogger("zona").warning("canary check")
    assert forms("sharing")[0] in path.read_bytes()
