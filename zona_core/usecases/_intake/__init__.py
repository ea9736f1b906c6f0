"""From raw events to alerts and cases (SPEC §4.5): a batch at a time, each in one transaction.

::

    raw events ── mapping ──▶ events ── detection ──▶ hits          before the transaction: nothing of it is stored
                     └─▶ dead letters                   │
    ┌────────────────────────────────── batch ──────────▼──────────────────────────────────┐
    │ events that are new ─▶ correlation ─▶ findings ─▶ alerting ─▶ casing ─▶ responding    │
    └──────────────────────────────────────────────────────────────────────────────────────┘

A batch is stored wholly or not at all, and an event that is there already leads to nothing: what is sent again after a
crash, from whichever point, is neither lost nor counted twice.
"""
