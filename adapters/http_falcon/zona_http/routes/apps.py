"""Apps: the endpoints of SPEC §3, and those that a client expects beside them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import define
from msgspec import Meta

from zona_core.domain.apps import AppDefinition, AppStatus, Integration
from zona_core.errors import Fault, InvalidDocument
from zona_core.persistence.repository import Listing
from zona_core.usecases.apps import AppOutcome, DeletedApp
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem, Upload

from ._common import Id, InTenant, OptionalTenant, PageOfTenant, PageSize
from ._definitions import LOGOS_UNREADABLE, AppBody, AppReplacement, defined
from ._doors import place
from ._examples import APP, APP_OUTCOME

__all__ = ["OPERATIONS"]

Name = Annotated[str, Meta(min_length=1, max_length=200)]


@define(frozen=True, kw_only=True)
class NamedApp:
    """An app's name and metadata."""

    integration_id: int
    title: str
    version: str
    category: str
    generic_app: bool


@define(frozen=True, kw_only=True)
class AppId(OptionalTenant):
    """Which app."""

    integration_id: Id


@define(frozen=True, kw_only=True)
class AppDeletion(AppId):
    """Which app goes."""

    force: Annotated[bool, Meta(description="delete it although other apps' tasks need its tasks")] = False


@define(frozen=True, kw_only=True)
class AppPage(PageOfTenant):
    """Which apps."""

    status: Annotated[AppStatus, Meta(description="without it all that are not deleted")] | None = None


@define(frozen=True, kw_only=True)
class AppSearch(OptionalTenant):
    """Which apps, by their words."""

    q: Annotated[
        str,
        Meta(
            min_length=1, max_length=1_000, description="words, all of which an app has", examples=["internet search"]
        ),
    ]
    status: Annotated[AppStatus, Meta(description="without it all that are not deleted")] | None = None
    limit: PageSize = 50


@define(frozen=True, kw_only=True)
class AppDocument(OptionalTenant):
    """A document that describes an app."""

    document: Upload
    #: ``openapi``, ``zona``, or what a plugin reads
    format: Name = "openapi"
    #: instead of the document's own
    title: Annotated[str, Meta(max_length=200)] = ""
    #: bring an app of that title up to date instead of refusing
    update: bool = False


@define(frozen=True, kw_only=True)
class AppOfPlugin(OptionalTenant):
    """An integration that a plugin brings."""

    name: Annotated[Name, Meta(examples=["shodan"])]
    #: bring an app of its title up to date instead of refusing
    update: bool = False


def names(call: Call) -> Answer:
    return Answer(data=call.workspace.apps.names(), meta={"next": None})


def list_apps(call: Call) -> Listing[Integration]:
    params: AppPage = call.params
    return call.workspace.apps.list(status=params.status, after=params.after, limit=params.limit)


def search_apps(call: Call) -> Answer:
    params: AppSearch = call.params
    found = call.workspace.apps.search(params.q, status=params.status, limit=params.limit)
    return Answer(data=found, meta={"next": None})


def get_app(call: Call) -> Integration:
    return call.workspace.apps.get(call.params.integration_id)


def create_app(call: Call) -> Answer:
    return _told(call, call.workspace.apps.upsert(defined(call.body, AppDefinition)))


def replace_app(call: Call) -> Answer:
    definition, app_id = defined(call.body, AppDefinition), call.params.integration_id
    return _told(call, call.workspace.apps.upsert(definition, app_id=app_id, revision=call.revision))


def import_document(call: Call) -> Answer:
    asked: AppDocument = call.body
    options: dict[str, Any] = {"format": asked.format, "title": asked.title, "update": asked.update}
    try:
        return _told(call, call.workspace.apps.import_document(asked.document.data, **options))
    except InvalidDocument as exc:
        if not exc.faults:  # it is about the document as a whole
            exc.faults = (Fault("document", exc.message, exc.hint),)
        raise


def install(call: Call) -> Answer:
    return _told(call, call.workspace.apps.install(call.body.name, update=call.body.update))


def delete_app(call: Call) -> DeletedApp:
    return call.workspace.apps.delete(call.params.integration_id, force=call.params.force, revision=call.revision)


def delete_named_app(call: Call) -> DeletedApp:
    return call.workspace.apps.delete(call.body.integration_id, force=call.body.force, revision=call.revision)


def _told(call: Call, outcome: AppOutcome) -> Answer:
    app, etag = outcome.app, tag_of(outcome.app.revision)
    if not outcome.created:
        return Answer(data=outcome, status=200, etag=etag)
    headers = {"Location": place(call, f"/api/v1/apps/{app.integration_id}")}
    return Answer(data=outcome, status=201, etag=etag, headers=headers)


_DEFINITION: Final = {
    "title": "Shodan",
    "category": "threat intelligence",
    "fields": [{"name": "api_key", "label": "API key", "kind": "secret", "required": True}],
    "handler_config": {"http": {"base_url": "https://api.shodan.io"}},
    "tasks": [
        {
            "name": "Plan and credits", "task_tag": "info", "task_handler": "http",
            "handler_config": {
                "method": "GET", "path": "/api-info",
                "parameters": [{"in": "query", "name": "key", "value": "{{ instance.api_key }}"}],
            },
            "outputs": [{"name": "plan", "kind": "text", "path": "body.plan"}],
        }
    ],
    "health_check": {"task": "info", "inputs": {}},
}  # fmt: skip
_DELETED: Final = {"app": {**APP, "status": "deleted", "revision": 2}, "tasks": 1, "instances": 0, "playbooks": 0}
_NEEDED: Final = Problem(status=409, codes=("task_needed",))
_TAKEN: Final = Problem(status=409, codes=("duplicate",))
_APPS: Final[dict[str, Any]] = {"tag": "apps"}

OPERATIONS = (
    Operation(
        **_APPS, method="GET", path="/apps/v1/integration-name/{tenant_code}", id="integration_names",
        summary="Names and metadata of active integrations", handler=names, use_case="apps.names", params=InTenant,
        result=list[NamedApp],
        answer_example=[{
            "integration_id": 12, "title": "Shodan", "version": "1.0", "category": "threat intelligence",
            "generic_app": True,
        }],
    ),
    Operation(
        **_APPS, method="DELETE", path="/apps/v1/app", id="delete_integration",
        summary="Delete an app with its tasks and instances",
        description="Refused while other apps' tasks need its tasks, unless forced. Without `If-Match` it deletes "
        "whichever revision is there.",
        handler=delete_named_app, use_case="apps.delete", body=AppDeletion, result=DeletedApp, conditional=True,
        example={"tenant_code": "localhost", "integration_id": 12, "force": False}, answer_example=_DELETED,
        problems=(_NEEDED,),
    ),
    Operation(
        **_APPS, method="GET", path="/api/v1/apps", id="list_apps", summary="Apps by title",
        handler=list_apps, use_case="apps.list", params=AppPage, result=list[Integration], answer_example=[APP],
    ),
    Operation(
        **_APPS, method="GET", path="/api/v1/apps/search", id="search_apps",
        summary="Apps by words, the most relevant first",
        description="Apps that have every word of `q` in title, category or description. Case and diacritics do not "
        "count, of the last word the beginning is enough, and nothing in `q` is an operator.",
        handler=search_apps, use_case="apps.search", params=AppSearch, result=list[Integration], answer_example=[APP],
        problems=(Problem(status=422, codes=("invalid_input", "invalid_query")),),
    ),
    Operation(
        **_APPS, method="POST", path="/api/v1/apps", id="create_app", summary="Make an app of a definition",
        handler=create_app, use_case="apps.upsert", params=OptionalTenant, body=AppBody, result=AppOutcome, status=201,
        example=_DEFINITION, answer_example=APP_OUTCOME, problems=(_TAKEN, LOGOS_UNREADABLE),
    ),
    Operation(
        **_APPS, method="POST", path="/api/v1/apps/import-document", id="import_document",
        summary="Make an app of a document",
        description="An OpenAPI 3.x or Swagger 2.0 document becomes an app with a task for each operation. "
        "`warnings` say what had to be repaired, and where. 200 if an app was brought up to date.",
        handler=import_document, use_case="apps.import_document", body=AppDocument, multipart=True, creates=True,
        result=AppOutcome, answer_example=APP_OUTCOME,
        example={"document": "openapi: 3.1.0…", "format": "openapi", "title": "Shodan", "update": False},
        problems=(_TAKEN, Problem(status=422, codes=("invalid_document", "invalid_input")), LOGOS_UNREADABLE),
    ),
    Operation(
        **_APPS, method="POST", path="/api/v1/apps/install", id="install_app",
        summary="Make an app of an integration that a plugin brings", handler=install, use_case="apps.install",
        body=AppOfPlugin, result=AppOutcome, creates=True, example={"name": "shodan"}, answer_example=APP_OUTCOME,
        problems=(_TAKEN, LOGOS_UNREADABLE),
    ),
    Operation(
        **_APPS, method="GET", path="/api/v1/apps/{integration_id}", id="get_app", summary="One app",
        handler=get_app, use_case="apps.get", params=AppId, result=Integration, answer_example=APP,
    ),
    Operation(
        **_APPS, method="PUT", path="/api/v1/apps/{integration_id}", id="replace_app",
        summary="Replace an app's definition",
        description="Fields keep their ids by name, tasks theirs by tag; tasks that are not given are retired. "
        "All or nothing.",
        handler=replace_app, use_case="apps.upsert", params=AppId, body=AppReplacement, result=AppOutcome, locks=True,
        example=_DEFINITION, answer_example={**APP_OUTCOME, "created": False, "tasks_created": 0},
        problems=(_TAKEN, LOGOS_UNREADABLE),
    ),
    Operation(
        **_APPS, method="DELETE", path="/api/v1/apps/{integration_id}", id="delete_app",
        summary="Delete an app with its tasks and instances",
        description="Refused while other apps' tasks need its tasks, unless forced: they wait for them then.",
        handler=delete_app, use_case="apps.delete", params=AppDeletion, result=DeletedApp, locks=True,
        answer_example=_DELETED, problems=(_NEEDED,),
    ),
)  # fmt: skip
