"""Tasks whose work is yet to be described, and what importers share that make such drafts of foreign definitions.

``handler`` holds the handler ``draft``; ``reading`` and ``fields`` hold what importers share. Nothing is imported
here, so that loading the plugin loads no YAML reader.
"""
