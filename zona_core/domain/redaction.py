"""Keeping secrets out of what a run leaves behind (SPEC §5: masking wherever a secret could be shown)."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from zona_core.errors import Fault

from .secrets import MASK, Secret

__all__ = ["Redactor"]

#: shorter secrets are masked only where they are the whole text: within others they would blot out half of it
_SHORTEST_PART: Final = 4

#: what no encoder but base64 changes
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*\Z")
#: what percent-encoders leave as it is: no reserved character, a path's, a query's (RFC 3986 §2.2)
_SAFE_SETS: Final = ("", "/", "/:@!$&'()*+,;=~", "/?:@!$'()*,;=")
_TRIPLET: Final = re.compile(r"%[0-9A-F]{2}")
#: what JSON writers escape without need: nothing, slashes, what is special in HTML, and that with quotes and more
_JSON_ESCAPED: Final = ("", "/", "&<>", "&<>'+`\"")
#: how quotes are written in HTML, where they are escaped
_HTML_QUOTES: Final = tuple(
    str.maketrans({'"': double, "'": single})
    for double in ('"', "&quot;", "&#34;")
    for single in ("'", "&#x27;", "&#39;", "&#039;")
)


class Redactor:
    """Masks secrets wherever they stand in texts and data, encoded forms included. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: frozenset[str] = frozenset()
        #: the longest first, so that no part of one remains
        self._parts: tuple[str, ...] = ()

    def conceal(self, secret: str) -> None:
        """From now on ``secret`` is masked, and what encoders for JSON, URLs, HTML and base64 make of it."""
        if not secret or secret in self._parts:
            return
        # Headers and forms lose the blanks at either end.
        for text in {secret, secret.strip()} - {""}:
            forms = frozenset(_forms(text))
            with self._lock:
                self._whole |= forms
                if len(text) >= _SHORTEST_PART:
                    self._parts = tuple(sorted({*self._parts, *forms}, key=len, reverse=True))

    def conceal_all(self, values: Iterable[Any]) -> None:
        """Conceals each ``Secret`` among ``values``."""
        for value in values:
            if isinstance(value, Secret):
                self.conceal(value.reveal())

    def text(self, text: str) -> str:
        """``text`` with every concealed secret masked."""
        if text in self._whole:
            return MASK
        for form in self._parts:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def octets(self, data: bytes) -> bytes:
        """``data`` with every concealed secret masked where it stands in UTF-8."""
        for form in self._parts:
            data = data.replace(form.encode("utf-8", "replace"), MASK.encode())
        return data

    def data(self, value: Any) -> Any:
        """JSON data with every concealed secret masked, in keys too, and where it became a number."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Secret):
            return MASK
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        if type(value) in (int, float):
            text = repr(value)
            return MASK if len(text) >= _SHORTEST_PART and text in self._whole else value
        return value

    def fault(self, fault: Fault) -> Fault:
        """``fault`` with every concealed secret masked."""
        return Fault(self.text(fault.path), self.text(fault.message), self.text(fault.expected))


def _forms(secret: str) -> Iterator[str]:
    """``secret`` and how encoders write it."""
    yield secret
    data = secret.encode("utf-8", "replace")
    yield base64.b64encode(data).decode().rstrip("=")
    yield base64.urlsafe_b64encode(data).decode().rstrip("=")
    if _PLAIN.match(secret):
        return
    for safe in _SAFE_SETS:
        encoded = quote(secret, safe=safe, errors="replace")
        spaced = encoded.replace("%20", "+")
        yield from (encoded, spaced, *(_TRIPLET.sub(_lower, form) for form in (encoded, spaced)))
    for ascii_only, escaped, digits in itertools.product((True, False), _JSON_ESCAPED, ("04x", "04X")):
        yield secret.translate({ord(char): _in_json(char, ascii_only, escaped, digits) for char in set(secret)})
    for quotes in _HTML_QUOTES:
        yield html.escape(secret, quote=False).translate(quotes)


def _lower(found: re.Match[str]) -> str:
    return found.group().lower()


def _in_json(char: str, ascii_only: bool, escaped: str, digits: str) -> str:
    if char == "/" and "/" in escaped:
        return "\\/"
    if char in escaped or (ascii_only and not char.isascii()):
        units = char.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at] << 8 | units[at + 1]:{digits}}" for at in range(0, len(units), 2))
    return json.dumps(char, ensure_ascii=False)[1:-1]
