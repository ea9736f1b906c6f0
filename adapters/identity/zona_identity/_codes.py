"""Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, six digits, steps of 30 seconds."""

from __future__ import annotations

import os
from base64 import b32decode, b32encode
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

__all__ = ["TotpCodes"]

_STEP_SECONDS: Final = 30
_DIGITS: Final = 6
#: RFC 4226 §4 (R6) recommends 160 bits; it makes 32 characters of base32, without padding
_SECRET_BYTES: Final = 20
#: steps before and after the current one that count as well (RFC 6238 §5.2)
_BESIDE: Final = 1


class TotpCodes:
    """One-time codes; see ``zona_core.ports.identity.OneTimeCodes``."""

    def new_secret(self) -> str:
        """160 random bits in base32."""
        return b32encode(os.urandom(_SECRET_BYTES)).decode()

    def uri(self, secret: str, account: str, issuer: str) -> str:
        """What an authenticator app reads from a QR code. Raises ``ValueError`` for what is no secret."""
        return _totp(secret).get_provisioning_uri(account, issuer)

    def step(self, secret: str, code: str, at: datetime) -> int | None:
        """The step whose code is ``code``, the latest of several; None also for what is no secret or no code.

        Spaces in ``code``, which apps show, do not count. The time taken does not tell which step it was.
        """
        digits = code.replace(" ", "")
        if len(digits) != _DIGITS or not (digits.isascii() and digits.isdigit()):
            return None
        try:
            totp = _totp(secret)
        except ValueError:
            return None
        given = digits.encode()
        current = int(at.timestamp()) // _STEP_SECONDS
        found = None
        for step in range(max(current - _BESIDE, 0), current + _BESIDE + 1):
            if bytes_eq(totp.generate(step * _STEP_SECONDS), given):
                found = step
        return found


def _totp(secret: str) -> TOTP:
    """Raises ``ValueError`` for what is no base32 of 128 bits or more."""
    # SHA-1 is what apps support; the attacks on it do not touch HMAC (RFC 6238 §1.2 allows others).
    return TOTP(b32decode(secret, casefold=True), _DIGITS, SHA1(), _STEP_SECONDS)  # noqa: S303
