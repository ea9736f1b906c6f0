"""What one call of ``zona`` was asked with, and the ``Zona`` that answers it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zona_core import Actor, Settings, System, Workspace, Zona

__all__ = ["Session", "login_name", "pass_session"]


class Session:
    """The global options as they were given, and the ``Zona`` made from them when it is first needed."""

    def __init__(self) -> None:
        #: options that are settings, by their names
        self.options: dict[str, str] = {}
        #: the tenant that was named; None for the one of the settings. Not a setting itself: the tenant that is set is
        #: made when it is first entered, one that is merely named must be there.
        self.tenant: str | None = None
        #: "table", "json", or None as long as nobody has said
        self.output: str | None = None
        self._zona: Zona | None = None

    @property
    def json(self) -> bool:
        """Whether output is for programs."""
        return self.output == "json"

    @property
    def actor(self) -> Actor:
        """Whoever sits at the command line: an operator, who may do everything."""
        from zona_core import Actor

        return Actor.trusted(f"cli:{login_name()}")

    @property
    def zona(self) -> Zona:
        """The ``Zona``; raises ``ConfigurationError``."""
        if self._zona is None:
            from zona_core import Zona

            self._zona = Zona(self.settings())
        return self._zona

    def settings(self) -> Settings:
        """The settings that the options, the environment and ``zona.toml`` give; raises ``ConfigurationError``."""
        from zona_core import load_settings

        return load_settings(self.options)

    def system(self) -> System:
        """The door to what is above tenants; raises ``ConfigurationError``."""
        return self._made().system(self.actor)

    def workspace(self) -> Workspace:
        """The door to the tenant that ``--tenant`` or the settings name; raises as ``Zona.tenant`` does."""
        return self._made().tenant(self.tenant, actor=self.actor)

    def _made(self) -> Zona:
        from zona_core import ConfigurationError

        settings = self.zona.settings
        home = Path(settings.home)
        if not home.is_dir() and str(home.absolute()) in settings.store:
            raise ConfigurationError(
                f"there is no folder {home}",
                code="not_initialised",
                hint="zona init makes it, with all that goes in it",
            )
        return self.zona

    def close(self) -> None:
        """Ends what was opened."""
        if self._zona is not None:
            self._zona.close()
            self._zona = None


def login_name() -> str:
    """The user whom this process runs as.

    NOTE: not ``getpass.getuser``, which believes the environment: the name goes into the audit trail.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without an entry for its user
        return f"uid-{os.getuid()}"


#: gives a command the ``Session`` as its first argument
pass_session = click.make_pass_decorator(Session, ensure=True)
