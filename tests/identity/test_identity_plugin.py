"""The proofs of identity are found by name, through the hooks that everyone uses."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

import zona_identity.plugin
from zona_core.hookspecs import PluginDetails

DETAILS = PluginDetails(version="1")
NOW = datetime(2024, 5, 1, tzinfo=UTC)


def test_each_name_gives_its_part() -> None:
    """The factories give what their names say."""
    hashers = zona_identity.plugin.zona_password_hashers(DETAILS)
    signers = zona_identity.plugin.zona_token_signers(DETAILS)
    codes = zona_identity.plugin.zona_one_time_codes(DETAILS)
    assert (set(hashers), set(signers), set(codes)) == ({"argon2id"}, {"EdDSA", "HS256"}, {"totp"})
    assert hashers["argon2id"]().hash("x").startswith("$argon2id$")
    assert {made().new_key("k", NOW).algorithm for made in signers.values()} == {"EdDSA", "HS256"}
    assert codes["totp"]().step(codes["totp"]().new_secret(), "", NOW) is None


@pytest.mark.parametrize("absent", ["cryptography", "jwt"])
def test_loading_is_light(absent: str) -> None:
    """The plugin imports its libraries when they are used."""
    program = f"import sys, zona_identity.plugin; print({absent!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "False\n"
