"""What sealing and opening a field costs, against AES-256-GCM alone."""

from __future__ import annotations

import os
import timeit
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zona_aesgcm import AesGcmKeyring

__all__ = ["measure"]

#: how many times the bare call's time a seal or an open may take
GOAL = 1.6
CONTEXT = b"acme/instances/12/values.api_key"
SIZES = {"40 B": 40, "1 kB": 1024}


def measure(quick: bool) -> list[dict[str, Any]]:
    """Figures in microseconds a call; the baseline is a bare ``AESGCM`` call with the same data and associated data.

    That of sealing draws a nonce, too. A token is ASCII text and the bare call's result is bytes: what turns one
    into the other is in the ratio.
    """
    rounds, calls = (5, 2_000) if quick else (15, 20_000)
    cipher = AesGcmKeyring([os.urandom(32)]).for_tenant("acme")
    bare = AESGCM(os.urandom(32))
    bound = b"zs1.01234567." + CONTEXT
    figures = []
    for label, size in SIZES.items():
        clear = "x" * size
        data, token, nonce = clear.encode(), cipher.seal(clear, CONTEXT), os.urandom(12)
        sealed = bare.encrypt(nonce, data, bound)
        pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "seal": (
                lambda clear=clear: cipher.seal(clear, CONTEXT),
                lambda data=data: bare.encrypt(os.urandom(12), data, bound),
            ),
            "open": (
                lambda token=token: cipher.open(token, CONTEXT),
                lambda nonce=nonce, sealed=sealed: bare.decrypt(nonce, sealed, bound),
            ),
        }
        for verb, (ours, baseline) in pairs.items():
            figures.append(_figure(f"{verb} {label}", ours, baseline, rounds, calls))
    return figures


def _figure(name: str, ours: Callable[[], Any], baseline: Callable[[], Any], rounds: int, calls: int) -> dict[str, Any]:
    # Side by side, so that a busy moment of the machine meets both; the best round of each counts.
    times = [(timeit.timeit(ours, number=calls), timeit.timeit(baseline, number=calls)) for _ in range(rounds)]
    value, bare = (min(column) / calls * 1e6 for column in zip(*times, strict=True))
    ratio = value / bare
    return {
        "name": name,
        "value": round(value, 3),
        "baseline": round(bare, 3),
        "ratio": round(ratio, 2),
        "goal": GOAL,
        "holds": ratio <= GOAL,
    }
