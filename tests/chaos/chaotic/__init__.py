"""What ``run_chaos.py`` is made of: playbooks, worker processes that may die at any moment, faults, and the verdict."""
