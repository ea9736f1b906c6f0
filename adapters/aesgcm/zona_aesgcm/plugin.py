"""The plugin: keyrings ``env:NAME`` and ``file:PATH``, and the making of new keys for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from zona_core.hookspecs import PluginDetails, hookimpl

if TYPE_CHECKING:
    from zona_core.ports.cipher import Keyring

__all__ = ["zona_key_makers", "zona_keyrings"]


@hookimpl
def zona_keyrings(details: PluginDetails) -> Mapping[str, Callable[[str], Keyring]]:  # noqa: ARG001  # the hook's shape
    """Keyrings by URL scheme."""
    return {"env": _from_environment, "file": _from_file}


@hookimpl
def zona_key_makers(details: PluginDetails) -> Mapping[str, Callable[[str], bool]]:  # noqa: ARG001  # the hook's shape
    """What makes a new key, by URL scheme: a file is made; a variable can only be there already."""
    return {"env": _expect_variable, "file": _make_file}


def _from_environment(url: str) -> Keyring:
    from zona_aesgcm._sources import from_environment

    return from_environment(url)


def _from_file(url: str) -> Keyring:
    from zona_aesgcm._sources import from_file

    return from_file(url)


def _expect_variable(url: str) -> bool:
    from zona_aesgcm._key_places import key_texts

    key_texts(url)
    return False


def _make_file(url: str) -> bool:
    from zona_aesgcm._key_files import create_key_file
    from zona_aesgcm._key_places import key_path

    return create_key_file(key_path(url))
