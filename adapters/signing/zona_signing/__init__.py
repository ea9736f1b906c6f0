"""Adapter: digital signatures of packages and licences; the scheme ``ed25519`` (RFC 8032).

``plugin`` registers it; the library ``cryptography`` is imported when the scheme is first asked for.
"""

__all__: list[str] = []
