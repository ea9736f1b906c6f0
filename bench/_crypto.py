"""What sealing and opening a field costs, against AES-256-GCM alone: by the cipher, and into and out of a document."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from _report import Figure, figure, side_by_side
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zona_aesgcm import AesGcmKeyring
from zona_core import Secret
from zona_core.persistence.sealing import Sealer
from zona_core.ports.cipher import FieldCipher

__all__ = ["measure"]

#: how many times the bare call's time a seal or an open may take
GOAL = 1.6
SIZES = {"40 B": 40, "1 kB": 1024}
CONTEXT = b"\0\0\0\4acme\0\0\0\x09instances\0\0\0\x0212\0\0\0\x0evalues.api_key"

Call = Callable[[], Any]


def measure(quick: bool) -> list[Figure]:
    """Figures in microseconds a call; the baseline is a bare ``AESGCM`` call with the same data and associated data.

    That of sealing draws a nonce, too. A field of a document is that call and everything around it: the context is
    made, the token written and read as base64, the ``Secret`` made and revealed.
    """
    rounds, calls = (15, 1_000) if quick else (40, 5_000)
    cipher = AesGcmKeyring([os.urandom(32)]).for_tenant("acme")
    figures = []
    for label, size in SIZES.items():
        bare_seal, bare_open = _bare(size)
        rows = {
            f"seal {label} : bare AESGCM call": (_seal(cipher, size), bare_seal),
            f"open {label} : bare AESGCM call": (_open(cipher, size), bare_open),
            f"seal {label} into a document : bare AESGCM call": (_seal_field(cipher, size), bare_seal),
            f"open {label} from a document : bare AESGCM call": (_open_field(cipher, size), bare_open),
        }
        for name, (ours, baseline) in rows.items():
            figures.append(figure(name, *side_by_side(ours, baseline, rounds=rounds, calls=calls), goal=GOAL))
    return figures


def _bare(size: int) -> tuple[Call, Call]:
    aead, nonce, data, context = AESGCM(os.urandom(32)), os.urandom(12), b"x" * size, CONTEXT
    sealed = aead.encrypt(nonce, data, context)
    return lambda: aead.encrypt(os.urandom(12), data, context), lambda: aead.decrypt(nonce, sealed, context)


def _seal(cipher: FieldCipher, size: int) -> Call:
    clear = "x" * size
    return lambda: cipher.seal(clear, CONTEXT)


def _open(cipher: FieldCipher, size: int) -> Call:
    token = cipher.seal("x" * size, CONTEXT)
    return lambda: cipher.open(token, CONTEXT)


def _seal_field(cipher: FieldCipher, size: int) -> Call:
    sealer, secret = _sealer(cipher), Secret("x" * size)
    return lambda: sealer.seal({"_id": "12", "values": {"api_key": secret}})


def _open_field(cipher: FieldCipher, size: int) -> Call:
    sealer = _sealer(cipher)
    value = sealer.seal({"_id": "12", "values": {"api_key": Secret("x" * size)}})["values"]["api_key"]

    def read() -> str:
        secret: Secret = sealer.unseal({"_id": "12", "values": {"api_key": value}})["values"]["api_key"]
        return secret.reveal()

    return read


def _sealer(cipher: FieldCipher) -> Sealer:
    return Sealer(lambda: cipher, "acme", "instances", ("values",))
