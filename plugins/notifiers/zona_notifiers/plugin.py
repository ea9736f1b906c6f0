"""The entry point: the notifiers ``email``, ``webhook`` and ``slack``, each imported when it is first made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.notifiers import Notifier

__all__ = ["zona_notifiers"]


@hookimpl
def zona_notifiers(details: PluginDetails) -> Mapping[str, Callable[[], Notifier]]:  # noqa: ARG001
    """The kinds of channels by name."""
    return {"email": _email, "slack": _slack, "webhook": _webhook}


def _email() -> Notifier:
    from zona_notifiers.mail import EmailNotifier

    return EmailNotifier()


def _slack() -> Notifier:
    from zona_notifiers.slack import SlackNotifier

    return SlackNotifier()


def _webhook() -> Notifier:
    from zona_notifiers.webhook import WebhookNotifier

    return WebhookNotifier()
