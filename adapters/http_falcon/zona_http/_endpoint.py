"""One operation as Falcon calls it: gates, validation, handler, answer."""

from __future__ import annotations

from typing import Any

import falcon

from zona_core import Identity, Zona
from zona_core.errors import Fault, InvalidInput, RevisionConflict, Unauthenticated

from ._answers import put_answer, put_cookie, session_cookie
from ._bodies import BodyReader
from ._byte_streams import StreamReader
from ._conditions import Condition, condition_missing, conditions_of
from ._gates import Doors, Limits, Proofs, is_system, named_tenant
from ._logging import bind_identity
from ._metrics import Metrics
from ._parameters import ParameterReader
from ._replays import Replayer
from ._schemas import Schemas
from ._streams import Streams
from .operation import Access, Call, Operation
from .settings import HttpSettings

__all__ = ["Endpoint", "Service"]


class Service:
    """What all endpoints of an app share."""

    def __init__(self, zona: Zona, settings: HttpSettings, schemas: Schemas, limits: Limits, metrics: Metrics) -> None:
        self.zona = zona
        self.settings = settings
        self.schemas = schemas
        self.limits = limits
        self.proofs = Proofs(zona, settings)
        self.doors = Doors(zona)
        self.replayer = Replayer(zona)
        self.streams = Streams(settings, metrics, self.proofs, self.doors)


class Endpoint:
    """Answers the requests for one operation, in the order of SPEC §4.7."""

    def __init__(self, operation: Operation, service: Service) -> None:
        self._operation = operation
        self._service = service
        self._params = ParameterReader(operation)
        self._body = BodyReader(operation, service.schemas, service.settings) if operation.body else None
        self._stream = StreamReader(operation, service.settings) if operation.stream else None
        self._system = is_system(operation)
        #: whether there may be an object that ``If-Match`` is about
        self._changes = operation.method != "GET" and operation.access is not Access.PUBLIC

    def __call__(self, request: falcon.Request, response: falcon.Response, **path: Any) -> None:
        """A Falcon responder."""
        operation, service = self._operation, self._service
        call = Call(
            operation=operation,
            zona=service.zona,
            request=request,
            correlation_id=request.context.correlation_id,
            cookie_name=service.proofs.cookie_name,
            streams=service.streams,
        )
        public = operation.access is Access.PUBLIC
        address = request.remote_addr if operation.limited else ""
        # Whoever is known already is counted once, by all that it counts for; a proof is looked at after the address.
        call.identity = None if public else service.proofs.believed(request)
        if call.identity is None:
            service.limits.client(address)
            address = ""
        if not public:
            self._admit(call, path, response, address)
        call.params = self._params.read(request, path)
        conditions = self._conditions(request) if self._changes else ()
        if self._stream is not None:
            call.body = self._stream.read(request)
        if self._body is None:
            self._answer(call, response, b"", conditions)
            return
        call.body, data = self._body.read(request)
        try:
            self._move(call)
            self._answer(call, response, data, conditions)
        finally:
            self._body.release(call.body)

    def _admit(self, call: Call, path: dict[str, Any], response: falcon.Response, address: str) -> None:
        service, request = self._service, call.request
        identity = call.identity
        if identity is None:
            identity = call.identity = self._proven(request, response)
        request.context.actor = identity.actor.name
        named = named_tenant(path, request)
        code = ""
        if not self._system and (named or self._operation.access is Access.GRANTED):
            code = service.doors.tenant_of(identity, named)
        # What somebody may not enter is not counted as used by its own people.
        service.limits.known(identity, code if identity.actor.may_enter(code) else "", address)
        if self._system:
            call.enter(system=service.doors.system(identity))
        elif code:
            self._enter(call, code)
        self._permit(call)

    def _proven(self, request: falcon.Request, response: falcon.Response) -> Identity:
        proofs = self._service.proofs
        try:
            return proofs.identity(request)
        except Unauthenticated:
            if proofs.by_cookie(request):  # it will not count again
                put_cookie(response, proofs.cookie_name, session_cookie("", 0))
            raise

    def _enter(self, call: Call, code: str) -> None:
        call.request.context.tenant = code
        bind_identity(call.correlation_id, code, call.actor.name)
        call.enter(workspace=self._service.doors.workspace(call.known, code))

    def _permit(self, call: Call) -> None:
        if self._operation.access is Access.GRANTED:
            self._service.doors.permit(self._operation, call.system if self._system else call.workspace, call.known)

    def _move(self, call: Call) -> None:
        """Goes on in the tenant that the body names, if it names one."""
        named = getattr(call.body, "tenant_code", None)
        if not named or self._system or self._operation.access is not Access.GRANTED:
            return
        if named != call.workspace.tenant.tenant_code:
            if getattr(call.params, "tenant_code", None):
                fault = Fault("tenant_code", "is another tenant than the one that the address names")
                raise InvalidInput.of([fault], "The body")
            self._enter(call, named)
            self._service.limits.tenant(named)
            self._permit(call)

    def _conditions(self, request: falcon.Request) -> tuple[Condition, ...]:
        """What ``If-Match`` says, where it is given; raises ``BadRequest`` if it has to be and is not."""
        operation = self._operation
        given = request.env.get("HTTP_IF_MATCH")
        if given is not None:
            return conditions_of(given, compared=operation.locks or operation.conditional)
        if operation.locks and not operation.creates:
            raise condition_missing()
        return ()

    def _answer(self, call: Call, response: falcon.Response, data: bytes, conditions: tuple[Condition, ...]) -> None:
        result = self._result(call, data, conditions)
        put_answer(response, self._operation, result, call.request.env.get("HTTP_IF_NONE_MATCH"))

    def _result(self, call: Call, data: bytes, conditions: tuple[Condition, ...]) -> Any:
        """The result under the first condition that holds: revisions only grow, so none is passed over."""
        for condition in conditions[:-1]:
            call.condition = condition
            try:
                return self._handled(call, data)
            except RevisionConflict:
                continue
        call.condition = conditions[-1] if conditions else None
        return self._handled(call, data)

    def _handled(self, call: Call, data: bytes) -> Any:
        operation = self._operation
        try:
            if operation.keyed and call.request.get_header("Idempotency-Key") is not None:
                return self._service.replayer.once(call, data)
            return operation.handler(call)
        except RevisionConflict as exc:
            if operation.locks and operation.creates and call.condition is None:
                raise condition_missing() from exc
            if call.condition is not None and call.condition.revision is not None:
                exc.details["if_match"] = True
            raise
