"""Which 32 bytes are an Ed25519 public key: the encoding of a point of the curve that has the base point's order.

Every key that is made as RFC 8032 §5.1.5 says is such a point. Others are refused here, as the library does not look:
under a point of small order one signature fits many messages. The arithmetic is plain Python's and takes some
milliseconds; it deals with what is public only, so that the time it takes tells nothing.
"""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["is_public_key"]

#: extended homogeneous coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z (RFC 8032 §5.1.4)
_Point: TypeAlias = tuple[int, int, int, int]

#: the field's prime, the order of the base point, and the curve's constant d (RFC 8032 §5.1)
_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE: Final = pow(2, (_P - 1) // 4, _P)
_NEUTRAL: Final[_Point] = (0, 1, 1, 0)


def is_public_key(data: bytes) -> bool:
    """Whether ``data`` is the one encoding of a point of the base point's order."""
    point = _decoded(data)
    return point is not None and not _is_neutral(point) and _is_neutral(_multiple(_ORDER, point))


def _decoded(data: bytes) -> _Point | None:
    """The point that ``data`` encodes (RFC 8032 §5.1.3); None if there is none, or if its y is not reduced."""
    if len(data) != 32:
        return None
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= _P:
        return None
    x = _x_of(y)
    if x is None or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _x_of(y: int) -> int | None:
    """One of the two x with -x² + y² = 1 + d x² y²; None if there is none."""
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == u:
        return x
    return x * _ROOT_OF_MINUS_ONE % _P if v * x * x % _P == _P - u else None


def _sum(a: _Point, b: _Point) -> _Point:
    """RFC 8032 §5.1.4; the formulas hold for any two points, equal ones included."""
    low, high = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = high - low, d - c, d + c, high + low
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _multiple(factor: int, point: _Point) -> _Point:
    found = _NEUTRAL
    for bit in f"{factor:b}":
        found = _sum(found, found)
        if bit == "1":
            found = _sum(found, point)
    return found


def _is_neutral(point: _Point) -> bool:
    return point[0] == 0 and point[1] == point[2]
