"""Adapter: proofs of identity. Passwords by Argon2id, access tokens by EdDSA or HS256, one-time codes by TOTP.

``plugin`` registers them; nothing here loads a cryptographic library before it is asked for.
"""

__all__: list[str] = []
