"""Detection rules: what single events are asked, what several of them mean together, and what is found.

Rules are written in the Sigma format (specification 2.1.0). A rule's *logic* is plain data, nested lists as JSON has
them, so that it can be stored, compared and cached without being trusted; the engine that parsed it says what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from attrs import Factory, define

__all__ = [
    "LEVELS",
    "Comparison",
    "Correlation",
    "CorrelationType",
    "DetectionRule",
    "Firing",
    "Hit",
    "LogSource",
    "Logic",
    "RegressionTest",
    "RuleFault",
    "RuleKind",
]

#: how grave what a rule finds is, in ascending order (specification, "Level")
LEVELS: Final = ("informational", "low", "medium", "high", "critical")

#: a condition as plain JSON data
Logic: TypeAlias = Any


class RuleKind(StrEnum):
    """What a document of a rule file is."""

    #: asks single events
    DETECTION = "rule"
    #: asks how hits of other rules lie together
    CORRELATION = "correlation"
    #: narrows other rules
    FILTER = "filter"


class CorrelationType(StrEnum):
    """What a correlation looks at within its time span, for each group."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"


@define(frozen=True, kw_only=True)
class LogSource:
    """Where events come from; an empty attribute is one that is not said."""

    category: str = ""
    product: str = ""
    service: str = ""

    def covers(self, other: LogSource) -> bool:
        """Whether all that is said here is said of ``other`` too."""
        return (
            self.category in ("", other.category)
            and self.product in ("", other.product)
            and self.service in ("", other.service)
        )

    def contradicts(self, other: LogSource) -> bool:
        """Whether something is said here of which ``other`` says something else."""
        pairs = ((self.category, other.category), (self.product, other.product), (self.service, other.service))
        return any(here and there and here != there for here, there in pairs)


@define(frozen=True, kw_only=True)
class RuleFault:
    """Why a rule cannot be used, or what of it is not as it should be."""

    #: stable, for programs
    code: str
    message: str
    #: where in the document: ``detection.selection``; empty for the whole of it
    path: str = ""


@define(frozen=True, kw_only=True)
class Comparison:
    """What a measure of a correlation is compared with."""

    #: ``gt``, ``gte``, ``lt``, ``lte``, ``eq`` or ``neq``
    operator: str
    number: float


@define(frozen=True, kw_only=True)
class Correlation:
    """What a correlation rule asks. All times are event times."""

    type: CorrelationType
    #: ids or names of rules, in the order that ``temporal_ordered`` asks for
    rules: tuple[str, ...]
    #: seconds, both ends included
    timespan: float
    #: fields or aliases whose values make the groups; empty: all hits are one group
    group_by: tuple[str, ...] = ()
    #: alias → rule → field
    aliases: Mapping[str, Mapping[str, str]] = Factory(dict)
    #: all of them have to hold; empty where ``expression`` is given
    conditions: tuple[Comparison, ...] = ()
    #: the fields whose values are counted or measured
    fields: tuple[str, ...] = ()
    #: 0 to 100; None: the share that the value has among all values, in per cent
    percentile: float | None = None
    #: for temporal types: which rules have to occur, ``["and", …]``, ``["or", …]``, ``["not", x]`` over rule names
    expression: Logic = None
    #: whether the rules it refers to are reported for themselves too
    generate: bool = False


@define(frozen=True, kw_only=True)
class DetectionRule:
    """One document of a rule file, parsed."""

    #: by what hits, filters and correlations know it: its id, else its name, else a digest of what it says
    key: str
    kind: RuleKind
    title: str = ""
    id: str = ""
    name: str = ""
    #: ``informational``, ``low``, ``medium``, ``high``, ``critical`` or empty
    level: str = ""
    #: ``stable``, ``test``, ``experimental``, ``deprecated``, ``unsupported`` or empty
    status: str = ""
    description: str = ""
    author: str = ""
    #: ISO 8601 dates, or empty
    date: str = ""
    modified: str = ""
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    #: fields that an analyst wants to see
    fields: tuple[str, ...] = ()
    logsource: LogSource = Factory(LogSource)
    #: where it was read from, as its text was named
    origin: str = ""
    #: names of the placeholders that need values
    placeholders: tuple[str, ...] = ()
    #: of a filter: ids or names of the rules it narrows; empty: all of its log source
    targets: tuple[str, ...] = ()
    correlation: Correlation | None = None
    logic: Logic = None
    #: why it cannot be used; None if it can
    unusable: RuleFault | None = None
    #: what is not as it should be and yet no hindrance
    warnings: tuple[RuleFault, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it can be compiled, given values for its placeholders."""
        return self.unusable is None

    def known_as(self, reference: str) -> bool:
        """Whether a filter or a correlation means this rule by ``reference``."""
        return bool(reference) and reference in (self.id, self.name, self.key)


@define(frozen=True, slots=True)
class Hit:
    """A rule that an event answers to."""

    #: the event's place in what was asked, from 0
    index: int
    #: the rule's key
    rule: str


@define(frozen=True, kw_only=True)
class Firing:
    """A correlation that fired."""

    #: the correlation's key
    rule: str
    #: the time of the event that it fired on, in seconds since 1970
    at: float
    #: the name of that event, and those of all events in the window, by time
    event: str
    events: tuple[str, ...] = ()
    #: the values of the group's fields
    group: Mapping[str, str] = Factory(dict)


@define(frozen=True, kw_only=True)
class RegressionTest:
    """What a collection of rules says of one of them: how often it fires on recorded events."""

    #: where it was read from, as its text was named
    origin: str
    name: str = ""
    #: ids or names of the rules; each of them has to fire so often
    rules: tuple[str, ...] = ()
    #: the file of events, as it is written
    path: str = ""
    #: None: at least once
    count: int | None = None
    #: why it cannot be used; None if it can
    unusable: RuleFault | None = None
