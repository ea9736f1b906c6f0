"""Makes apps of OpenAPI and Swagger documents.

``importer`` holds the importer for the format ``openapi``, ``samples`` makes input values that a task takes. Nothing is
imported here, so that loading the plugin loads no YAML reader.
"""
