"""What the tests of alerts share: rules that events answer to, and a notifier that puts what it gets into a queue."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zona_core import Field, FieldKind, Zona, hookimpl
from zona_core.domain.notifications import Notification
from zona_core.domain.policies import PolicyDefinition
from zona_core.errors import Fault

#: when the first event happens
NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
RULE = """
title: Failed logon
id: failed-logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
level: high
tags: [attack.t1110]
"""
OTHER_RULE = RULE.replace("Failed logon", "Log cleared").replace("failed-logon", "log-cleared").replace("4625", "1102")


class Postman:
    """A notifier whose other side is a queue. ``trouble``, if it is set, is called first, and may raise or wait."""

    options = (
        Field(name="box", required=True),
        Field(name="token", kind=FieldKind.SECRET),
        Field(name="size", kind=FieldKind.NUMBER, default=1),
    )

    def __init__(self) -> None:
        self.taken: queue.SimpleQueue[tuple[str, Notification]] = queue.SimpleQueue()
        self.trouble: Callable[[Notification, Mapping[str, Any]], None] | None = None

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        return [Fault("box", "is none of theirs", "another")] if options["box"] == "theirs" else []

    def send(self, notification: Notification, options: Mapping[str, Any], network: Any, timeout: float) -> None:
        if self.trouble is not None:
            self.trouble(notification, options)
        self.taken.put((options["box"], notification))

    @property
    def all(self) -> list[tuple[str, Notification]]:
        """All that was taken so far, and not looked at yet."""
        found = []
        while not self.taken.empty():
            found.append(self.taken.get())
        return found


class PostmanPlugin:
    """Brings the notifier under the name ``post``."""

    def __init__(self, postman: Postman) -> None:
        self._postman = postman

    @hookimpl
    def zona_notifiers(self, details: Any) -> dict[str, Callable[[], Postman]]:
        return {"post": lambda: self._postman}


@pytest.fixture
def postman() -> Postman:
    """The notifier."""
    return Postman()


@pytest.fixture
def open_zona(postman: Postman) -> Callable[..., Zona]:
    """Opens a Zona with the notifier; ``furnish`` gives its tenants what they need."""
    return lambda **options: Zona(
        **{"store": "memory://", "plugins": {"postman": PostmanPlugin(postman)}, "workers": 4, **options}
    )


@pytest.fixture
def furnish() -> Callable[..., Any]:
    """Gives a tenant two rules and the channels A and B; gives its workspace."""

    def furnished(zona: Zona, tenant: str | None = None) -> Any:
        work = zona.tenant(tenant)
        work.rules.add([("rules.yml", f"{RULE}---{OTHER_RULE}")])
        for title in ("A", "B"):
            work.channels.save(title, notifier="post", options={"box": title})
        return work

    return furnished


@pytest.fixture
def zona(open_zona: Callable[..., Zona], furnish: Callable[..., Any]) -> Iterator[Zona]:
    """A Zona with rules and channels, that does not work."""
    with open_zona() as made:
        furnish(made)
        yield made


@pytest.fixture
def hands(zona: Zona, clock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The clock of the store, which stands until the test moves it."""
    monkeypatch.setattr(zona._parts.database.store, "now", clock.now)
    return clock


def raw_event(number: int, *, host: str = "ws-1", minute: float = 0, event_id: int = 4625) -> dict[str, Any]:
    """A raw event of Windows that a rule finds."""
    at = NOON + timedelta(minutes=minute)
    return {
        "EventID": event_id, "Channel": "Security", "SourceName": "Microsoft-Windows-Security-Auditing",
        "Hostname": host, "RecordNumber": number, "SystemTime": at.isoformat().replace("+00:00", "Z"),
        "TargetUserName": "ann",
    }  # fmt: skip


@pytest.fixture
def raw() -> Callable[..., dict[str, Any]]:
    """Makes raw events; see ``raw_event``."""
    return raw_event


@pytest.fixture
def hit() -> Callable[..., Any]:
    """Has something found: one event, ``number`` tells it from others; gives the tenant's alerts, the oldest first."""

    def found(work: Any, number: int = 1, *, source: str = "win", **event: Any) -> Sequence[Any]:
        work.events.ingest([raw_event(number, **event)], source=source)
        return sorted(work.alerts.list().items, key=lambda each: each.id)

    return found


@pytest.fixture
def policy() -> Callable[..., PolicyDefinition]:
    """Makes a policy without cases."""
    return lambda **given: PolicyDefinition(**{"title": "Mine", "case": None, **given})


@pytest.fixture
def data_of() -> Callable[..., Any]:
    """A tenant's data, past the use-cases."""
    return lambda zona, tenant="localhost": zona._parts.database.tenant(tenant)
