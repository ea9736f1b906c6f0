"""Installing a licence, and what becomes of an installation as it ages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from zona_core import (
    AppDefinition,
    InvalidLicence,
    LicenceLimit,
    LicenceState,
    LicenceType,
    Resource,
    TaskDefinition,
    Zona,
    as_data,
)
from zona_core.persistence.ledger import Ledger
from zona_core.usecases._quota import require_feature
from zona_service._configuration import require_ready

DAY = 86_400


@pytest.fixture
def home(opened: Callable[..., Any]) -> Any:
    """An installation in one mode: which one makes no difference here."""
    return opened("shared", "memory")


def test_without_a_licence_the_built_in_one_counts(home: Any) -> None:
    """Nobody has to install anything."""
    status = home.licence.show()
    assert (status.licence.type, status.state, status.notices) == (LicenceType.COMMUNITY, LicenceState.VALID, ())
    assert (status.installed_ts, home.licence.report().history) == (None, ())


def test_the_licence_installed_last_counts(home: Any, vendor: Any, clock: Any) -> None:
    """Those before it stay in the history, each time is in the audit trail, and doing it twice changes nothing."""
    first, second = vendor.file(LicenceType.TRIAL), vendor.file(max_tenants=7)
    assert home.licence.install(first).licence.type is LicenceType.TRIAL
    status = home.licence.install(second.encode())
    assert (status.licence.max_tenants, status.installed_by) == (7, "library")
    assert home.licence.install(second) == status
    assert home.licence.install(json.dumps(json.loads(second))) == status
    history = home.licence.report().history
    assert sorted((past.licence.type.value, past.active, bool(past.replaced_ts)) for past in history) == [
        ("enterprise", True, False),
        ("trial", False, True),
    ]
    trail = home.zona.system().core_audit.search(action="licence.install").items
    assert [(each.after["type"], each.before and each.before["type"]) for each in trail] == [
        ("enterprise", "trial"),
        ("trial", None),
    ]
    assert home.licence.install(first).licence.type is LicenceType.TRIAL
    assert [past.active for past in home.licence.report().history].count(True) == 1
    assert home.zona.system().store.check().notes == ()


@pytest.mark.parametrize(
    ("terms", "later", "code"),
    [
        ({"starts_at": timedelta(days=1)}, 0, "licence_not_yet_valid"),
        ({"starts_at": timedelta(minutes=4)}, 0, ""),
        ({"grace_days": 3}, 365 * DAY + 3 * DAY, "licence_expired"),
        ({"grace_days": 3}, 365 * DAY + 2 * DAY, ""),
        ({"expires_at": timedelta(days=1), "grace_days": 0}, DAY, "licence_expired"),
    ],
)
def test_only_what_counts_now_is_installed(
    home: Any, vendor: Any, clock: Any, terms: dict[str, Any], later: int, code: str
) -> None:
    """Not before its first day, but for clocks that differ, and not after its grace."""
    dated = {name: clock.now() + at if isinstance(at, timedelta) else at for name, at in terms.items()}
    file = vendor.file(**dated)
    clock.move(later)
    if not code:
        assert home.licence.install(file).licence.licensee == "Acme AG"
        return
    with pytest.raises(InvalidLicence) as caught:
        home.licence.install(file)
    assert caught.value.code == code
    assert home.licence.show().licence.type is LicenceType.COMMUNITY


def test_nothing_that_exists_is_stopped(home: Any, vendor: Any, clock: Any, plugin: Any) -> None:
    """Through grace everything works; then runs, changes and removals go on, and only what is new is refused."""
    plugin.handler.functions["echo"] = lambda call: {"back": "here"}
    workspace = home.zona.tenant()
    task = TaskDefinition(name="Echo", task_tag="echo", task_handler="function")
    app = workspace.apps.upsert(AppDefinition(title="Demo", tasks=(task,))).app
    home.licence.install(vendor.file(LicenceType.TRIAL))
    states = []
    for days in (0, 20, 10, 6):
        clock.move(days * DAY)
        states.append(home.licence.show().state.value)
        home.add("localhost", f"after {days}")
    assert states == ["valid", "expiring", "grace", "grace"]
    clock.move(DAY)
    status = home.licence.show()
    assert (status.state, [notice.code for notice in status.notices]) == (LicenceState.EXPIRED, ["licence_expired"])
    for making in (
        lambda: home.add("localhost", "new"),
        lambda: home.zona.system().tenants.add("new"),
    ):
        with pytest.raises(LicenceLimit) as caught:
            making()
        assert caught.value.code == "licence_lapsed"
    assert workspace.runs.run("Demo", "echo", instance="after 0").results == {"back": "here"}
    workspace.instances.update("Demo", "after 0", title="still here")
    workspace.apps.upsert(AppDefinition(title="Demo", description="changed", tasks=(task,)), app_id=app.integration_id)
    workspace.instances.remove("Demo", "after 20")
    assert home.used() == 3
    home.licence.install(vendor.file())
    home.add("localhost", "new")


def test_a_smaller_licence_takes_nothing_away(home: Any, vendor: Any) -> None:
    """What is there beyond its limits stays, and is told of; there is room again once enough was removed."""
    home.furnished("acme")
    for title in "abc":
        home.add("acme", title)
    status = home.licence.install(vendor.file(max_instances=2))
    assert [(notice.code, notice.message) for notice in status.notices] == [
        ("limit_exceeded", "instances: 3 in use, 2 allowed by the licence")
    ]
    home.remove("acme", "a")
    with pytest.raises(LicenceLimit):
        home.add("acme", "d")
    home.remove("acme", "b")
    home.add("acme", "d")
    assert [notice.code for notice in home.licence.show().notices] == ["limit_reached"]


def test_a_licence_that_was_altered_in_the_store_does_not_count(home: Any, vendor: Any) -> None:
    """Whoever edits what is stored gains nothing: nothing new is made until it is installed again."""
    home.furnished("acme")
    file = vendor.file(max_instances=2)
    home.licence.install(file)
    record = home.database.licences.one({"active": True})
    home.database.licences.replace(evolve(record, document=file.replace('"max_instances": 2', '"max_instances": 200')))
    with pytest.raises(LicenceLimit) as caught:
        home.add("acme", "a")
    assert (caught.value.code, caught.value.details["reason"]) == ("licence_unusable", "licence_forged")
    status = home.licence.show()
    assert (status.licence, [notice.code for notice in status.notices]) == (None, ["licence_unusable"])
    assert home.licence.report().history[0].licence is None
    assert [each.limit for each in home.licence.usage()] == [10_000, 100_000, 10_000]
    home.licence.install(file)
    home.add("acme", "a")


def test_a_feature_that_is_lacking_is_refused(home: Any, vendor: Any, tmp_path: Any) -> None:
    """Databases of their own: neither for new tenants nor by moving one; what is on its way arrives."""
    home.licence.install(vendor.file(features=["sso"]))
    tenants = home.zona.system().tenants
    tenants.add("acme")
    url = "memory://elsewhere"
    for asking in (lambda: tenants.add("rival", store=url), lambda: tenants.migrate("acme", url)):
        with pytest.raises(LicenceLimit) as caught:
            asking()
        assert (caught.value.code, caught.value.details["feature"]) == ("feature_not_licensed", "own_databases")
    home.licence.install(vendor.file())
    tenants.migrate("acme", url)
    home.licence.install(vendor.file(features=["sso"], licence_id="again"))
    tenants.migrate("acme", "shared")


def test_a_lapsed_licence_keeps_its_features(home: Any, vendor: Any, clock: Any) -> None:
    """Who moves back into a database of its own is not a new tenant."""
    from zona_core import Feature

    home.licence.install(vendor.file(LicenceType.TRIAL, features=["own_databases"]))
    clock.move(100 * DAY)
    require_feature(home.licence._context, Feature.OWN_DATABASES)
    with pytest.raises(LicenceLimit):
        require_feature(home.licence._context, Feature.FLEET)


def test_a_clock_that_was_set_back_is_told(home: Any, vendor: Any, clock: Any) -> None:
    """It cannot be prevented, but it does not go unnoticed; a clock that was ahead for a while does no lasting harm."""
    home.furnished("acme")
    clock.move(10 * DAY)
    home.add("acme", "a")
    clock.move(-10 * DAY)
    assert [notice.code for notice in home.licence.show().notices] == ["clock_behind"]
    home.add("acme", "b")
    clock.move(10 * DAY)
    assert home.licence.show().notices == ()


def test_the_report_repeats(home: Any, vendor: Any, opened: Callable[..., Any]) -> None:
    """The same data at the same time give the same report, in every process, and it has all that there is."""
    home.furnished("zeta", "acme")
    home.add("acme", "a")
    home.licence.install(vendor.file(LicenceType.TRIAL))
    report = home.licence.report()
    told = json.dumps(as_data(report))
    assert json.dumps(as_data(opened("shared", "memory").licence.report())) == told
    assert [each.tenant_code for each in report.tenants] == ["acme", "zeta"]
    assert [each.instances for each in report.tenants] == [1, 0]
    assert {each.resource: each.peak for each in report.usage}[Resource.TENANTS] == 2
    assert report.status == home.licence.show()
    assert report.history[0].licence == report.status.licence


def test_the_service_warns_at_its_start(vendor: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the log of the service learns of what is about to end or is used up."""

    def warned() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == "zona.licence"]

    with Zona(store=f"sqlite:///{tmp_path}/zona.db") as zona:
        zona.system().tenants.add("acme")
        require_ready(zona.settings)
        assert warned() == []
        early, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2999))
        zona.system().licence.install(vendor.file(max_tenants=1, starts_at=early, expires_at=late))
        require_ready(zona.settings)
    assert warned() == ["tenants: 1 in use, 1 allowed by the licence"]


def test_use_cases_of_the_licence_leave_the_ledger_as_it_is(home: Any) -> None:
    """Looking counts nothing twice."""
    home.furnished("acme")
    before = home.counted
    for looking in (home.licence.show, home.licence.usage, home.licence.tenants, home.licence.report):
        looking()
    assert home.counted == before
    assert Ledger(home.database).of_tenants(["nobody"])[0].instances == 0
