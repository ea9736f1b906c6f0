"""One operation as Falcon calls it: gates, validation, handler, answer."""

from __future__ import annotations

from typing import Any

import falcon

from zona_core import Zona
from zona_core.errors import Fault, InvalidInput, RevisionConflict

from ._answers import put_answer
from ._conditions import condition_missing, revision_meant
from ._gates import Doors, Limits, Proofs, is_system, named_tenant
from ._logging import bind_identity
from ._metrics import Metrics
from ._replays import Replayer
from ._schemas import Schemas
from ._streams import Streams
from ._validation import BodyReader, ParameterReader
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
        settings = service.settings
        self._operation = operation
        self._service = service
        self._params = ParameterReader(operation)
        limit = settings.max_upload if operation.multipart else settings.max_body
        self._body = BodyReader(operation, service.schemas, limit) if operation.body else None
        self._system = is_system(operation)

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
        if operation.limited:
            service.limits.client(request.remote_addr)
        if operation.access is not Access.PUBLIC:
            self._admit(call, path)
        call.params = self._params.read(request, path)
        call.revision = revision_meant(request, creates=operation.creates) if operation.locks else None
        data = b""
        if self._body is not None:
            call.body, data = self._body.read(request)
            self._move(call)
        put_answer(response, operation, self._result(call, data), request.env.get("HTTP_IF_NONE_MATCH"))

    def _admit(self, call: Call, path: dict[str, Any]) -> None:
        service, request = self._service, call.request
        identity = call.identity = service.proofs.identity(request)
        request.context.actor = identity.actor.name
        named = named_tenant(path, request)
        code = ""
        if not self._system and (named or self._operation.access is Access.GRANTED):
            code = service.doors.tenant_of(identity, named)
        # What somebody may not enter is not counted as used by its own people.
        service.limits.known(identity, code if identity.actor.may_enter(code) else "")
        if self._system:
            call.enter(system=service.doors.system(identity))
        elif code:
            self._enter(call, code)
        self._permit(call)

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

    def _result(self, call: Call, data: bytes) -> Any:
        operation = self._operation
        try:
            if operation.replayable and call.request.get_header("Idempotency-Key") is not None:
                return self._service.replayer.once(call, data)
            return operation.handler(call)
        except RevisionConflict as exc:
            if operation.creates and call.request.get_header("If-Match") is None:
                raise condition_missing() from exc
            if operation.locks:
                exc.details["if_match"] = True
            raise
