"""Which passwords are taken (NIST SP 800-63B §5.1.1.2: length and context, no rules of composition)."""

from __future__ import annotations

from typing import Final

from zona_core.domain.secrets import Secret
from zona_core.errors import Fault, InvalidInput

__all__ = ["LONGEST_PASSWORD", "SHORTEST_PASSWORD", "checked_password", "password_faults"]

#: characters
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1024
#: how many characters a password must have beside the user's name
_BESIDE_NAME: Final = 8


def checked_password(password: str | Secret, user_name: str) -> str:
    """The password in clear; raises ``InvalidInput``."""
    if faults := password_faults(password, user_name):
        raise InvalidInput.of(faults, "The password")
    return password.reveal() if isinstance(password, Secret) else password


def password_faults(password: str | Secret, user_name: str) -> list[Fault]:
    """What is wrong with a new password; never with the password in it."""
    clear = password.reveal() if isinstance(password, Secret) else password
    if not isinstance(clear, str):
        return [Fault("password", "is not a text", "a str or a Secret")]
    if not SHORTEST_PASSWORD <= len(clear) <= LONGEST_PASSWORD:
        wanted = f"{SHORTEST_PASSWORD}-{LONGEST_PASSWORD} characters"
        return [Fault("password", f"has {len(clear)} characters", wanted)]
    if any("\ud800" <= char <= "\udfff" for char in clear):
        return [Fault("password", "is no Unicode text", "characters without lone surrogates")]
    rest = clear.casefold().replace(user_name.casefold(), "") if user_name else clear
    if len(rest) < min(len(clear), _BESIDE_NAME):
        return [Fault("password", "is little more than the user's name", "something that the name does not tell")]
    return []
