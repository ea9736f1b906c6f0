"""Completion in the shell: the scripts, and the names that only the store knows."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, shell_complete

from zona_cli._session import Session
from zona_cli._text import one_line

if TYPE_CHECKING:
    from zona_core import Workspace

__all__ = [
    "app_titles",
    "channel_titles",
    "complete",
    "credential_titles",
    "feed_titles",
    "instance_titles",
    "notifier_names",
    "package_key_names",
    "playbook_titles",
    "policy_titles",
    "run_ids",
    "schedule_titles",
    "task_tags",
    "tenant_codes",
]

_MOST: Final = 1_000


class _QuotingBash(BashComplete):
    """Bash puts a word on the command line as it is given: what the shell would read otherwise is quoted here.

    Twice, as the script reads its answer with a ``read`` that takes one layer of backslashes away.
    """

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """See click."""
        quoted = re.sub(r"([^\w@%+:,./=-])", r"\\\1", str(item.value))
        return f"{item.type}," + quoted.replace("\\", "\\\\")


def complete(cli: click.Command, variable: str) -> NoReturn:
    """Answers a completion script, which may see no error, and ends the process."""
    add_completion_class(_QuotingBash)
    code = 1
    with contextlib.suppress(Exception), open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        code = shell_complete(cli, {}, "zona", variable, os.environ[variable])
    sys.stdout.flush()
    sys.exit(code)


def app_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of apps."""
    return _offered(ctx, incomplete, lambda here: (app.title for app in here.apps.list(limit=_MOST).items))


def channel_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of channels."""
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.channels.list(limit=_MOST).items))


def policy_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of policies."""
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.policies.list(limit=_MOST).items))


def notifier_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of notifiers."""
    plugins = ctx.ensure_object(Session).zona.plugins
    return _offered(ctx, incomplete, lambda _: plugins.offers["notifiers"])


def task_tags(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Tags of the tasks of the app that stands before."""
    app = ctx.params["app"]
    return _offered(ctx, incomplete, lambda here: (task.task_tag for task in here.tasks.list(app, limit=_MOST).items))


def instance_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of the instances of the app that stands before."""
    app = ctx.params["app"]
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.instances.list(app, limit=_MOST).items))


def credential_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of credentials."""
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.credentials.list(limit=_MOST).items))


def feed_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of feeds."""
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.feeds.list(limit=_MOST).items))


def package_key_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of the keys of packages."""
    return _offered(ctx, incomplete, lambda here: (key.name for key in here.package_keys.list(limit=_MOST).items))


def playbook_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of playbooks."""
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.playbooks.list(limit=_MOST).items))


def run_ids(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Ids of the latest runs."""
    return _offered(ctx, incomplete, lambda here: (run.id for run in here.runs.list(limit=_MOST).items))


def schedule_titles(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Titles of schedules."""
    return _offered(ctx, incomplete, lambda here: (each.title for each in here.schedules.list(limit=_MOST).items))


def tenant_codes(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Codes of tenants."""
    system = ctx.ensure_object(Session).system
    return _offered(ctx, incomplete, lambda _: (each.tenant_code for each in system().tenants.list(limit=_MOST).items))


def _offered(
    ctx: click.Context, incomplete: str, names: Callable[[Workspace], Iterable[str]]
) -> list[CompletionItem[str]]:
    """Those of ``names`` that begin with what was typed; none if anything is in the way."""
    session = ctx.ensure_object(Session)
    try:
        if not _is_there(session):
            return []
        found = [name for name in names(session.workspace()) if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001  # a word that cannot be completed is no reason to disturb anyone
        return []
    finally:
        session.close()
    return [CompletionItem(name) for name in found if one_line(name) == name]


def _is_there(session: Session) -> bool:
    """Whether store and tenant exist: completion makes neither."""
    from zona_core import NotFound

    settings = session.settings()
    store = urlsplit(settings.store)
    if not store.netloc and not Path(unquote(store.path[1:])).exists():
        return False  # a URL without a host names a file
    try:
        session.system().tenants.get(session.tenant or settings.tenant)
    except NotFound:
        return False
    return True
