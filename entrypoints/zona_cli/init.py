"""``zona init``: a place to work in, made once."""

from __future__ import annotations

import os
import re
import secrets
import stat
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

_ADMIN = "admin"
#: where the first administrator's password may come from
_PASSWORD_VARIABLE = "ZONA_ADMIN_PASSWORD"  # noqa: S105  # a name, not a secret
_PASSWORD_FILE = "admin.password"  # noqa: S105

_NEXT_STEPS = """\
Next:
  zona apps import-openapi FILE            an OpenAPI document becomes an app
  zona tasks list APP                      see what it can do
  zona instances add APP --title TITLE     connect it to an account
  zona run APP TASK NAME=VALUE             run a task
  zona serve                               offer all this over HTTP"""


@click.command(cls=Command)
@click.option("--print-key", is_flag=True, help="Print a new master key for an environment variable; make nothing.")
@pass_session
def init(session: Session, print_key: bool) -> None:
    """Make a place to work in.

    That is the home folder, the master key, the store, the default tenant and the user admin, whose password is written
    to a file unless ZONA_ADMIN_PASSWORD gives one. What is there already is left as it is; nothing is asked.
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
    password_file = Path(settings.home) / _PASSWORD_FILE
    admin_made = _make_admin(system, password_file)
    made: dict[str, dict[str, Any]] = {
        "home": {"path": settings.home, "created": home_made},
        "key": {"source": settings.keyring, "created": key_made},
        "store": {"url": _without_password(settings.store), "version": report.version, "notes": report.notes},
        "tenant": {"code": tenant, "created": tenant_made},
        "admin": {"name": _ADMIN, "created": admin_made},
    }
    if session.json:
        out.document(made)
    else:
        _show(made)
    _advise(session, settings, key_made=key_made, store_used=store_used)
    if admin_made and not os.environ.get(_PASSWORD_VARIABLE):
        out.note(session, f"\nThe password of {_ADMIN} is in {password_file}: log in, change it, remove the file.")


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


def _make_admin(system: System, password_file: Path) -> bool:
    """Makes the platform's first user if it has none; its password comes from the environment or lies in a file."""
    from zona_core import DuplicateKey

    if system.users.list(limit=1).items:
        return False
    # The file comes first: should the user not be made, it holds the password for the next attempt.
    password = os.environ.get(_PASSWORD_VARIABLE) or _kept_password(password_file)
    try:
        system.users.add(_ADMIN, password, display_name="Administrator", roles=["admin"])
    except DuplicateKey:  # another process was first
        return False
    return True


def _kept_password(path: Path) -> str:
    """The password in the file, which is made with a new one, for its owner's eyes alone, if it is not there yet."""
    from zona_core import ConfigurationError

    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
        try:
            os.link(draft, path)  # whole at once, and never in the place of another one
        except FileExistsError:
            _refuse_exposed(path)
        finally:
            draft.unlink()
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"the password file {path} cannot be made or read: {exc}") from exc


def _refuse_exposed(path: Path) -> None:
    from zona_core import ConfigurationError

    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid():
        raise ConfigurationError(
            f"the password file {path} is not its owner's alone",
            code="password_exposed",
            hint="remove it, or give it to this user with mode 0600",
        )


def _show(made: dict[str, dict[str, Any]]) -> None:
    store = made["store"]
    out.details(
        [
            ("Home", f"{made['home']['path']} ({_state(made['home'])})"),
            ("Master key", f"{made['key']['source']} ({_state(made['key'])})"),
            ("Store", f"{store['url']} (schema version {store['version']})"),
            ("Tenant", f"{made['tenant']['code']} ({_state(made['tenant'])})"),
            ("Administrator", f"{made['admin']['name']} ({_state(made['admin'])})"),
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
