"""Access tokens: what is written in them, and what a token proves."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from zona_core.domain.identity import Session
from zona_core.domain.secrets import Secret
from zona_core.errors import Unauthenticated
from zona_core.usecases._gate_base import GateBase
from zona_core.usecases._gate_beliefs import Holder, Proof
from zona_core.usecases._gate_signing import SigningRing

__all__ = ["AccessTokens"]

_ISSUER: Final = "zona"
#: seconds that another machine's clock may be ahead
_LEEWAY: Final = 5


class AccessTokens:
    """JSON Web Tokens (RFC 7519) that name a session. What it may do is not written in them but looked up."""

    def __init__(self, base: GateBase, ring: SigningRing) -> None:
        self._base = base
        self._ring = ring

    def issue(self, realm: str, session: Session) -> tuple[Secret, int]:
        """A token for the session, and the seconds that it counts: never beyond the session's own end."""
        now = self._base.now()
        left = int((session.expires_at - now).total_seconds())
        seconds = max(0, min(self._base.settings.access_token_seconds, left))
        issued = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "sub": session.user_id,
            "realm": realm,
            "sid": session.id,
            "iat": issued,
            "nbf": issued,
            "exp": issued + seconds,
            "jti": uuid.uuid4().hex,
        }
        if session.tenant:
            claims["tid"] = session.tenant
        return Secret(self._ring.sign(claims)), seconds

    def read(self, token: str) -> Proof:
        """What a token proves.

        Raises ``Unauthenticated``: ``token_malformed``, ``token_unknown``, ``token_expired``.
        """
        claims = self._ring.claims(token)
        realm, session_id, user_id = (claims.get(name) for name in ("realm", "sid", "sub"))
        starts, ends = claims.get("nbf"), claims.get("exp")
        if not (isinstance(realm, str) and isinstance(session_id, str) and isinstance(user_id, str)):
            raise _not_ours()
        if claims.get("iss") != _ISSUER or type(starts) is not int or type(ends) is not int:
            raise _not_ours()
        now = self._base.now()
        if starts > now.timestamp() + _LEEWAY:
            raise Unauthenticated("the token does not count yet", code="token_unknown")
        ends_at = datetime.fromtimestamp(ends, UTC)
        if now >= ends_at:
            raise Unauthenticated("the token has expired", code="token_expired")
        return Proof(Holder(realm, session_id), user_id, ends_at)


def _not_ours() -> Unauthenticated:
    return Unauthenticated("the token does not say what an access token says", code="token_unknown")
