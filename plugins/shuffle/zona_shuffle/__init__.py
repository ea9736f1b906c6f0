"""Apps of Shuffle (``api.yaml``): the importer for the format ``shuffle``.

``importer`` holds the importer. Nothing is imported here, so that loading the plugin loads no YAML reader.
"""
