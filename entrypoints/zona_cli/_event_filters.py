"""Which events: the options that commands about events share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli._moments import MOMENT

if TYPE_CHECKING:
    from zona_core import EventFilter

__all__ = ["event_filter", "severity_name", "which_events"]

#: OCSF's names, as the core has them, which help does not wait for
_SEVERITIES: Final = ("unknown", "informational", "low", "medium", "high", "critical", "fatal")


def severity_name(number: int) -> str:
    """What a severity is called."""
    return _SEVERITIES[number] if number < len(_SEVERITIES) else "other"


def which_events(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the function gets them as ``which``, to be read by ``event_filter``."""
    names = ("since", "until", "source", "host", "user", "src_ip", "dst_ip", "class_uid", "severity", "instance_id")

    @functools.wraps(function)
    def gathering(*args: Any, **kwargs: Any) -> Any:
        which = {name: kwargs.pop(name) for name in names}
        return function(*args, which=which, **kwargs)

    options = (
        click.option("--since", type=MOMENT, metavar="TIME", help="Those that happened at this moment or later."),
        click.option("--until", type=MOMENT, metavar="TIME", help="Those that happened before this moment."),
        click.option("--source", default="", metavar="NAME", help="Those that came by this stream."),
        click.option("--host", default="", metavar="NAME", help="Those on this host."),
        click.option("--user", default="", metavar="NAME", help="Those of this user."),
        click.option("--src-ip", default="", metavar="ADDRESS", help="Those from this address."),
        click.option("--dst-ip", default="", metavar="ADDRESS", help="Those to this address."),
        click.option("--class", "class_uid", type=int, metavar="NUMBER", help="Those of this class of OCSF."),
        click.option("--severity", type=click.Choice(_SEVERITIES), help="Those of this severity or above."),
        click.option("--instance", "instance_id", type=int, metavar="ID", help="Those polled from this instance."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), gathering)


def event_filter(which: dict[str, Any]) -> EventFilter:
    """The filter that the options give."""
    from zona_core import EventFilter

    severity = which.pop("severity")
    return EventFilter(**which, severity_from=None if severity is None else _SEVERITIES.index(severity))
