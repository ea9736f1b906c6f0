"""From models to documents and back: the tenancy wrapper, sealing, ids; no database of its own."""
