"""Cortex XSOAR integrations (YAML): the importer for the format ``xsoar``.

``importer`` holds the importer. Nothing is imported here, so that loading the plugin loads no YAML reader.
"""
