"""The execution engine (SPEC §4.4): carries runs out on this process's threads, for as long as it holds their lease.

    Runs, Playbooks (use-cases) ── begin, control ──► Engine ── claims ──► Drive, one for each run that is under way
                                                        │                    │  Plan: what comes next (pure)
                        Membership: the process's lease ┤                    │  Trial: one call of a handler
                        Crew: threads, fair to tenants  ┤                    │  Entrance: breaker and limits around it
                        Roster: what is under way here  ┤                    └─ Book: fenced writes to the store
                        Timers: what is due later       ┤
                        Rounds ── Firing: schedules     ┘

The store is the truth. A run's job names the worker that claimed it, and every write of its drive asks for that claim:
whoever has lost it can write nothing any more.
"""
