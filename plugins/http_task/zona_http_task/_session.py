"""One call's conversation with a service: credentials, redirects, and one new try after a token was refused."""

from __future__ import annotations

from functools import partial

from attrs import define, evolve

from zona_core.domain.network import refusal_of
from zona_core.errors import TaskFailed
from zona_core.ports.handlers import Connection
from zona_http_task._addresses import Guard
from zona_http_task._auth import authorised
from zona_http_task._config import ClientCredentials, Scheme
from zona_http_task._deadline import Deadline
from zona_http_task._failures import status_failure, too_large
from zona_http_task._oauth import TokenCache, read_token, token_request
from zona_http_task._redirects import redirected, redirects_to
from zona_http_task._requests import Outgoing
from zona_http_task._scope import Scope
from zona_http_task._transport import Answer, Transport

__all__ = ["Limits", "Session", "guard_of"]

#: how much is read of an answer that is not the one that was hoped for
_FAILURE_BYTES = 65_536
_TOKEN_BYTES = 1_048_576


@define(frozen=True, kw_only=True)
class Limits:
    """What an answer may be: which statuses are wanted (patterns as in ``TaskConfig``), how large, how far away."""

    success: tuple[str, ...]
    max_bytes: int
    redirects: int = 0

    def wants(self, status: int) -> bool:
        """Whether the status is the one hoped for."""
        return str(status) in self.success or f"{status // 100}XX" in self.success

    def bytes_of(self, status: int) -> int:
        """How many bytes are read of an answer with this status."""
        return self.max_bytes if self.wants(status) else min(self.max_bytes, _FAILURE_BYTES)


def guard_of(connection: Connection) -> Guard:
    """The address check for this instance and tenant."""
    asks = connection.instance is not None and connection.instance.allow_private
    return partial(refusal_of, instance_asks=asks, policy=connection.network)


class Session:
    """Sends requests with one instance's credentials. For one call and one thread."""

    def __init__(
        self, *, connection: Connection, scope: Scope, deadline: Deadline, transport: Transport, tokens: TokenCache
    ) -> None:
        self._connection = connection
        self._scope = scope
        self._deadline = deadline
        self._transport = transport
        self._tokens = tokens
        #: how many redirects were followed
        self.hops = 0
        #: kept tokens that were used, with their keys
        self._cached: list[tuple[bytes, str]] = []

    def answer(self, request: Outgoing, schemes: tuple[Scheme, ...], limits: Limits) -> Answer:
        """The answer to ``request`` with the credentials of ``schemes``, redirects followed; raises ``TaskFailed``.

        A 401 to an access token that was kept drops the token and repeats the request once with a new one: the
        service can revoke a token before it expires.
        """
        answer = self._followed(self._with_credentials(request, schemes), limits)
        if answer.status == 401 and self._cached:
            for key, token in self._cached:
                self._tokens.drop(key, token)
            self._cached.clear()
            answer = self._followed(self._with_credentials(request, schemes), limits)
        if limits.wants(answer.status) and answer.cut:
            raise too_large(answer, limits.max_bytes)
        return answer

    def _with_credentials(self, request: Outgoing, schemes: tuple[Scheme, ...]) -> Outgoing:
        return authorised(request, schemes, self._scope, lambda scheme: self._token(scheme, request))

    def _followed(self, request: Outgoing, limits: Limits) -> Answer:
        for _ in range(limits.redirects):
            answer = self._exchanged(request, limits)
            location = redirects_to(answer)
            if location is None or limits.wants(answer.status):
                return answer
            request = redirected(request, answer, location)
            self.hops += 1
        return self._exchanged(request, limits)

    def _exchanged(self, request: Outgoing, limits: Limits) -> Answer:
        return self._transport.exchange(
            request, guard=guard_of(self._connection), deadline=self._deadline, limit_of=limits.bytes_of
        )

    def _token(self, scheme: ClientCredentials, request: Outgoing) -> str:
        connection = self._connection
        instance_id = connection.instance.instance_id if connection.instance else 0
        asker = f"{connection.tenant_code}/{connection.integration.integration_id}/{instance_id}"
        agent = request.headers["user-agent"].value
        wanted = token_request(scheme, evolve(request.url, query=""), self._scope, asker, agent)
        key = self._tokens.key(wanted)
        kept = self._tokens.get(key)
        if kept is not None:
            self._scope.conceal(kept)
            self._cached.append((key, kept))
            return kept
        token, life = self._fetched(wanted.outgoing)
        self._tokens.put(key, token, life)
        return token

    def _fetched(self, outgoing: Outgoing) -> tuple[str, float]:
        limits = Limits(success=("200",), max_bytes=_TOKEN_BYTES)
        answer = self._exchanged(outgoing, limits)
        if not limits.wants(answer.status):
            failure = status_failure(outgoing.method, answer, self._scope)
            raise TaskFailed(
                f"No access token: {failure.message}",
                code=failure.code,
                retryable=failure.retryable,
                retry_after=failure.retry_after,
                **failure.details,
            )
        token, life = read_token(answer.body, answer.url)
        self._scope.conceal(token)
        return token, life
