"""What must not travel with an app: literal secrets in its configuration (SPEC §4.2).

Secrets belong in instances, which never travel. An author may have written one into an app all the same: a token in a
header, a password in a URL. What a name or its own shape says to be secret, and is no template, is left out and told.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

__all__ = ["says_secret", "without_secrets"]

#: names of what is secret: ``csrf_token``, ``X-Api-Key`` and ``refreshToken`` end like one of them, ``token_url`` not
_SECRET_NAME: Final = re.compile(
    r"(?:.*[_. -])?(?:authori[sz]ation|set-cookie|cookies?|password|passwd|passphrase|pwd|secrets?|tokens?|csrf|jwt|otp"
    r"|(?:api|access|private|master|signing|shared|auth)[_ -]?key|credentials?|pat)|.*(?:password|token|secret|apikey)"
    r"|.+[_-]auth",
    re.IGNORECASE,
)
#: a template that takes its value from where the app runs
_TEMPLATE: Final = re.compile(
    r"\{\{(?:[^{}'`\"]|'[^']*'|`[^`]*`|\"[^\"]*\")*?\b(?:instance|input|run|parameters)\b", re.DOTALL
)
#: texts that are secret by their shape: JWTs, private keys, credentials of a header
_SHAPES: Final = re.compile(
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:[Bb]earer|[Bb]asic|[Tt]oken)\s+(?=[A-Za-z0-9._~+/=-]*\d)[A-Za-z0-9._~+/=-]{12,}"
)
#: user and password in a URL (RFC 3986 §3.2.1), and query parameters that say they are secret
_USERINFO: Final = re.compile(r"(://)[^/?#@\s{}]+@")
_QUERY: Final = re.compile(r"([?&]([A-Za-z0-9_.-]+)=)([^&#\s{}]+)")
#: in fewer characters nothing has the shape of a secret
_SHORTEST: Final = 8
_LONGEST_NAME: Final = 200
_LOOKED_INTO: Final = frozenset({dict, list, tuple})
#: names known to say nothing, and how many are remembered
_HARMLESS: Final[set[str]] = set()
_MOST_NAMES: Final = 10_000
#: whose value names or tells the kind of what is around it
_NAMING: Final = ("name", "type")
#: what holds the value of what the mapping names, or describes it with values of its own (JSON Schema)
_VALUES: Final = frozenset({
    "value", "default", "example", "examples", "const", "enum",
    "schema", "items", "anyOf", "oneOf", "allOf",
})  # fmt: skip
#: a mapping with one of these describes something
_DESCRIBING: Final = frozenset({"type", "in", "name", "kind", "$ref"})
#: texts for people, and names: never secrets by the name of what is around them
_PROSE: Final = frozenset({"description", "help", "label", "summary", "title", "name", "task_tag", "logo"})


@lru_cache(maxsize=4_096)
def says_secret(name: Any) -> bool:
    """Whether a name says that what it names is secret."""
    return isinstance(name, str) and len(name) <= _LONGEST_NAME and _SECRET_NAME.fullmatch(name) is not None


def without_secrets(value: Any, path: str = "") -> tuple[Any, list[str]]:
    """``value`` (JSON data) without literal secrets, and the paths where there was one; the same object if none was."""
    found: list[str] = []
    return (_clean(value, path, False, found) if _suspicious(value) else value), found


def _suspicious(value: Any) -> bool:
    """Whether there may be a secret in it: a quick look without recursion, as most data has none."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            for name, item in part.items():
                kind = type(item)
                if name not in _HARMLESS and _may_be_secret(name):
                    return True
                if kind is str:
                    shaped = len(item) >= _SHORTEST and name not in _PROSE and _has_hint(item)
                    if shaped or (name in _NAMING and says_secret(item)):
                        return True
                elif kind in _LOOKED_INTO:
                    stack.append(item)
        elif isinstance(part, str):
            if _has_hint(part):
                return True
        else:
            stack += (item for item in part if type(item) in _LOOKED_INTO or type(item) is str)
    return False


def _may_be_secret(name: str) -> bool:
    """Whether a name says so; one that does not is remembered."""
    if says_secret(name):
        return True
    if len(_HARMLESS) < _MOST_NAMES:
        _HARMLESS.add(name)
    return False


def _has_hint(text: str) -> bool:
    """Whether there may be something with the shape of a secret in it; written out, as it is asked so often."""
    return (
        "://" in text
        or "?" in text
        or "eyJ" in text
        or "earer " in text
        or "asic " in text
        or "oken " in text
        or "PRIVATE KEY" in text
    )


def _clean(value: Any, path: str, secret: bool, found: list[str]) -> Any:
    """``secret``: the name of ``value`` says so."""
    if isinstance(value, str):
        return _clean_text(value, path, secret, found)
    if isinstance(value, dict):
        return _clean_mapping(value, path, secret, found)
    if isinstance(value, list | tuple):
        cleaned = [_clean(item, f"{path}[{index}]", secret, found) for index, item in enumerate(value)]
        return cleaned if any(new is not old for new, old in zip(cleaned, value, strict=True)) else value
    return value


def _clean_mapping(value: dict[str, Any], path: str, secret: bool, found: list[str]) -> dict[str, Any]:
    described = secret or says_secret(value.get("name")) or says_secret(value.get("type"))
    plain = secret and _DESCRIBING.isdisjoint(value)
    changed = {}
    for name, item in value.items():
        if name in _PROSE and isinstance(item, str):
            continue
        inner = f"{path}.{name}" if path else str(name)
        new = _clean(item, inner, plain or (described and name in _VALUES) or says_secret(name), found)
        if new is not item:
            changed[name] = new
    return {**value, **changed} if changed else value


def _clean_text(text: str, path: str, secret: bool, found: list[str]) -> str:
    if (secret and text and not _TEMPLATE.search(text)) or _SHAPES.search(text):
        found.append(path)
        return ""
    if "://" not in text and "?" not in text:
        return text
    bare = _QUERY.sub(_without_value, _USERINFO.sub(r"\1", text))
    if bare != text:
        found.append(path)
    return bare


def _without_value(found: re.Match[str]) -> str:
    return found[1] if says_secret(found[2]) else found[0]
