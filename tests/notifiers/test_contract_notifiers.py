"""The notifiers keep the contract of all notifiers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from zona_core.domain.secrets import Secret
from zona_core.testing.notifier_contract import NotifierContract, TrialChannel
from zona_notifiers.mail import EmailNotifier
from zona_notifiers.slack import SlackNotifier
from zona_notifiers.webhook import WebhookNotifier

SECRET = "whsec_Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5"


class TestEmail(NotifierContract):
    """Over STARTTLS, with a log-in."""

    @pytest.fixture
    def notifier(self, certificate: Any) -> EmailNotifier:
        return EmailNotifier(certificate.trusting())

    @pytest.fixture
    def channel(self, certificate: Any, mail_server_of: Callable[..., Any], network: Any) -> TrialChannel:
        server = mail_server_of(starttls=certificate.serving())
        return TrialChannel(
            options={
                "host": "127.0.0.1",
                "port": server.port,
                "username": "zona",
                "password": Secret("correct horse canary"),
                "sender": "zona@example.com",
                "recipients": ["soc@example.com", "ciso@example.com"],
                "private": True,
            },
            network=network,
            delivered=lambda: [mail.parsed["Subject"] for mail in server.mails],
            leave=server.close,
        )


class TestWebhook(NotifierContract):
    """Over TLS, signed and with a credential."""

    @pytest.fixture
    def notifier(self, certificate: Any) -> WebhookNotifier:
        return WebhookNotifier(certificate.trusting())

    @pytest.fixture
    def channel(self, certificate: Any, receiver_of: Callable[..., Any], network: Any) -> TrialChannel:
        receiver = receiver_of(certificate.serving())
        return TrialChannel(
            options={
                "url": f"{receiver.url}/zona?team=soc",
                "headers": {"X-Team": "soc"},
                "authorization": Secret("Bearer canary-token"),
                "secret": Secret(SECRET),
                "private": True,
            },
            network=network,
            delivered=lambda: [json.loads(seen.body)["data"]["subject"] for seen in receiver.seen],
            leave=receiver.close,
        )


class TestSlack(NotifierContract):
    """Over TLS."""

    @pytest.fixture
    def notifier(self, certificate: Any) -> SlackNotifier:
        return SlackNotifier(certificate.trusting())

    @pytest.fixture
    def channel(self, certificate: Any, receiver_of: Callable[..., Any], network: Any) -> TrialChannel:
        receiver = receiver_of(certificate.serving())
        return TrialChannel(
            options={"url": Secret(f"{receiver.url}/services/T0/B0/canary"), "private": True},
            network=network,
            delivered=lambda: [json.loads(seen.body)["text"] for seen in receiver.seen],
            leave=receiver.close,
        )
