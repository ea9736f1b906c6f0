"""Fetching events: by polls that run a task page by page, and out of streams (SPEC §4.5).

::

    worker ── claims what is due ──▶ claim ──▶ polling ── a page ──▶ take_in ─┐
      │                                └─────▶ streaming ── messages ──▶ take_in ─┤
      └─ renews claims, gives them back                                          ▼
                                            events and how far the feed has come, in one transaction

Whoever has a feed in hand has a claim with a token. How far the feed has come is written only under that token and in
the transaction of the last events up to there, so that a worker that dies loses nothing, and one that only stood still
changes nothing any more. What is fetched twice is known by its key.
"""
