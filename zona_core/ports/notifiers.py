"""The notifier port: brings notifications to people, over one kind of channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from zona_core.domain.fields import Field
from zona_core.domain.network import NetworkPolicy
from zona_core.domain.notifications import Notification
from zona_core.errors import Fault

__all__ = ["Notifier"]


class Notifier(Protocol):
    """Delivers notifications. Called from several threads at once.

    One that keeps connections may have a method ``close()``; it is called when the ``Zona`` is closed.
    """

    @property
    def options(self) -> tuple[Field, ...]:
        """What a channel says about where to deliver and how; secrets are fields of the kind ``secret``."""

    def faults(self, options: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with a channel's options, which fit ``options`` each by itself; paths are their names."""

    def send(
        self, notification: Notification, options: Mapping[str, Any], network: NetworkPolicy, timeout: float
    ) -> None:
        """Delivers within ``timeout`` seconds; secrets among the options are ``Secret``: they are revealed late.

        Returns once the other side has taken it. Raises ``NotificationFailed``, and nothing else: whether it may be
        tried again, and after how many seconds, is in it. No secret is in its text.
        """
