"""Field encryption by AES-256-GCM under master keys from the environment or a file (SPEC §5).

``AesGcmKeyring`` is imported when it is first asked for: what only makes or names keys loads no cryptographic library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zona_aesgcm._key_files import create_key_file

if TYPE_CHECKING:
    from zona_aesgcm._cipher import AesGcmKeyring

__all__ = ["AesGcmKeyring", "create_key_file"]


def __getattr__(name: str) -> Any:
    if name == "AesGcmKeyring":
        from zona_aesgcm._cipher import AesGcmKeyring

        return AesGcmKeyring
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
