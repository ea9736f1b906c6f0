"""Zona's own app definition as a YAML or JSON file: the importer for the format ``zona``.

``importer`` holds the importer. Nothing is imported here, so that loading the plugin loads no YAML reader.
"""
