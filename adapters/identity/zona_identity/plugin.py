"""The plugin: Argon2id password hashes, EdDSA and HS256 access tokens, TOTP codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zona_core.hookspecs import PluginDetails, hookimpl
from zona_core.ports.identity import OneTimeCodes, PasswordHasher, TokenSigner

__all__ = ["zona_one_time_codes", "zona_password_hashers", "zona_token_signers"]


@hookimpl
def zona_password_hashers(details: PluginDetails) -> Mapping[str, Callable[[], PasswordHasher]]:  # noqa: ARG001
    """The hasher ``argon2id``."""
    return {"argon2id": _argon2id}


@hookimpl
def zona_token_signers(details: PluginDetails) -> Mapping[str, Callable[[], TokenSigner]]:  # noqa: ARG001
    """Signers by algorithm: one key pair, or one shared key."""
    return {"EdDSA": _eddsa, "HS256": _hs256}


@hookimpl
def zona_one_time_codes(details: PluginDetails) -> Mapping[str, Callable[[], OneTimeCodes]]:  # noqa: ARG001
    """The codes of authenticator apps, ``totp``."""
    return {"totp": _totp}


def _argon2id() -> PasswordHasher:
    from zona_identity._passwords import Argon2idHasher

    return Argon2idHasher()


def _eddsa() -> TokenSigner:
    from zona_identity._tokens import EdDsaSigner

    return EdDsaSigner()


def _hs256() -> TokenSigner:
    from zona_identity._tokens import Hs256Signer

    return Hs256Signer()


def _totp() -> OneTimeCodes:
    from zona_identity._codes import TotpCodes

    return TotpCodes()
