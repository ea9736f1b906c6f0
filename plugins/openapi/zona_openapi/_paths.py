"""Path templates: what is wrong in them is put right (OpenAPI 3.0.4 §4.8.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from zona_documents import Warnings
from zona_openapi._model import Path

__all__ = ["read_path"]

_NAMED: Final = re.compile(r"\{([^{}/]*)\}")
#: what a path may hold beside braces (RFC 3986 §3.3) and escapes
_SAFE: Final = "/:@!$&'()*+,;=-._~%"


def read_path(key: str, declared: Iterable[str], place: str, notes: Warnings) -> Path:
    """The path that ``key`` of ``paths`` means, given the names of its declared path parameters."""
    text, query = _without_query(key, place, notes)
    while "{{" in text and "}}" in text:  # as Postman writes variables; the handler's expressions look the same
        notes.add(place, "doubled braces in the path are read as a parameter", "{name}")
        text = text.replace("{{", "{").replace("}}", "}")
    missing = [name for name in declared if f"{{{name}}}" not in text]
    text = _filled(text, missing, place, notes)
    if not text.startswith("/"):
        notes.add(place, "the path does not begin with a slash; one is added", f"/{text}"[:200])
        text = f"/{text}"
    if "//" in text:
        text = re.sub("/{2,}", "/", text)
        notes.add(place, "an empty segment of the path is left out", text[:200])
    segments = text.split("/")
    if any(unquote(segment) in (".", "..") for segment in segments):
        text = "/".join(segment for segment in segments if unquote(segment) not in (".", "..")) or "/"
        notes.add(place, "the path's . and .. segments are left out", text[:200])
    return _escaped(text, query, place, notes)


def _without_query(key: str, place: str, notes: Warnings) -> tuple[str, tuple[tuple[str, str], ...]]:
    text, query = key, ""
    if re.match(r"https?://", key):
        try:
            text = urlsplit(key).path or "/"
        except ValueError:
            text = "/"
        notes.add(place, "the path is a whole URL; the base URL's host is used", "a path below the base URL")
    named = _NAMED.sub(lambda match: _fit_name(match, place, notes), text)
    text, fragment, _ = named.partition("#")
    if fragment:
        notes.add(place, "the fragment in the path is left out", "a path without #")
    if "?" in text:
        text, _, query = text.partition("?")
        notes.add(place, "the query in the path is sent as query parameters", "parameters with in: query")
    return text, tuple(parse_qsl(query, keep_blank_values=True, max_num_fields=100)) if query.count("&") < 100 else ()


def _fit_name(match: re.Match[str], place: str, notes: Warnings) -> str:
    """A parameter in braces without the operators that some frameworks put there (``{id?}``)."""
    fit = "{" + re.sub(r"[?#\\\x00-\x1f\x7f]", "", match[1]) + "}"
    if fit != match[0]:
        notes.add(place, f"the path parameter {match[1][:60]!r} is read as {fit}", "a name between the braces")
    return fit


def _filled(text: str, missing: list[str], place: str, notes: Warnings) -> str:
    """``text`` with its unnamed parameters named: after the declared ones, if they are as many."""
    for gap, filler in (("{}", "{{{}}}"), ("//", "/{{{}}}/")):
        count = text.count(gap)
        if not count:
            continue
        names = missing if len(missing) == count else []
        if not names and gap == "{}":
            names = [f"parameter_{number + 1}" for number in range(count)]
        for name in names:
            if not re.search(r"[{}/]", name):
                notes.add(place, f"the empty path parameter is taken as {name!r}", "a name between the braces")
                text = text.replace(gap, filler.format(name), 1)
                missing = [other for other in missing if other != name]
    return text


def _escaped(text: str, query: tuple[tuple[str, str], ...], place: str, notes: Warnings) -> Path:
    """``text`` fit to be sent: braces that name nothing and characters that no path holds are percent-encoded."""
    pieces, names, end = [], [], 0
    for match in _NAMED.finditer(text):
        pieces.append(_plain(text[end : match.start()]))
        end = match.end()
        if match[1].strip():
            pieces.append(match[0])
            names.append(match[1])
        else:
            pieces.append(quote(match[0]))
    pieces.append(_plain(text[end:]))
    template = "".join(pieces)
    if template != text:
        notes.add(place, "characters that no path holds are percent-encoded", template[:200])
    return Path(template=template, names=tuple(dict.fromkeys(names)), query=query)


def _plain(text: str) -> str:
    escaped = quote(text.replace("\\", "/"), safe=_SAFE)
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", escaped)
