"""Use-cases: the rules, permissions, audit and transactions behind the two doors."""
