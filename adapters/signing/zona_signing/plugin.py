"""The plugin: the signature scheme ``ed25519``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.signatures import SignatureScheme

__all__ = ["zona_signature_schemes"]


@hookimpl
def zona_signature_schemes(details: PluginDetails) -> Mapping[str, Callable[[], SignatureScheme]]:  # noqa: ARG001
    """Signature schemes by name."""
    return {"ed25519": _ed25519}


def _ed25519() -> SignatureScheme:
    from zona_signing._ed25519 import Ed25519

    return Ed25519()
