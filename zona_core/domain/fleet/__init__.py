"""The fleet: what an operator wants to run, what runs, and what has to be done about it; all of it pure (SPEC §6).

``specification`` (what is wanted, as it is written) → ``targets`` (the same, resolved for one place and one moment)
and ``world`` (what an engine shows) → ``plan`` (what has to be done, as data). ``deployments`` is what is remembered.
"""
