"""Zona's own definitions of apps, tasks and playbooks as YAML or JSON files: the importer for the format ``zona``.

``importer`` holds the importer. Nothing is imported here, so that loading the plugin loads no YAML reader.
"""
