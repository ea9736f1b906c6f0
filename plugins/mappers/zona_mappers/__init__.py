"""Mappers of security events: Windows event logs, AWS CloudTrail, Suricata's EVE, and any other by expressions."""

__all__: list[str] = []
