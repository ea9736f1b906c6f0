"""What may be done to a case in which status, and what its texts have to be like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from zona_core.errors import Conflict, Fault

from .alerts import ALERT_SEVERITIES
from .cases import LIVE_CASES, Case, CaseStatus
from .definitions import text_faults

__all__ = [
    "LONGEST_TEXT",
    "MOST_TASKS",
    "TRANSITIONS",
    "case_faults",
    "check_live",
    "check_transition",
    "prose_faults",
    "severity_faults",
    "tag_faults",
]

#: the statuses that may follow one by being set. Closing, reopening and merging are changes of their own, which say
#: more than a status
TRANSITIONS: Final[Mapping[CaseStatus, frozenset[CaseStatus]]] = MappingProxyType(
    {
        CaseStatus.OPEN: frozenset({CaseStatus.IN_PROGRESS, CaseStatus.ON_HOLD}),
        CaseStatus.IN_PROGRESS: frozenset({CaseStatus.OPEN, CaseStatus.ON_HOLD}),
        CaseStatus.ON_HOLD: frozenset({CaseStatus.OPEN, CaseStatus.IN_PROGRESS}),
        CaseStatus.CLOSED: frozenset(),
        CaseStatus.MERGED: frozenset(),
    }
)
#: characters of a description, a summary, a comment or a note
LONGEST_TEXT: Final = 20_000
MOST_TASKS: Final = 1_000
_LONGEST_TITLE: Final = 500
_LONGEST_NAME: Final = 200
_MOST_TAGS: Final = 200
#: what no store holds in a text that is searched, and no UTF-8 can write
_UNWRITABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


def check_live(case: Case, what: str) -> None:
    """Raises ``Conflict`` (``case_closed``) unless the case is worked on; ``what`` is not done to one that is not."""
    if case.status not in LIVE_CASES:
        raise Conflict(
            f"the case {case.id} is {case.status.value}: {what}",
            code="case_closed",
            hint="reopen it first",
            state=case.status.value,
        )


def check_transition(case: Case, status: CaseStatus) -> None:
    """Raises ``Conflict`` (``case_transition``) if the case's status is not followed by that one."""
    if status is case.status or status in TRANSITIONS[case.status]:
        return
    known = sorted(each.value for each in TRANSITIONS[case.status])
    if status is CaseStatus.CLOSED:
        hint = "close it: that takes a resolution"
    elif case.status is CaseStatus.CLOSED:
        hint = "reopen it"
    else:
        hint = f"{' or '.join(known)} may follow" if known else ""
    raise Conflict(
        f"the case {case.id} is {case.status.value}, and cannot be set to {status.value}",
        code="case_transition",
        hint=hint,
        state=case.status.value,
    )


def case_faults(
    *,
    title: str | None = None,
    description: str | None = None,
    severity: str | None = None,
    owner: str | None = None,
    tags: Iterable[str] | None = None,
) -> list[Fault]:
    """What is wrong with attributes of a case; those that are None are not looked at."""
    found: list[Fault] = []
    if title is not None:
        found += text_faults("title", title, _LONGEST_TITLE)
    if description is not None:
        found += prose_faults("description", description)
    if severity is not None:
        found += severity_faults("severity", severity)
    if owner:  # nobody, if it is empty
        found += text_faults("owner", owner, _LONGEST_NAME)
    if tags is not None:
        found += tag_faults(tuple(tags))
    return found


def prose_faults(path: str, text: str, *, needed: bool = False, longest: int = LONGEST_TEXT) -> list[Fault]:
    """What is wrong with a text of any number of lines."""
    if needed and not text.strip():
        return [Fault(path, "is empty", f"1-{longest} characters")]
    if len(text) > longest or _UNWRITABLE.search(text):
        return [Fault(path, "is too long or has characters that no text has", f"at most {longest} characters")]
    return []


def severity_faults(path: str, severity: str) -> list[Fault]:
    """What is wrong with a severity."""
    if severity not in ALERT_SEVERITIES:
        return [Fault(path, f"there is no severity {severity[:50]!r}", ", ".join(ALERT_SEVERITIES))]
    return []


def tag_faults(tags: tuple[str, ...]) -> list[Fault]:
    """What is wrong with tags."""
    if len(tags) > _MOST_TAGS:
        return [Fault("tags", f"there are {len(tags)}", f"at most {_MOST_TAGS}")]
    return [fault for index, tag in enumerate(tags) for fault in text_faults(f"tags[{index}]", tag, _LONGEST_NAME)]
