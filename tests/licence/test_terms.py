"""The terms of licences: states, warnings, and what is usual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Feature, InvalidInput, Licence, LicenceState, LicenceType, Resource, licensing
from zona_core.domain.licences import COMMUNITY, ResourceUsage, usage_notices

START = datetime(2030, 1, 1, tzinfo=UTC)
YEAR = START + timedelta(days=365)


def licence(**terms: Any) -> Licence:
    return Licence(
        **{
            "id": "l",
            "licensee": "Acme",
            "type": LicenceType.ENTERPRISE,
            "issued_at": START,
            "starts_at": START,
            "expires_at": YEAR,
            "grace_days": 30,
            **terms,
        }
    )


@pytest.mark.parametrize(
    ("days", "state", "told"),
    [
        (0, LicenceState.VALID, ""),
        (334, LicenceState.VALID, ""),
        (335, LicenceState.EXPIRING, "the licence ends on 2031-01-01, in 30 days"),
        (364, LicenceState.EXPIRING, "the licence ends on 2031-01-01, in 1 day"),
        (364.5, LicenceState.EXPIRING, "the licence ends on 2031-01-01, in less than a day"),
        (365, LicenceState.GRACE, "the licence ended on 2031-01-01; its grace ends on 2031-01-31, in 30 days"),
        (394, LicenceState.GRACE, "the licence ended on 2031-01-01; its grace ends on 2031-01-31, in 1 day"),
        (395, LicenceState.EXPIRED, "the licence ended on 2031-01-01: what exists goes on, nothing new can be made"),
        (4_000, LicenceState.EXPIRED, "the licence ended on 2031-01-01: what exists goes on, nothing new can be made"),
    ],
)
def test_a_licence_passes_through_its_states(days: float, state: LicenceState, told: str) -> None:
    """It warns for 30 days, works on in its grace, and each state is told with what comes next."""
    now = START + timedelta(days=days)
    assert licence().state(now) is state
    assert [notice.message for notice in licence().notices(now)] == ([told] if told else [])
    assert [notice.code for notice in licence().notices(now)] == ([f"licence_{state.value}"] if told else [])


def test_a_short_licence_warns_for_its_last_third() -> None:
    """A trial does not begin with a warning."""
    trial = licence(expires_at=START + timedelta(days=30), grace_days=0)
    assert trial.state(START + timedelta(days=19)) is LicenceState.VALID
    assert trial.state(START + timedelta(days=20)) is LicenceState.EXPIRING
    assert trial.state(START + timedelta(days=30)) is LicenceState.EXPIRED


def test_a_licence_without_end_is_always_valid() -> None:
    """Nor does it warn."""
    endless = licence(expires_at=None)
    assert endless.state(START + timedelta(days=100_000)) is LicenceState.VALID
    assert endless.notices(START) == ()


def test_what_is_built_in_has_everything_for_ever() -> None:
    """Whoever embeds Zona needs no licence: all features, no end, and limits beyond any real installation."""
    assert all(COMMUNITY.has(feature) for feature in Feature)
    assert COMMUNITY.state(START + timedelta(days=100_000)) is LicenceState.VALID
    assert {each: COMMUNITY.limit(each) for each in Resource} == {
        Resource.INTEGRATIONS: 10_000,
        Resource.INSTANCES: 100_000,
        Resource.TENANTS: 10_000,
    }


def test_features_are_all_or_those_named() -> None:
    """None stands for all; names that nobody knows yet do no harm."""
    assert all(licence().has(feature) for feature in Feature)
    some = licence(features=("sso", "of_a_later_release"))
    assert [feature for feature in Feature if some.has(feature)] == [Feature.SSO]


@pytest.mark.parametrize(
    ("kind", "limits", "days", "grace"),
    [
        (LicenceType.TRIAL, [25, 100, 5], 30, 7),
        (LicenceType.ENTERPRISE, [None, None, None], 365, 30),
        (LicenceType.COMMUNITY, [10_000, 100_000, 10_000], None, 0),
    ],
)
def test_each_type_has_its_usual_terms(kind: LicenceType, limits: list[int | None], days: int, grace: int) -> None:
    """What is not said when a licence is issued is as usual for its type."""
    drafted = licensing.draft("Acme", kind, now=START)
    assert [drafted.limit(each) for each in Resource] == limits
    assert drafted.expires_at == (START + timedelta(days=days) if days else None)
    assert (drafted.grace_days, drafted.features) == (grace, None)


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"licensee": ""}, "licensee"),
        ({"limits": {"max_tenants": -1}}, "max_tenants"),
        ({"features": ["sos"]}, "features"),
        ({"grace_days": 4_000}, "grace_days"),
        ({"expires_at": START}, "expires_at"),
        ({"licence_id": "a b"}, "id"),
        ({"compliance": {"soc2": [1]}}, "compliance"),
    ],
)
def test_terms_that_make_no_sense_are_not_issued(changed: dict[str, Any], path: str) -> None:
    """Each is named with its place."""
    terms = {"licensee": "Acme", **changed}
    with pytest.raises(InvalidInput) as caught:
        licensing.draft(terms.pop("licensee"), now=START, **terms)
    assert [fault.path for fault in caught.value.faults] == [path]


@pytest.mark.parametrize(
    ("used", "limit", "code"),
    [(0, 0, ""), (89, 100, ""), (90, 100, "near"), (100, 100, "reached"), (101, 100, "exceeded"), (9**9, None, "")],
)
def test_what_comes_near_a_limit_is_told(used: int, limit: int | None, code: str) -> None:
    """From nine tenths on."""
    usage = ResourceUsage(resource=Resource.TENANTS, used=used, limit=limit, peak=used)
    assert [notice.code for notice in usage_notices((usage,))] == ([f"limit_{code}"] if code else [])
