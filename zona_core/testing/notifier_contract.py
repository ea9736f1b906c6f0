"""What every ``Notifier`` must do, as tests.

A notifier's author subclasses ``NotifierContract`` in a test module and gives it the fixtures ``notifier`` and
``channel``, the latter with the other side running on this machine::

    class TestMyNotifier(NotifierContract):
        @pytest.fixture
        def notifier(self):
            return MyNotifier()

        @pytest.fixture
        def channel(self):
            server = ...
            yield TrialChannel(
                options={"url": server.url, "token": Secret("…")},
                network=NetworkPolicy(private_networks=("127.0.0.0/8",)),
                delivered=lambda: [...],
                leave=server.close,
            )
            server.close()

The suite closes the notifier if it has a ``close``. This module needs pytest.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from attrs import define

from zona_core.domain.fields import FIELD_NAME, FieldKind
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.notifications import Notification
from zona_core.domain.secrets import Secret
from zona_core.domain.values import checked, value_faults
from zona_core.errors import Fault, KeyUnavailable, NotificationFailed
from zona_core.ports.notifiers import Notifier

from ._contract_base import in_threads

__all__ = ["NotifierContract", "TrialChannel"]

#: seconds; longer than anything here takes, reached only where something hangs
PATIENCE: Final = 60.0

#: texts that people who attack would have put into an alert
_HOSTILE: Final = (
    "two\r\nBcc: canary@example.com",
    "=?utf-8?q?=0D=0ABcc:_canary?=",
    "<script>alert(1)</script> & <!channel> <https://example.com|here>",
    "\0\x1b[31m\u202eredrum\u2028next",
    "half \ud800 a pair",
    ".\r\n.\r\nQUIT",
    "密" * 5_000,
)


@define(frozen=True, kw_only=True)
class TrialChannel:
    """A channel whose other side is the test's."""

    #: options that are complete and right, as a caller of ``send`` gives them
    options: Mapping[str, Any]
    #: allows the address of the other side
    network: NetworkPolicy
    #: what the other side has taken so far: a text for each delivery, with its subject in it
    delivered: Callable[[], list[str]]
    #: makes the other side go away
    leave: Callable[[], None]


class NotifierContract:
    """The contract; see ``zona_core.ports.notifiers``."""

    @pytest.fixture
    def notifier(self) -> Notifier:
        """The notifier."""
        raise pytest.UsageError("the subclass of NotifierContract lacks the fixture notifier")

    @pytest.fixture
    def channel(self) -> TrialChannel:
        """A channel that works."""
        raise pytest.UsageError("the subclass of NotifierContract lacks the fixture channel")

    @pytest.fixture(autouse=True)
    def closed_notifier(self, notifier: Notifier) -> Iterator[None]:
        """Closes the notifier after each test, if it can be closed: twice does no harm."""
        yield
        for _ in range(2):
            getattr(notifier, "close", lambda: None)()

    def test_the_options_are_sound_fields(self, notifier: Notifier) -> None:
        """Each has a name of its own and a label, and a default that fits it; they are the same each time."""
        fields = notifier.options
        names = [field.name for field in fields]
        assert sorted(set(names)) == sorted(names)
        assert fields == notifier.options
        for field in fields:
            assert FIELD_NAME.match(field.name)
            assert field.label, field.name
            assert bool(field.choices) is (field.kind is FieldKind.CHOICE), field.name
            assert field.default is None or value_faults(field, field.default) == [], field.name
            assert field.kind is not FieldKind.SECRET or field.default is None, field.name

    def test_options_that_are_right(self, notifier: Notifier, channel: TrialChannel) -> None:
        """Nothing is wrong with them, by themselves or together, in clear or sealed."""
        given, faults = checked(notifier.options, channel.options)
        assert faults == []
        assert notifier.faults(given) == []
        assert notifier.faults(_sealed(given)) == []

    def test_faults_name_options(self, notifier: Notifier, channel: TrialChannel) -> None:
        """Whatever is wrong, it is told where, by the options' names, and secrets are not told."""
        names = {field.name for field in notifier.options}
        found = [fault for options in _wrong(notifier, channel) for fault in notifier.faults(options)]
        assert found, "some text that no address is would have to be a fault"
        for fault in found:
            assert isinstance(fault, Fault)
            assert fault.path.partition(".")[0].partition("[")[0] in names, fault
            assert "canary" not in str(fault)

    def test_a_notification_is_delivered(self, notifier: Notifier, channel: TrialChannel) -> None:
        """When ``send`` returns, the other side has it; the options are as they were."""
        before = dict(channel.options)
        notifier.send(_notification("first of all"), channel.options, channel.network, PATIENCE)
        assert ["first of all" in text for text in channel.delivered()] == [True]
        notifier.send(_notification("second to none"), channel.options, channel.network, PATIENCE)
        assert "second to none" in channel.delivered()[-1]
        assert channel.options == before

    def test_a_bare_notification_is_delivered(self, notifier: Notifier, channel: TrialChannel) -> None:
        """No text, no facts, no link: the subject alone."""
        bare = Notification(id="1", tenant_code="acme", subject="bare", at=datetime(2030, 1, 1, tzinfo=UTC))
        notifier.send(bare, channel.options, channel.network, PATIENCE)
        assert "bare" in channel.delivered()[-1]

    @pytest.mark.parametrize("text", _HOSTILE, ids=range(len(_HOSTILE)))
    def test_any_text_is_delivered(self, notifier: Notifier, channel: TrialChannel, text: str) -> None:
        """Whatever texts a notification has, it arrives as one."""
        hostile = Notification(
            id=f"id {text[:20]}",
            tenant_code="acme",
            target=text[:100],
            subject=f"canary-subject {text}",
            text=text,
            severity="high",
            facts=((text, text), ("Host", "ws-7")),
            link=f"https://zona.example.com/{text[:50]}",
            at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        notifier.send(hostile, channel.options, channel.network, PATIENCE)
        assert ["canary-subject" in each for each in channel.delivered()] == [True]

    def test_secrets_that_are_sealed(self, notifier: Notifier, channel: TrialChannel) -> None:
        """They are opened when they are needed."""
        notifier.send(_notification("sealed"), _sealed(channel.options), channel.network, PATIENCE)
        assert "sealed" in channel.delivered()[-1]

    def test_secrets_that_cannot_be_opened(self, notifier: Notifier, channel: TrialChannel) -> None:
        """That, too, is a notification that failed."""
        if not _secrets(channel):
            pytest.skip("the channel has no secrets")

        def lost(_: str) -> str:
            raise KeyUnavailable("the key is not at hand")

        for name in _secrets(channel):
            options = {**channel.options, name: Secret.sealed("token", lost)}
            with pytest.raises(NotificationFailed):
                notifier.send(_notification("unread"), options, channel.network, PATIENCE)
        assert channel.delivered() == []

    def test_the_other_side_is_away(self, notifier: Notifier, channel: TrialChannel) -> None:
        """It may be tried again; nothing but ``NotificationFailed`` is raised, and it tells no secret."""
        notifier.send(_notification("still there"), channel.options, channel.network, PATIENCE)
        channel.leave()
        with pytest.raises(NotificationFailed) as caught:
            notifier.send(_notification("gone"), channel.options, channel.network, PATIENCE)
        assert caught.value.retryable
        assert caught.value.message
        assert told_secrets(caught.value, channel) == []

    def test_an_address_that_is_not_allowed(self, notifier: Notifier, channel: TrialChannel) -> None:
        """Where the tenant's policy allows no private address none is gone to, and trying again is no use."""
        with pytest.raises(NotificationFailed) as caught:
            notifier.send(_notification("out of bounds"), channel.options, NetworkPolicy(), PATIENCE)
        assert not caught.value.retryable
        assert channel.delivered() == []
        assert told_secrets(caught.value, channel) == []

    def test_no_time_at_all(self, notifier: Notifier, channel: TrialChannel) -> None:
        """It fails in the way of all failures, and may be tried again."""
        with pytest.raises(NotificationFailed) as caught:
            notifier.send(_notification("late"), channel.options, channel.network, 0.0)
        assert caught.value.retryable
        assert told_secrets(caught.value, channel) == []

    def test_several_threads(self, notifier: Notifier, channel: TrialChannel) -> None:
        """Each of the notifications that they send arrives once."""
        subjects = [[f"thread-{thread}-{number}." for number in range(5)] for thread in range(4)]

        def send(own: list[str]) -> None:
            for subject in own:
                notifier.send(_notification(subject), channel.options, channel.network, PATIENCE)

        in_threads([lambda own=own: send(own) for own in subjects])  # type: ignore[misc]
        delivered = channel.delivered()
        assert len(delivered) == 20
        assert all(any(subject in text for text in delivered) for own in subjects for subject in own)


def told_secrets(error: BaseException, channel: TrialChannel) -> list[str]:
    """The names of the options whose secrets an error tells: by its text, its data or its traceback."""
    told = [str(error), repr(error), *traceback.format_exception(error)]
    if isinstance(error, NotificationFailed):
        told.append(repr(error.as_dict()))
    return [name for name, text in _secrets(channel).items() if any(text in each for each in told)]


def _secrets(channel: TrialChannel) -> dict[str, str]:
    return {name: value.reveal() for name, value in channel.options.items() if isinstance(value, Secret)}


def _sealed(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same with secrets as stores give them."""
    return {
        name: Secret.sealed(value.reveal()[::-1], lambda token: token[::-1]) if isinstance(value, Secret) else value
        for name, value in options.items()
    }


def _wrong(notifier: Notifier, channel: TrialChannel) -> Iterator[dict[str, Any]]:
    """Options that fit the fields each by itself: some are left out, and texts are none that could be meant."""
    given, _ = checked(notifier.options, channel.options)
    for field in notifier.options:
        if not field.required:
            yield {name: value for name, value in given.items() if name != field.name}
        for text in ("canary\r\nX-Canary: 1", "canary é", "\0canary", "canary " * 100):
            value: Any = Secret(text) if field.kind is FieldKind.SECRET else text
            value = [text] if field.kind is FieldKind.LIST else value
            if value_faults(field, value) == []:
                yield {**given, field.name: value}


def _notification(subject: str) -> Notification:
    return Notification(
        id=f"n-{subject}",
        tenant_code="acme",
        target="alerts/12",
        subject=subject,
        text="Something was seen.\nIt was seen twice.",
        severity="high",
        facts=(("Host", "ws-7"), ("User", "DOMAIN\\ann"), ("Command", "cmd.exe /c *_del_* & <x>")),
        link="https://zona.example.com/alerts/12",
        at=datetime(2030, 1, 1, 12, 30, tzinfo=UTC),
    )
