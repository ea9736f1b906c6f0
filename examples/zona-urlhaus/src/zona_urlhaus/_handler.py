"""The task handler: from a task's inputs to its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from zona_core import (
    AppDescription,
    Connection,
    ConnectionReport,
    Fault,
    TaskCall,
    TaskDefinition,
    TaskFailed,
    TaskOutcome,
)
from zona_urlhaus._client import Answer, ask

__all__ = ["UrlhausHandler"]

#: ``query_status`` values that are answers; every other one is a failure with that code
_ANSWERS: Final = ("ok", "no_results")
#: failures that tell of the key, not of the connection
_REFUSALS: Final = ("unauthorized", "unknown_auth_key", "user_blacklisted")


class UrlhausHandler:
    """A ``TaskHandler``. ``handler_config`` of a task is ``{"query": "url" | "host" | "recent"}``."""

    def app_faults(self, app: AppDescription) -> list[Fault]:
        """The handler has no configuration in the app, but needs the app's fields."""
        names = {field.name for field in app.fields}
        return [
            Fault("fields", f"there is no field {name!r}", "auth_key (secret) and base_url (url)")
            for name in ("auth_key", "base_url")
            if name not in names
        ]

    def task_faults(self, task: TaskDefinition, app: AppDescription) -> list[Fault]:  # noqa: ARG002
        """What is wrong with the task's configuration."""
        query = task.handler_config.get("query")
        found = [
            Fault(f"handler_config.{name}", "is not known", "query") for name in task.handler_config if name != "query"
        ]
        if query not in _QUERIES:
            found.append(Fault("handler_config.query", f"{query!r} is no query", "one of " + ", ".join(_QUERIES)))
        return found

    def run(self, call: TaskCall) -> TaskOutcome:
        """Asks URLhaus once."""
        request, outputs_of = _QUERIES[call.task.handler_config["query"]]
        path, form = request(call.inputs)
        answer = ask(call.connection, path, form, timeout=call.timeout, abandoned=call.abandoned)
        _refuse_failure(answer)
        outputs = outputs_of(answer.data)
        return TaskOutcome(
            outputs=outputs,
            records_processed=len(outputs.get("urls") or ()),
            performance={"http_status": answer.status, "bytes_received": answer.size},
        )

    def test(self, connection: Connection, timeout: float) -> ConnectionReport:
        """Asks for the latest URL; a refused key is a report, not an error."""
        began = time.monotonic()
        try:
            _refuse_failure(ask(connection, "/urls/recent/limit/1/", None, timeout=timeout))
            ok, detail = True, "URLhaus accepts the Auth-Key"
        except TaskFailed as failure:
            if failure.code not in _REFUSALS:
                raise
            ok, detail = False, failure.message
        return ConnectionReport(ok=ok, detail=detail, duration_ms=round((time.monotonic() - began) * 1000, 3))


def _refuse_failure(answer: Answer) -> None:
    status = answer.data.get("query_status")
    if status not in _ANSWERS:
        code = status if isinstance(status, str) and status.isidentifier() else "unexpected_answer"
        raise TaskFailed(f"URLhaus refused the request: {code}", code=code, http_status=answer.status)


def _url_request(inputs: Mapping[str, Any]) -> tuple[str, dict[str, str] | None]:
    return "/url/", {"url": inputs["url"]}


def _host_request(inputs: Mapping[str, Any]) -> tuple[str, dict[str, str] | None]:
    return "/host/", {"host": inputs["host"]}


def _recent_request(inputs: Mapping[str, Any]) -> tuple[str, dict[str, str] | None]:
    return f"/urls/recent/limit/{int(inputs['limit'])}/", None


def _of_url(data: Mapping[str, Any]) -> dict[str, Any]:
    if data["query_status"] == "no_results":
        return {"listed": False, "tags": [], "payloads": []}
    return {
        "listed": True,
        **{name: data.get(name) for name in ("url_status", "threat", "date_added", "blacklists")},
        "tags": data.get("tags") or [],
        "reference": data.get("urlhaus_reference"),
        "payloads": data.get("payloads") or [],
    }


def _of_host(data: Mapping[str, Any]) -> dict[str, Any]:
    if data["query_status"] == "no_results":
        return {"listed": False, "url_count": 0, "urls": []}
    urls = data.get("urls") or []
    count = str(data.get("url_count", ""))  # URLhaus writes numbers as texts
    return {
        "listed": True,
        "url_count": int(count) if count.isascii() and count.isdigit() else len(urls),
        "firstseen": data.get("firstseen"),
        "reference": data.get("urlhaus_reference"),
        "blacklists": data.get("blacklists"),
        "urls": urls,
    }


def _of_recent(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"urls": data.get("urls") or []}


_Request = Callable[[Mapping[str, Any]], tuple[str, dict[str, str] | None]]
_Outputs = Callable[[Mapping[str, Any]], dict[str, Any]]
#: by the task's ``query``: path and form of the request, and what its answer means
_QUERIES: Final[Mapping[str, tuple[_Request, _Outputs]]] = {
    "url": (_url_request, _of_url),
    "host": (_host_request, _of_host),
    "recent": (_recent_request, _of_recent),
}
