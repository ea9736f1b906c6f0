"""Reads JSON and YAML documents from anywhere: bounded in size, depth and time, with every refusal explained."""

from zona_documents._names import Names, identifier, line, prose, tag
from zona_documents._reading import MAX_BYTES, read_mapping
from zona_documents._warnings import Warnings, below

__all__ = ["MAX_BYTES", "Names", "Warnings", "below", "identifier", "line", "prose", "read_mapping", "tag"]
