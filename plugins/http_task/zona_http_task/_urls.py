"""URLs, taken apart once: what is checked is what is connected to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

from attrs import define, evolve, field

__all__ = ["Url", "UrlError", "has_dot_segment", "parse_url"]

_PORTS: Final = {"http": 80, "https": 443}
_HOST_NAME: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252}[a-z0-9_.])?\Z")
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f]")
#: RFC 3986 §3.3 and §3.4: what stands unencoded in a path and in a query; ``%`` so that nothing is encoded twice
_IN_PATH: Final = "/%:@!$&'()*+,;=~"
_IN_QUERY: Final = _IN_PATH + "?[]|"


class UrlError(ValueError):
    """A text is no usable URL. Its message holds no part of the URL."""


@define(frozen=True, kw_only=True)
class Url:
    """An absolute ``http`` or ``https`` URL without user info and fragment; path and query are percent-encoded."""

    scheme: str
    #: a name in lower case (IDNA encoded), or an IP address without brackets
    host: str
    port: int
    path: str
    query: str = field(repr=False)

    @property
    def origin(self) -> str:
        """``scheme://host[:port]``: two URLs of one origin may share credentials (RFC 6454 §4)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def target(self) -> str:
        """The request target in origin form (RFC 9112 §3.2.1)."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")

    @property
    def shown(self) -> str:
        """For messages: without the query, which may hold credentials."""
        return self.origin + self.path

    def with_query(self, pieces: Iterable[str]) -> Url:
        """The same with encoded ``name=value`` pieces added to its query."""
        return evolve(self, query="&".join(filter(None, (self.query, *pieces))))

    def joined(self, reference: str) -> Url:
        """The URL that ``reference`` means, seen from here (RFC 3986 §5); raises ``UrlError``."""
        try:
            return parse_url(urljoin(self.origin + self.target, reference))
        except UrlError:
            raise
        except ValueError:
            raise UrlError("it is no URL") from None


def parse_url(text: str) -> Url:
    """``text`` as a URL; raises ``UrlError``."""
    # urlsplit drops line breaks and tabs silently, so that what is checked would not be what was given.
    if _UNFIT.search(text) or "\\" in text:
        raise UrlError("it has spaces, control characters or backslashes")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlError("its host or port cannot be read") from None
    if parts.scheme not in _PORTS:
        raise UrlError("it does not begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise UrlError("it holds credentials: they belong in secret fields")
    if port == 0:
        raise UrlError("port 0 is no port")
    return Url(
        scheme=parts.scheme,
        host=_host(parts.hostname or ""),
        port=port or _PORTS[parts.scheme],
        path=quote(parts.path, safe=_IN_PATH),
        query=quote(parts.query, safe=_IN_QUERY),
    )


def _host(name: str) -> str:
    if ":" in name:  # urlsplit has checked what stood in brackets
        return name
    try:
        ascii_name = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        raise UrlError("its host name cannot be encoded (IDNA)") from None
    if not _HOST_NAME.match(ascii_name):
        raise UrlError("it has no host" if not name else "its host is no host name")
    return ascii_name.lower()


def has_dot_segment(path: str) -> bool:
    """Whether a segment is ``.`` or ``..``, also when percent-encoded: servers would leave the path by it."""
    if "." not in path and "%" not in path:
        return False
    return any(unquote(segment) in (".", "..") for segment in re.split(r"[/\\]|%2[fF]|%5[cC]", path))
