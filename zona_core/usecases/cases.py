"""Cases: what people look into (SPEC §1, §4.5)."""

from __future__ import annotations

from zona_core.usecases._area import TenantContext
from zona_core.usecases._case_holdings import CaseHoldings
from zona_core.usecases._case_life import CaseLife
from zona_core.usecases._case_views import CaseViews

__all__ = ["Cases"]


class Cases(CaseLife, CaseHoldings, CaseViews):
    """What people look into. Each change is told in the case's timeline and recorded in the audit trail.

    A case whose policy has playbooks for changes has them started with whatever changes the case itself: its
    attributes, its tasks, alerts and events. They see it as ``case``, what it was as ``before``, and as ``change`` the
    ``action`` (``cases.update``) and the ``actor``.
    """

    area = "cases"
    _context: TenantContext
