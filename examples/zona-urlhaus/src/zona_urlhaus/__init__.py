"""URLhaus for Zona; see ``zona_urlhaus.plugin``."""
