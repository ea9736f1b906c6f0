"""Parts of the service that are installed by an extra, or not at all."""

from __future__ import annotations

from importlib.util import find_spec

from zona_core import ConfigurationError

__all__ = ["require_extra"]


def require_extra(extra: str, *modules: str, who: str = "the service") -> None:
    """Raises ``ConfigurationError`` (``extra_missing``) if a module that ``who`` needs is not installed."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{who} needs {', '.join(missing)}, not installed here",
            code="extra_missing",
            hint=f'pip install "zona[{extra}]"',
        )
