"""The command line ``zona``: a thin shell around ``zona_core``.

A plugin's own click commands join it by the hook ``zona_cli_commands``; ``pass_session`` gives them what the built-in
commands work with: the ``Zona`` as the global options ask for it, and how to print.
"""

from __future__ import annotations

from zona_cli._session import Session, pass_session

__all__ = ["Session", "pass_session"]
