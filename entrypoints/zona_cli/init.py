"""``zona init``: a place to work in, made once."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zona_cli import _output as out
from zona_cli._commands import Command
from zona_cli._session import Session, pass_session

if TYPE_CHECKING:
    from zona_core import Settings, System

__all__ = ["init"]

_KEY_BYTES = 32

_NEXT_STEPS = """\
Next:
  zona apps import-openapi FILE            an OpenAPI document becomes an app
  zona tasks list APP                      see what it can do
  zona instances add APP --title TITLE     connect it to an account
  zona run APP TASK NAME=VALUE             run a task"""


@click.command(cls=Command)
@click.option("--print-key", is_flag=True, help="Print a new master key for an environment variable; make nothing.")
@pass_session
def init(session: Session, print_key: bool) -> None:
    """Make a place to work in.

    That is the home folder, the master key, the store and the default tenant. What is there already is left as it is;
    nothing is asked.
    """
    if print_key:
        click.echo(b64encode(secrets.token_bytes(_KEY_BYTES)))
        return
    settings = session.settings()
    home_made = _make_folder(Path(settings.home))
    key_made = session.zona.create_key()
    system = session.system()
    report = system.store.migrate()
    store_used = bool(system.tenants.list(limit=1).items)
    tenant = session.tenant or settings.tenant
    tenant_made = _make_tenant(system, tenant)
    made: dict[str, dict[str, Any]] = {
        "home": {"path": settings.home, "created": home_made},
        "key": {"source": settings.keyring, "created": key_made},
        "store": {"url": _without_password(settings.store), "version": report.version, "notes": report.notes},
        "tenant": {"code": tenant, "created": tenant_made},
    }
    if session.json:
        out.document(made)
    else:
        _show(made)
    _advise(session, settings, key_made=key_made, store_used=store_used)


def _make_folder(home: Path) -> bool:
    from zona_core import ConfigurationError

    if home.is_dir():
        return False
    try:
        home.mkdir(mode=0o700, parents=True)
    except OSError as exc:
        raise ConfigurationError(f"the folder {home} cannot be made: {exc.strerror}") from exc
    return True


def _make_tenant(system: System, code: str) -> bool:
    from zona_core import DuplicateKey

    try:
        system.tenants.add(code)
    except DuplicateKey:
        return False
    return True


def _show(made: dict[str, dict[str, Any]]) -> None:
    store = made["store"]
    out.details(
        [
            ("Home", f"{made['home']['path']} ({_state(made['home'])})"),
            ("Master key", f"{made['key']['source']} ({_state(made['key'])})"),
            ("Store", f"{store['url']} (schema version {store['version']})"),
            ("Tenant", f"{made['tenant']['code']} ({_state(made['tenant'])})"),
        ]
    )


def _state(part: dict[str, Any]) -> str:
    return "made" if part["created"] else "was there"


def _advise(session: Session, settings: Settings, *, key_made: bool, store_used: bool) -> None:
    if key_made and store_used:
        out.warn(
            session,
            "the store is older than this master key, which opens none of the secrets in it: put the key that sealed "
            "them in a line below the new one",
        )
    if key_made:
        out.warn(
            session,
            "whoever loses the master key loses every stored secret: keep a copy of it, apart from copies of the store",
        )
    elif not settings.keyring.startswith("file:"):
        out.note(session, f"no key file was made: the master key comes from {settings.keyring}")
    out.note(session, "\n" + _NEXT_STEPS)


def _without_password(url: str) -> str:
    """``url`` without the user and password that some stores' URLs carry, and without options."""
    return re.sub(r"//[^/@]*@", "//", url).partition("?")[0]
