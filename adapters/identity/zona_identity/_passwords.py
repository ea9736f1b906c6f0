"""Password hashes by Argon2id (RFC 9106), kept as PHC text.

A password is normalised to NFKC first, so that it is the same from every keyboard (NIST SP 800-63B §3.1.1.2), and is
1 to 1024 characters long: what is longer costs time and protects nothing more.
"""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from zona_core.errors import Fault, InvalidInput

__all__ = ["LONGEST_PASSWORD", "Argon2idHasher"]

#: characters, before normalisation
LONGEST_PASSWORD: Final = 1024

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
# The parameters of OWASP's Password Storage Cheat Sheet.
_MEMORY_KIB: Final = 19_456
_ITERATIONS: Final = 2
_LANES: Final = 1

# NOTE: a stored hash says itself what checking it costs. One that asks for more than this is none of ours: it was put
# there to bring the process down.
_MOST_MEMORY_KIB: Final = 128 * 1024
_MOST_ITERATIONS: Final = 8
_MOST_LANES: Final = 8

#: base64 without padding: a salt of 8-64 bytes, a hash of 16-64 bytes
_PHC: Final = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]?),p=([1-9][0-9]?)"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})",
)


class Argon2idHasher:
    """Hashes passwords; see ``zona_core.ports.identity.PasswordHasher``.

    A hash takes ``memory_kib`` KiB while it is made or checked, and the interpreter runs other threads meanwhile.
    """

    def __init__(self, *, memory_kib: int = _MEMORY_KIB, iterations: int = _ITERATIONS, lanes: int = _LANES) -> None:
        self._cost = (memory_kib, iterations, lanes)

    def hash(self, password: str) -> str:
        """A hash with a salt of its own.

        Raises ``InvalidInput`` with code ``invalid_password`` for one that is empty, too long or no Unicode text.
        """
        material = _material(password)
        if material is None:
            fault = Fault("password", "is not usable as a password", f"1-{LONGEST_PASSWORD} characters of Unicode text")
            raise InvalidInput("The password cannot be used.", code="invalid_password", faults=[fault])
        memory, iterations, lanes = self._cost
        made = Argon2id(
            salt=os.urandom(_SALT_BYTES), length=_HASH_BYTES, iterations=iterations, lanes=lanes, memory_cost=memory
        )
        return made.derive_phc_encoded(material)

    def verify(self, password: str, encoded: str) -> bool:
        """Whether ``encoded`` is a hash of ``password``; what is no password or no hash gives False, never an error."""
        material = _material(password)
        if material is None or not _is_affordable(encoded):
            return False
        try:
            Argon2id.verify_phc_encoded(material, encoded)
        except (InvalidKey, ValueError):  # another password; a text that has the form of a hash and is none
            return False
        return True

    def outdated(self, encoded: str) -> bool:
        """Whether ``hash`` would use other parameters now; True for what is no hash at all."""
        found = _parsed(encoded)
        return found is None or found != (*self._cost, _text_length(_SALT_BYTES), _text_length(_HASH_BYTES))

    def __repr__(self) -> str:
        return "<Argon2idHasher, m={}, t={}, p={}>".format(*self._cost)


def _material(password: object) -> bytes | None:
    """The bytes that are hashed; None for what is no password."""
    if not isinstance(password, str) or not 1 <= len(password) <= LONGEST_PASSWORD:
        return None
    try:
        return unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:  # lone surrogates
        return None


def _parsed(encoded: object) -> tuple[int, int, int, int, int] | None:
    """Memory, iterations, lanes, and how many characters long salt and hash are; None for what is no hash."""
    found = _PHC.fullmatch(encoded) if isinstance(encoded, str) else None
    if found is None:
        return None
    memory, iterations, lanes, salt, digest = found.groups()
    return int(memory), int(iterations), int(lanes), len(salt), len(digest)


def _is_affordable(encoded: object) -> bool:
    found = _parsed(encoded)
    if found is None:
        return False
    memory, iterations, lanes, _, _ = found
    return memory <= _MOST_MEMORY_KIB and iterations <= _MOST_ITERATIONS and lanes <= _MOST_LANES


def _text_length(count: int) -> int:
    """How many characters ``count`` bytes take in base64 without padding."""
    return (count * 8 + 5) // 6
