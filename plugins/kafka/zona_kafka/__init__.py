"""Streams of security events in Apache Kafka."""

__all__: list[str] = []
