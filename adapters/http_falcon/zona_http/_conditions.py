"""``If-Match``: which revision of an object a change is meant for (RFC 9110 §13.1.1, RFC 6585 §3)."""

from __future__ import annotations

import re
from typing import Final

import falcon

from ._problems import BadRequest

__all__ = ["condition_missing", "revision_meant"]

_TAG: Final = re.compile(r'"([0-9]{1,18})"\Z')


def revision_meant(request: falcon.Request, *, creates: bool = False) -> int | None:
    """The revision that the request names; None if any will do (``*``).

    Where something may be created, a request without ``If-Match`` means what is not there yet: revision 0.
    Raises ``BadRequest``: 428 if there is no ``If-Match``, 412 if it cannot be a tag of ours.
    """
    given = request.get_header("If-Match")
    if given is None:
        if creates:
            return 0
        raise condition_missing()
    if given.strip() == "*":
        return None
    found = _TAG.match(given.strip())
    if found is None:
        raise BadRequest("If-Match names no entity tag of this object", status=412, code="precondition_failed")
    return int(found[1])


def condition_missing() -> BadRequest:
    """The error for a change that does not say of what."""
    return BadRequest(
        "If-Match is missing: it says which revision is to be changed",
        status=428,
        code="precondition_required",
        hint='Send the ETag of the answer that was read, or "*" to change whatever is there.',
    )
