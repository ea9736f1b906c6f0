"""An app with its logo and a first instance in one form (SPEC §4.1), and logos as pictures."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.apps import AppDescription, AppStatus
from zona_core.domain.fields import Field
from zona_core.domain.logos import parsed
from zona_core.domain.services import ServiceDefinition
from zona_core.usecases.apps import AppOutcome, NewInstance
from zona_http._conditions import tag_of
from zona_http.operation import Answer, Call, Operation, Problem, Upload

from ._common import Id, OptionalTenant, Title
from ._definitions import LOGOS_UNREADABLE, FieldBody, Status
from ._doors import place
from ._examples import APP_OUTCOME

__all__ = ["OPERATIONS"]

_TITLE: Final = "unique in the tenant"


@define(frozen=True, kw_only=True)
class FirstInstance:
    """An instance to be made with the app."""

    title: Title
    values: dict[str, Any] = Factory(dict)
    #: title or id of the shared credential whose secrets stand in for fields left empty
    credential: Id | Title | None = None
    allow_private: bool = False
    #: whether it asks for the service that the app defines: the fleet runs it
    deploy: bool = False


@define(frozen=True, kw_only=True)
class AppForm(OptionalTenant):
    """What an app is apart from its tasks; all parts but ``logo`` and texts are JSON."""

    integration_id: Annotated[int, Meta(ge=0, le=2**53 - 1, description="0 for a new app")] = 0
    title: Annotated[Title, Meta(description=_TITLE)]
    description: str = ""
    version: str = "1.0"
    category: str = ""
    fields: tuple[FieldBody, ...] = ()
    handler_config: dict[str, Any] = Factory(dict)
    health_check: dict[str, Any] = Factory(dict)
    generic_app: bool = True
    status: Status = AppStatus.ACTIVE
    metadata: dict[str, Any] = Factory(dict)
    service: ServiceDefinition | None = None
    #: PNG, JPEG, GIF or WebP; without it the logo stays, and a new app has the default one
    logo: Upload | None = None
    #: whether ``new_instance`` is to be made with it
    add_instance: bool = False
    new_instance: FirstInstance | None = None


@define(frozen=True, kw_only=True)
class AppId(OptionalTenant):
    """Which app."""

    integration_id: Id


def save(call: Call) -> Answer:
    form: AppForm = call.body
    app_id = form.integration_id
    outcome = call.workspace.apps.save(
        _described(form),
        app_id=app_id,
        logo=form.logo.data if form.logo else None,
        instance=_instance(form),
        revision=call.revision,
    )
    etag = tag_of(outcome.app.revision)
    if not outcome.created:
        return Answer(data=outcome, status=200, etag=etag)
    headers = {"Location": place(call, f"/api/v1/apps/{outcome.app.integration_id}")}
    return Answer(data=outcome, status=201, etag=etag, headers=headers)


def logo(call: Call) -> Answer:
    media_type, data = parsed(call.workspace.apps.logo(call.params.integration_id))
    return Answer(body=data, media_type=media_type)


def _described(form: AppForm) -> AppDescription:
    return AppDescription(
        title=form.title,
        description=form.description,
        version=form.version,
        category=form.category,
        fields=msgspec.convert(form.fields, tuple[Field, ...], from_attributes=True),
        handler_config=form.handler_config,
        health_check=form.health_check,
        generic_app=form.generic_app,
        status=form.status,
        metadata=form.metadata,
        service=form.service,
    )


def _instance(form: AppForm) -> NewInstance | None:
    if not form.add_instance:
        return None
    wanted = form.new_instance or FirstInstance(title=form.title)
    return NewInstance(
        title=wanted.title,
        values=wanted.values,
        allow_private=wanted.allow_private,
        credential=wanted.credential,
        deploy=wanted.deploy,
    )


_APPS: Final[dict[str, Any]] = {"tag": "apps"}

OPERATIONS = (
    Operation(
        **_APPS, method="POST", path="/apps/v1/app/generic", id="save_generic_app",
        summary="Make an app, or change what it is, with its logo and a first instance",
        description="Its tasks stay as they are; so does its logo if none is sent. 201 if it was made. An instance "
        "whose title is taken is left out: `instance_skipped` says so. All or nothing otherwise.",
        handler=save, use_case="apps.save", body=AppForm, multipart=True, result=AppOutcome, creates=True,
        conditional=True, answer_example={**APP_OUTCOME, "tasks_created": 0},
        example={
            "integration_id": 0, "title": "Shodan", "fields": [{"name": "api_key", "kind": "secret", "required": True}],
            "handler_config": {"http": {"base_url": "https://api.shodan.io"}}, "add_instance": True,
            "new_instance": {"title": "Main", "values": {"api_key": "0123456789abcdef"}},
        },
        problems=(
            Problem(status=403, codes=("permission_denied", "licence_limit")),
            Problem(status=409, codes=("duplicate",)),
            Problem(status=422, codes=("invalid_input", "invalid_logo")),
            LOGOS_UNREADABLE,
        ),
    ),
    Operation(
        **_APPS, method="GET", path="/api/v1/apps/{integration_id}/logo", id="get_app_logo", summary="An app's logo",
        description="A picture: its own, else the default one.",
        handler=logo, use_case="apps.logo", params=AppId, media_type="image/png",
    ),
)  # fmt: skip
