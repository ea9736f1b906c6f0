"""The logo port: pictures that strangers send, made harmless."""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

__all__ = ["Logo", "LogoReader"]


@define(frozen=True, kw_only=True)
class Logo:
    """A picture that was checked and encoded anew."""

    #: ``image/png``, ``image/jpeg``, ``image/gif`` or ``image/webp``
    media_type: str
    data: bytes = field(repr=False)
    width: int
    height: int


class LogoReader(Protocol):
    """Checks a picture by its content."""

    def read(self, data: bytes) -> Logo:
        """The picture in ``data``, encoded anew without metadata, at most as large as a logo needs to be.

        PNG, JPEG, GIF and WebP are known by their content, whatever their name. Bounded in time and memory.
        Raises ``InvalidInput`` (``invalid_logo``), with a fault at ``logo``, for all else, SVG included.
        """
