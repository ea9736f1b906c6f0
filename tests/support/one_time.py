"""One-time codes as a user's device makes them."""

from __future__ import annotations

import hmac
from base64 import b32decode
from typing import Any

__all__ = ["code_at"]


def code_at(codes: Any, secret: str, clock: Any) -> str:
    """The code of this moment (RFC 6238 §4, RFC 4226 §5.3), which ``codes`` take."""
    step = int(clock.now().timestamp()) // 30
    digest = hmac.digest(b32decode(secret + "=" * (-len(secret) % 8)), step.to_bytes(8), "sha1")
    start = digest[-1] & 15
    code = f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06d}"
    assert codes.step(secret, code, clock.now()) is not None
    return code
