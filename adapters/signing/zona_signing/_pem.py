"""The raw keys in PEM texts (RFC 7468), and what to say of a text that has none.

Messages name the kind of what was given and never quote it: a private key may stand in the place of a public one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from zona_core.errors import Fault, InvalidInput

__all__ = ["private_of", "public_of", "refusal"]

_PUBLIC: Final = "PUBLIC KEY"
_PRIVATE: Final = "PRIVATE KEY"
_EXPECTED: Final = {
    _PUBLIC: "an Ed25519 public key in PEM: one block BEGIN PUBLIC KEY",
    _PRIVATE: "an Ed25519 private key in PEM, unencrypted: one block BEGIN PRIVATE KEY",
}
_BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
#: characters; an Ed25519 key has about 120, and what a tool writes around it is not a book
_LONGEST: Final = 10_000


def public_of(text: str) -> Ed25519PublicKey:
    """The public key in a PEM text; raises ``InvalidInput``."""
    found = _loaded(text, _PUBLIC, load_pem_public_key)
    if not isinstance(found, Ed25519PublicKey):
        raise refusal("public", _told(found), _EXPECTED[_PUBLIC])
    return found


def private_of(text: str) -> Ed25519PrivateKey:
    """The private key in a PEM text; raises ``InvalidInput``."""
    found = _loaded(text, _PRIVATE, lambda data: load_pem_private_key(data, password=None))
    if not isinstance(found, Ed25519PrivateKey):
        raise refusal("private", _told(found), _EXPECTED[_PRIVATE])
    return found


def refusal(which: str, problem: str, expected: str) -> InvalidInput:
    """The error for a key that is none."""
    return InvalidInput.of([Fault("", problem, expected)], f"The {which} key")


def _loaded(text: str, label: str, load: Callable[[bytes], object]) -> object:
    """The key in the text, or a sentence's end that says why there is none; the library's error is left behind."""
    problem = _problem(text, label)
    if problem:
        return problem
    try:
        return load(text.encode())
    except UnsupportedAlgorithm:
        return "it is of another kind than Ed25519"
    except (ValueError, TypeError):
        return "it cannot be read: it is damaged"


def _told(found: object) -> str:
    return found if isinstance(found, str) else f"it is of another kind ({type(found).__name__})"


def _problem(text: str, wanted: str) -> str:
    """What can be said of a text by its labels alone; empty if it may hold what is wanted."""
    labels = _BEGIN.findall(text[:_LONGEST])
    if len(text) > _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if not labels:
        return "it is not in PEM"
    if len(labels) > 1:
        return f"it is one of {len(labels)} PEM blocks in the text"
    if labels[0] == wanted:
        return ""
    if labels[0] == "ENCRYPTED PRIVATE KEY":
        return "it is an encrypted private key"
    return f"it is a PEM block {labels[0]}"
