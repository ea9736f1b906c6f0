"""Adapter: runs as OpenTelemetry traces.

``plugin`` registers it. It takes ``opentelemetry-api`` (extra ``otel``), which is imported only where traces are
switched on; where they go is what the process has configured OpenTelemetry for.
"""

__all__: list[str] = []
