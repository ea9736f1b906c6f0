"""The detection port: rules are parsed, compiled, and asked of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from zona_core.domain.detection import DetectionRule, Firing, Hit, LogSource, RegressionTest, RuleFault

__all__ = ["CorrelationMemory", "Correlator", "DetectionRules", "Detector"]


class CorrelationMemory(Protocol):
    """Where correlations keep what they remember of each group, as JSON data. What is handed out is not changed."""

    def recall(self, rule: DetectionRule, group: Sequence[str]) -> Mapping[str, Any] | None:
        """What a correlation remembers of a group; None if that is nothing."""

    def remember(self, rule: DetectionRule, group: Sequence[str], state: Mapping[str, Any]) -> None:
        """Keeps it, for twice the correlation's time span at least, by the time of the newest event in it."""


class Correlator(Protocol):
    """Correlations that are evaluated while events are read. For one thread.

    Hits are put into the order of their times as far as a bounded number of them is kept waiting.
    """

    @property
    def correlations(self) -> Sequence[DetectionRule]:
        """What is evaluated."""

    @property
    def late(self) -> int:
        """How many hits came too late to be taken into account."""

    def wants(self, rule: str) -> bool:
        """Whether hits of the rule with that key are asked for."""

    def take(self, rule: str, at: float, event: Mapping[str, Any], name: str) -> Sequence[Firing]:
        """What fires now that ``rule`` holds for ``event``, which happened ``at`` seconds since 1970 and has a name."""

    def finish(self) -> Iterator[Firing]:
        """What fires on the hits that still wait."""


class Detector(Protocol):
    """A compiled set of rules. It may be used by several threads at once."""

    @property
    def rules(self) -> Sequence[DetectionRule]:
        """The rules that are asked, by key in ascending order, without their logic."""

    @property
    def refused(self) -> Mapping[str, RuleFault]:
        """By key: why a rule or filter that was given is left out."""

    @property
    def others(self) -> Sequence[DetectionRule]:
        """What no single event is asked: correlations, and all that cannot be used, with why in ``unusable``.

        A correlation is unusable, too, if it refers to what is not there.
        """

    def match(self, events: Iterable[Mapping[str, Any]], source: LogSource | None = None) -> Iterator[Hit]:
        """The hits, event by event; those of one event in ascending order of the rules' keys.

        Events are JSON objects. ``source`` says where they come from; what it leaves open, and all of it if it is
        None, is told by the events themselves. Streams can be given: an event's hits are given before the next is read.
        """

    def correlator(self, memory: CorrelationMemory | None = None) -> Correlator:
        """A new evaluator of the usable correlations among ``others``; without ``memory`` it has one of its own."""

    def dumped(self) -> bytes:
        """The detector as data that ``DetectionRules.loaded`` takes; it holds no code."""


class DetectionRules(Protocol):
    """A language of detection rules."""

    def parse(self, texts: Iterable[tuple[str, str]]) -> list[DetectionRule]:
        """The rules in texts, each given with its name, in their order; a text may hold several.

        It never raises for what a text says: what cannot be used says so in ``unusable``.
        """

    def compile(
        self,
        rules: Iterable[DetectionRule],
        filters: Iterable[DetectionRule] = (),
        placeholders: Mapping[str, Sequence[str]] | None = None,
    ) -> Detector:
        """A detector for the usable detections among ``rules``, narrowed by ``filters``.

        ``placeholders`` gives values, in which wildcards count, by placeholder. What cannot be used is in ``refused``;
        correlations, to which no single event answers, are in ``others``. Of two rules with the same key the first
        counts.
        """

    def loaded(self, data: bytes) -> Detector:
        """The detector that ``dumped`` gave; raises ``InvalidInput`` (``invalid_detector``) for anything else."""

    def kept(
        self, folder: Path, texts: Sequence[tuple[str, str]], placeholders: Mapping[str, Sequence[str]] | None = None
    ) -> Detector:
        """The detector for all rules and filters in ``texts``, from ``folder`` if it is there, else compiled and kept.

        The folder is made if it is not there. One that cannot be written to, or that others may write to, is not used.
        """

    def read_tests(self, texts: Iterable[tuple[str, str]]) -> list[RegressionTest]:
        """The regression tests in texts, each given with its name; never raises for what a text says."""

    def read_placeholders(self, text: str) -> Mapping[str, Sequence[str]]:
        """The values of placeholders by name; raises ``InvalidInput`` (``invalid_placeholders``)."""
