"""Files of rules asked of files of events: what was found, and what could not be used."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from zona_core.domain.detection import RuleKind

__all__ = [
    "EventPlace",
    "FailedTest",
    "FalseFires",
    "RuleCheck",
    "RuleHits",
    "RuleProblem",
    "ScanReport",
    "TestReport",
    "UnreadEvent",
]


@define(frozen=True, kw_only=True)
class RuleProblem:
    """Why a rule cannot be used, or what of it is not as it should be."""

    file: str
    #: the rule's key; empty if the file could not be read
    rule: str = ""
    title: str = ""
    kind: RuleKind = RuleKind.DETECTION
    #: stable, for programs
    code: str
    message: str
    #: where in the document: ``detection.selection``; empty for the whole of it
    path: str = ""


@define(frozen=True, kw_only=True)
class RuleCheck:
    """What is wrong with files of rules."""

    files: int
    rules: int
    usable: int
    unusable: tuple[RuleProblem, ...] = ()
    warnings: tuple[RuleProblem, ...] = ()


@define(frozen=True, kw_only=True)
class UnreadEvent:
    """A place in a file at which there is no event that can be read."""

    file: str
    #: the file in an archive
    member: str = ""
    #: from 1
    line: int
    message: str
    expected: str = ""


@define(frozen=True, kw_only=True)
class EventPlace:
    """An event of a file."""

    #: where it begins, from 1
    line: int
    #: the how-many-eth of the file's events it is, from 0
    index: int
    #: when it happened; None if it does not say so
    time: datetime | None = None


@define(frozen=True, kw_only=True)
class RuleHits:
    """How often a rule holds in a file. A correlation stands at the event on which it fired."""

    rule: str
    title: str
    level: str
    kind: RuleKind = RuleKind.DETECTION
    file: str
    #: the file in an archive
    member: str = ""
    count: int
    #: of the first hit
    line: int
    index: int
    #: the earliest and the latest time; None if no event says when it happened
    first: datetime | None = None
    last: datetime | None = None
    #: the first hits, as many as were asked for
    places: tuple[EventPlace, ...] = ()


@define(frozen=True, kw_only=True)
class ScanReport:
    """What rules found in files."""

    #: how many were read
    events: int
    #: how many could not be read, and the first of them
    faults: int
    first_faults: tuple[UnreadEvent, ...] = ()
    #: how many were asked
    rules: int
    unusable: tuple[RuleProblem, ...] = ()
    #: how many were evaluated
    correlations: int = 0
    #: hits that no correlation could take into account: their events say no time, or came too late
    untimed: int = 0
    late: int = 0
    #: the gravest first, of equal ones those with the most hits
    hits: tuple[RuleHits, ...] = ()


@define(frozen=True, kw_only=True)
class FailedTest:
    """A regression test that did not come out as it says."""

    #: the file that holds the test
    entry: str
    name: str = ""
    rule: str = ""
    title: str = ""
    #: None: at least one
    expected: int | None = None
    found: int = 0
    reason: str


@define(frozen=True, kw_only=True)
class FalseFires:
    """A rule that held for events of other rules' tests."""

    rule: str
    title: str
    count: int
    #: the files that hold these tests
    entries: tuple[str, ...]


@define(frozen=True, kw_only=True)
class TestReport:
    """How rules do on the events that were recorded for them."""

    __test__ = False  # pytest takes classes of such a name for tests

    rules: int
    usable: int
    entries: int
    passed: int
    failures: tuple[FailedTest, ...] = ()
    unusable: tuple[RuleProblem, ...] = ()
    #: the most frequent first
    false_fires: tuple[FalseFires, ...] = ()
