"""Zona: a security-automation engine that a Python program can embed."""
