"""Ports: what the core needs from the world, one Protocol a file. A port's docstring is its contract."""
