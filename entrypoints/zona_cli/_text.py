"""Text for people: what came from elsewhere is made harmless for a terminal."""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["counted", "json_text", "one_line", "printable"]

# C0 and C1 controls (escape sequences begin with one), lone surrogates (no stream can encode them), and the characters
# that turn the direction of writing, with which a text can be made to look like another (Unicode TR 36, §2.10).
_UNSAFE: Final = r"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_UNSAFE_CHAR: Final = re.compile(f"[{_UNSAFE}]")


def printable(text: object) -> str:
    """``text`` with unsafe characters as ``\\x1b`` and the like; tabs and line breaks stay."""
    return _UNSAFE_CHAR.sub(_escaped, str(text).replace("\r\n", "\n"))


def one_line(text: object) -> str:
    """``printable`` with every run of white space as one blank."""
    return " ".join(printable(text).split())


def counted(count: int, what: str) -> str:
    """``1 app``, ``2 apps``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def json_text(data: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:
    """``data`` as JSON in which unsafe characters are escaped as JSON escapes them."""
    import json

    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    # Outside of strings JSON has no such character, so that replacing them changes no structure.
    return _UNSAFE_CHAR.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
