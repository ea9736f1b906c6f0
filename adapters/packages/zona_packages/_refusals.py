"""Why a package is refused: one error for each reason, with the place."""

from __future__ import annotations

from typing import Final

from zona_core.errors import Fault, InvalidPackage
from zona_core.ports.packages import PACKAGE_VERSION

__all__ = ["damaged", "mismatch", "too_deep", "too_large", "too_new"]

#: characters of the package itself that an error shows
_SHOWN: Final = 80


def damaged(path: str, message: str, expected: str = "") -> InvalidPackage:
    """Something is not as a package has it; ``path`` names the record or the file."""
    return _refused("package_damaged", "The package is damaged", Fault(path, message, expected))


def too_large(path: str, what: str, most: int) -> InvalidPackage:
    """There is more of something than the limits allow."""
    return _refused("package_too_large", "The package is too large", Fault(path, f"too many {what}", f"at most {most}"))


def too_deep(path: str, most: int) -> InvalidPackage:
    """Objects and lists stand in one another too deeply."""
    fault = Fault(path, "objects and lists are nested too deeply", f"at most {most} levels")
    return _refused("package_too_deep", "The package is nested too deeply", fault)


def too_new(version: int) -> InvalidPackage:
    """The package has a version that is not known yet."""
    shown = str(version)[:_SHOWN]
    fault = Fault("version", f"version {shown} is newer than this Zona", f"at most {PACKAGE_VERSION}")
    return _refused("package_too_new", "The package cannot be read", fault, hint="Update Zona, or export again.")


def mismatch(path: str, message: str, hint: str = "") -> InvalidPackage:
    """The records are not those that the digest was made of."""
    return _refused("digest_mismatch", "The package is not what it was", Fault(path, message), hint)


def _refused(code: str, what: str, fault: Fault, hint: str = "") -> InvalidPackage:
    return InvalidPackage(f"{what}: {fault}", code=code, faults=(fault,), hint=hint)
