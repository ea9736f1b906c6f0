"""Which alerts: the options that commands about alerts share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from zona_cli._moments import MOMENT

if TYPE_CHECKING:
    from zona_core.usecases._alert_search import AlertFilter

__all__ = ["SEVERITIES", "alert_filter", "which_alerts"]

#: as the core has them, which help does not wait for
SEVERITIES: Final = ("informational", "low", "medium", "high", "critical")
_STATES: Final = ("open", "acknowledged", "closed", "suppressed")


def which_alerts(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the function gets them as ``which``, to be read by ``alert_filter``."""
    names = ("state", "severity_from", "rule", "entity", "case_id", "policy_id", "owner", "since", "until")

    @functools.wraps(function)
    def gathering(*args: Any, **kwargs: Any) -> Any:
        which = {name: kwargs.pop(name) for name in names}
        return function(*args, which=which, **kwargs)

    options = (
        click.option("--state", type=click.Choice(_STATES), help="Those in this state."),
        click.option("--severity", "severity_from", type=click.Choice(SEVERITIES), help="Of this severity or above."),
        click.option("--rule", default="", metavar="ID", help="Those of this rule."),
        click.option("--entity", default="", metavar="NAME", help="Those about this, as host:ws-7."),
        click.option("--case", "case_id", type=int, metavar="ID", help="Those of this case; 0: of none."),
        click.option("--policy", "policy_id", type=int, metavar="ID", help="Those of this policy; 0: the default."),
        click.option("--owner", default="", metavar="NAME", help="Those that are this person's."),
        click.option("--since", type=MOMENT, metavar="TIME", help="The last event happened at this moment or later."),
        click.option("--until", type=MOMENT, metavar="TIME", help="It happened before this moment."),
    )
    return functools.reduce(lambda made, option: option(made), reversed(options), gathering)


def alert_filter(which: dict[str, Any]) -> AlertFilter:
    """The filter that the options give."""
    from zona_core.domain.alerts import AlertState
    from zona_core.usecases._alert_search import AlertFilter

    state, severity = which.pop("state"), which.pop("severity_from")
    return AlertFilter(**which, state=AlertState(state) if state else None, severity_from=severity or "")
