"""What in a text is secret: by its shape, or by the name before it (SPEC §4.2). The time is linear in its length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .secret_names import says_credential, says_secret
from .secrets import MASK

__all__ = ["is_supplied", "may_be_dirty", "without_named", "without_shapes"]

#: secret by their shape: JWTs, private keys, credentials of a header, tokens that their issuers mark
_JWT: Final = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+)?")
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END ).)*+(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?", re.DOTALL
)
_HEADER: Final = re.compile(r"(?:[Bb]earer|[Bb]asic|[Tt]oken)\s{1,8}(?=[A-Za-z._~+/=-]*+\d)[A-Za-z0-9._~+/=-]{12,}+")
_MARKED: Final = re.compile(
    r"(?:A[KS]IA[0-9A-Z]{16}|gh[ops]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35})"
)
#: in fewer characters nothing has the shape of a secret
_SHORTEST_SHAPE: Final = 15
_MARKS: Final = ("KIA", "SIA", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xox", "sk_live_", "AIza")
#: user and password in a URL (RFC 3986 §3.2.1)
_USERINFO: Final = re.compile(r"(?<=://)[^/?#@\s{}]+@")
#: a value with its name before it: in a query or form, a JSON text, an XML element
_QUERY: Final = re.compile(r"(?:(?<=[?&#])|\A)(?P<name>[A-Za-z0-9_.-]{1,100})=(?P<value>(?:\{\{[^{}]*+\}\}|[^&#\s])++)")
_JSON: Final = re.compile(r'"(?P<name>[A-Za-z0-9_. -]{1,100})":\s{0,4}"(?P<value>(?:[^"\\]|\\.)++)"', re.DOTALL)
_XML: Final = re.compile(r"<(?:[A-Za-z0-9_-]{1,100}:)?(?P<name>[A-Za-z0-9_.-]{1,100})>(?P<value>[^<]++)(?=</)")

#: what an expression (JMESPath) is made of, as far as its end and its literals go
_TOKEN: Final = re.compile(
    r"'(?:[^'\\]|\\.)*+(?:'|\\?\Z)|`(?:[^`\\]|\\.)*+(?:`|\\?\Z)|\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)|[{}]", re.DOTALL
)
_WORD: Final = re.compile(r"[A-Za-z0-9]+")
#: what stands before a secret in a header, and is none
_SCHEMES: Final = frozenset({"apikey", "api", "basic", "bearer", "digest", "false", "key", "null", "token", "true"})
#: what documentation has in the place of a secret
_PLACEHOLDER: Final = re.compile(r"<[^<>]*>|\$\{[^{}]*\}|\*+")
_COMPARING: Final = ("==", "!=")
_NEAR: Final = 8
_LONGEST_WORD: Final = 15
_MOST_WORDS: Final = 4


def may_be_dirty(text: str) -> bool:
    """Whether the others would find anything: a look for a few letters, as it is asked so often."""
    return (
        "=" in text
        or '":' in text
        or "@" in text
        or "</" in text
        or (
            len(text) >= _SHORTEST_SHAPE
            and (
                "earer " in text
                or "asic " in text
                or "oken " in text
                or ("J" in text and "eyJ" in text)  # one letter is found far faster than several, and these are rare
                or ("K" in text and "PRIVATE KEY" in text)
                or ("I" in text and ("IA" in text or "AIza" in text))
                or "xox" in text
                or "gh" in text
                or "glpat" in text
                or "sk_live" in text
            )
        )
    )


def without_shapes(text: str) -> str:
    """``text`` with a mask in the place of what has the shape of a secret."""
    if len(text) < _SHORTEST_SHAPE:
        return text
    if "earer " in text or "asic " in text or "oken " in text:
        text = _HEADER.sub(MASK, text)
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(MASK, text)
    return _MARKED.sub(MASK, text) if any(mark in text for mark in _MARKS) else text


def without_named(text: str) -> str:
    """``text`` without users and passwords in URLs and without values that have a secret's name before them."""
    if "://" in text and "@" in text:
        text = _USERINFO.sub("", text)
    if "=" in text:
        text = _QUERY.sub(_unnamed, text)
    if '":' in text:
        text = _JSON.sub(_unnamed, text)
    return _XML.sub(_unnamed, text) if "</" in text else text


def is_supplied(text: str) -> bool:
    """Whether a text gets what is secret in it from where it is used: by templates, around which nothing looks secret.

    ``Bearer {{ instance.token }}`` does, ``{{ instance.token || 'hunter2' }}`` does not; so does the placeholder
    ``<token>``.
    """
    if _PLACEHOLDER.fullmatch(text):
        return True
    pieces = list(_pieces(text))
    expressions = [piece for is_expression, piece in pieces if is_expression]
    words = [word for is_expression, piece in pieces if not is_expression for word in _WORD.findall(piece)]
    return (
        bool(expressions)
        and len(words) <= _MOST_WORDS
        and all(len(word) <= _LONGEST_WORD and not any(map(str.isdigit, word)) for word in words)
        and not any(map(_has_literal, expressions))
    )


def _unnamed(found: re.Match[str]) -> str:
    whole, start = found[0], found.start()
    says = says_credential if found.re is _QUERY else says_secret
    if not says(found["name"]) or is_supplied(found["value"]):
        return whole
    return whole[: found.start("value") - start] + whole[found.end("value") - start :]


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The expressions of a text's templates, and what stands around these; what has no end is no template."""
    start = 0
    while (at := text.find("{{", start)) >= 0:
        end = _end(text, at + 2)
        if end < 0:
            break
        yield False, text[start:at]
        yield True, text[at + 2 : end]
        start = end + 2
    yield False, text[start:]


def _end(text: str, start: int) -> int:
    """Where the expression that begins at ``start`` ends; -1 if it does not."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            if not depth:
                return token.start() if text.startswith("}}", token.start()) else -1
            depth -= 1
    return -1


def _has_literal(expression: str) -> bool:
    """Whether an expression can give a literal of its own that is more than the word before a secret."""
    for token in _TOKEN.finditer(expression):
        if token[0][0] in "'`" and not _SCHEMES.issuperset(_WORD.findall(token[0].lower())):
            # A part of it is enough, and long expressions take no longer.
            before = expression[max(0, token.start() - _NEAR) : token.start()].rstrip()
            after = expression[token.end() : token.end() + _NEAR].lstrip()
            if not before.endswith(_COMPARING) and not after.startswith(_COMPARING):
                return True
    return False
