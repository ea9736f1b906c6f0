"""What became of a poll."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import Factory, define

from zona_core.domain.feeds import FeedState
from zona_core.usecases._intake.intake import IngestReport

__all__ = ["Counts", "PollReport", "together"]


@define(frozen=True, kw_only=True)
class PollReport:
    """What became of a poll, or of reading what a stream had."""

    feed_id: int
    #: for a stream: how often something was read
    pages: int = 0
    events: IngestReport = Factory(IngestReport)
    #: events that the feed's filter left out
    skipped: int = 0
    #: whether nothing was left to fetch
    complete: bool = False
    #: why it ended early: ``{"code", "message", …}``; None if it did not
    error: dict[str, Any] | None = None
    #: when the next one begins by itself; None: the feed is disabled
    next_at: datetime | None = None
    duration_ms: float = 0.0


def together(before: IngestReport, report: IngestReport) -> IngestReport:
    """Two reports as one."""
    return IngestReport(
        received=before.received + report.received,
        stored=before.stored + report.stored,
        dead=before.dead + report.dead,
        hits=before.hits + report.hits,
        new_alerts=before.new_alerts + report.new_alerts,
        new_cases=before.new_cases + report.new_cases,
        alerts=(*before.alerts, *report.alerts)[:1_000],
        cases=(*before.cases, *report.cases)[:1_000],
        runs=before.runs + report.runs,
    )


class Counts:
    """The counts of a feed's state as they are by now. A worker that dies takes those of its last page with it."""

    def __init__(self, state: FeedState) -> None:
        self.values = {name: getattr(state, name) for name in ("pages", "received", "stored", "dead", "skipped")}

    def add(self, report: IngestReport, *, skipped: int = 0) -> None:
        """Counts a page."""
        more = {"pages": 1, "received": report.received, "stored": report.stored, "dead": report.dead}
        for name, count in {**more, "skipped": skipped}.items():
            self.values[name] += count
