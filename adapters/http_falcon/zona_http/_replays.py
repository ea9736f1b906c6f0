"""``Idempotency-Key``: a POST that is sent again is answered as before, and done once.

As in the IETF's draft-ietf-httpapi-idempotency-key-header. What was answered is kept for a day, sealed like a secret,
under the tenant, the actor, the operation and the key.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from zona_core import Zona
from zona_core.errors import Conflict
from zona_core.persistence.database import CORE

from ._answers import reduced
from ._problems import BadRequest
from .operation import Answer, Call

__all__ = ["Replayer"]

_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}\Z")
#: bytes of an answer that is kept; a store holds no documents of any size
_LONGEST: Final = 1_048_576


class Replayer:
    """Does each keyed call once."""

    def __init__(self, zona: Zona) -> None:
        self._replays = zona.replays

    def once(self, call: Call, data: bytes) -> Any:
        """The answer of the first call with this key, or of this one if it is the first.

        Raises ``BadRequest`` for an unfit key, and for any where the answer cannot be kept: a client that relies on
        it must not do twice what it means to do once. Raises ``Conflict`` (``idempotency_in_progress``; for a call
        that was done and whose answer was too long to be kept, ``idempotency_answer_gone``), ``InvalidInput``
        (``idempotency_mismatch``), and whatever the handler raises, which is not kept.
        """
        operation = call.operation
        if not operation.replayable:
            raise BadRequest(
                "this operation cannot be repeated by an Idempotency-Key: its answer is not kept",
                code="idempotency_unsupported",
                hint="Send it without; after a failure, look first whether it was done.",
            )
        key = (call.request.get_header("Idempotency-Key") or "").strip()
        if not _KEY.match(key):
            raise BadRequest("Idempotency-Key is not 1-128 visible ASCII characters", code="idempotency_key_malformed")
        realm = CORE if call.above_tenants else call.workspace.tenant.tenant_code
        request = b"\0".join((call.request.path.encode(), call.request.query_string.encode(), data))
        known = call.known
        name = f"{known.realm}/{known.actor.user_id}/{known.key_id}/{operation.id}/{key}"
        with self._replays.once(realm, name, request) as attempt:
            if attempt.answer is not None:
                return _replayed(attempt.answer)
            answer = reduced(operation, operation.handler(call))
            if answer.stream is None:
                attempt.keep(_kept(answer))
            return answer


def _kept(answer: Answer) -> dict[str, Any]:
    body = answer.body
    if body is not None and len(body) > _LONGEST:
        return {"gone": True}
    return {
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": None if body is None else base64.b64encode(body).decode(),
        "type": answer.media_type,
    }


def _replayed(kept: Mapping[str, Any]) -> Answer:
    if "gone" in kept:
        raise Conflict(
            "a call with this key was done; its answer was too long to be kept",
            code="idempotency_answer_gone",
            hint="Look at what it has made.",
        )
    return Answer(
        status=kept["status"],
        headers={**kept["headers"], "Idempotent-Replayed": "true"},
        body=None if kept["body"] is None else base64.b64decode(kept["body"]),
        media_type=kept["type"],
    )
