"""The scheme is found by name, through the hook that everyone uses."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zona_signing.plugin
from zona_core import NotFound, Zona
from zona_core.hookspecs import PluginDetails


def test_the_name_gives_the_scheme() -> None:
    """``ed25519`` is the one that there is, and the one that is taken without a name."""
    factories = zona_signing.plugin.zona_signature_schemes(PluginDetails(version="1"))
    assert set(factories) == {"ed25519"}
    pair = factories["ed25519"]().new_pair()
    with Zona(store="memory://") as zona:
        assert "ed25519" in zona.plugins.offers["signature schemes"]
        scheme = zona._parts.signature_scheme()
        assert scheme.verify(pair.public, b"message", scheme.sign(pair.private, b"message"))
        with pytest.raises(NotFound):
            zona.plugins.signature_scheme("rot13")


def test_loading_is_light() -> None:
    """The plugin imports the library when the scheme is asked for."""
    program = "import sys, zona_signing.plugin; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"
