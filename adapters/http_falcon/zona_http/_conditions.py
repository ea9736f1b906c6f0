"""Entity tags, and ``If-Match``: which revision of which object a change is meant for (RFC 9110 §8.8.3, §13.1.1).

The tag of an object is its revision. Where an object may be followed by another one of the same name, whose revisions
begin anew, the tag also has a digest of what tells the two apart.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from attrs import define

from zona_core.errors import RevisionConflict

from ._problems import BadRequest

__all__ = ["Condition", "condition_missing", "conditions_of", "tag_of", "unmet"]

_TAG: Final = re.compile(r'"(?:([1-9][0-9]{0,17})|([0-9]{1,18})-([0-9a-f]{16}))"\Z')
#: how many tags of one ``If-Match`` are tried
_MOST: Final = 16


@define(frozen=True)
class Condition:
    """What ``If-Match`` says by one of its tags, or by ``*``, for which ``revision`` is None."""

    revision: int | None
    #: the digest of what the object is; empty if its tag is the revision alone
    itself: str = ""

    def of(self, itself: str = "") -> int | None:
        """The revision that is meant of the object that is ``itself``, None for any.

        Raises ``RevisionConflict`` if the tag is of another object.
        """
        if self.revision is not None and self.itself != _digest(itself):
            raise unmet("it is another object than the one that If-Match names")
        return self.revision


def tag_of(revision: int, itself: str = "") -> str:
    """The entity tag of an object at a revision; ``itself`` is what no other object of its name has."""
    return f'"{revision}-{_digest(itself)}"' if itself else f'"{revision}"'


def conditions_of(if_match: str, *, compared: bool) -> tuple[Condition, ...]:
    """What ``If-Match`` says: one of these has to hold. They come in the order in which revisions do.

    ``compared`` says whether the operation compares tags at all; where it does not, none can match.
    Raises ``BadRequest``: 412 if no tag can be that of the object, 400 for too many of them.
    """
    if if_match.strip() == "*":
        return (Condition(None),)
    tags = (_TAG.match(part.strip()) for part in if_match.split(",")) if compared else ()
    found = {Condition(int(tag[1] or tag[2]), tag[3] or "") for tag in tags if tag is not None}
    if not found:
        raise BadRequest(
            "If-Match names no entity tag of what is to be changed", status=412, code="precondition_failed"
        )
    if len(found) > _MOST:
        raise BadRequest(f"If-Match names more than {_MOST} entity tags")
    return tuple(sorted(found, key=lambda condition: condition.revision or 0))


def unmet(reason: str) -> RevisionConflict:
    """The error for ``If-Match`` that does not hold: 412."""
    return RevisionConflict(reason, hint="read it again and repeat the change", if_match=True)


def condition_missing() -> BadRequest:
    """The error for a change that does not say of what."""
    return BadRequest(
        "If-Match is missing: it says which revision is to be changed",
        status=428,
        code="precondition_required",
        hint='Send the ETag of the answer that was read, or "*" to change whatever is there.',
    )


def _digest(itself: str) -> str:
    return hashlib.sha256(itself.encode()).hexdigest()[:16] if itself else ""
