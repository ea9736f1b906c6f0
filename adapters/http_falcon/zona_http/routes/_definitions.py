"""Definitions of apps and tasks as bodies: the domain's classes, with the bounds that a request is held to.

What a bound says is what the domain checks anyway; here it is part of the schema too, and its faults come with those of
the types. What no schema can say, and what handlers check, is told by the use-cases with the same paths.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from attrs import Factory, define
from msgspec import Meta

from zona_core.domain.apps import AppDefinition, AppStatus, RetryPolicy, TaskDefinition
from zona_core.domain.fields import Field, OutputField, Rules
from zona_http.operation import Problem

from ._common import Id, TenantCode, Title

__all__ = ["LOGOS_UNREADABLE", "AppBody", "AppReplacement", "TaskBody", "TaskOfApp", "defined"]

T = TypeVar("T")

FieldName: TypeAlias = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,127}$", examples=["api_key"])]
Tag: TypeAlias = Annotated[str, Meta(pattern="^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", examples=["lookup_host"])]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Order: TypeAlias = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
#: deleting is an operation of its own
Status: TypeAlias = Annotated[AppStatus, Meta(extra_json_schema={"enum": ["active", "inactive", "draft"]})]
Timeout: TypeAlias = Annotated[float, Meta(gt=0, le=86_400, description="seconds that one attempt may take")]

#: a definition may bring a picture, which takes the extra ``images``
LOGOS_UNREADABLE: Final = Problem(status=501, codes=("not_installed",))

_IGNORED = "given by Zona; what is sent is ignored: a field stays the same as long as its name does"


@define(frozen=True, kw_only=True)
class RulesBody(Rules):
    """Bounds on a value; null means no bound."""

    min_length: Count | None = None
    max_length: Count | None = None
    min_items: Count | None = None
    max_items: Count | None = None


@define(frozen=True, kw_only=True)
class FieldBody(Field):
    """A typed value with a name: a setting of an instance or an input of a task."""

    id: Annotated[Count, Meta(description=_IGNORED)] = 0
    name: FieldName
    rules: RulesBody | None = None


@define(frozen=True, kw_only=True)
class OutputBody(OutputField):
    """A named part of a task's result; ``path`` is a JMESPath expression over what the handler got."""


@define(frozen=True, kw_only=True)
class RetryBody(RetryPolicy):
    """How often and when a failed attempt is repeated; times in seconds."""

    attempts: Annotated[int, Meta(ge=1, le=100)] = 1
    initial: Annotated[float, Meta(ge=0, le=3_600)] = 1.0
    factor: Annotated[float, Meta(ge=1, le=10)] = 2.0
    maximum: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.5


@define(frozen=True, kw_only=True)
class TaskBody(TaskDefinition):
    """A task before it has an id."""

    name: Annotated[str, Meta(min_length=1, max_length=500, examples=["Look a host up"])]
    task_tag: Tag
    inputs: tuple[FieldBody, ...] = ()
    outputs: tuple[OutputBody, ...] = ()
    status: Status = AppStatus.ACTIVE
    timeout: Timeout = 60.0
    error_handling: RetryBody = Factory(RetryBody)
    execution_order: Order = 0


@define(frozen=True, kw_only=True)
class TaskOfApp(TaskBody):
    """A task before it has an id, and the app that it is of."""

    tenant_code: TenantCode | None = None
    integration_id: Id


@define(frozen=True, kw_only=True)
class AppBody(AppDefinition):
    """An app before it has ids, with its tasks."""

    title: Title
    fields: tuple[FieldBody, ...] = ()
    status: Status = AppStatus.ACTIVE
    tasks: tuple[TaskBody, ...] = ()


@define(frozen=True, kw_only=True)
class AppReplacement(AppBody):
    """What an app shall be from now on. Tasks that are left out are retired, so they have to be given."""

    tasks: tuple[TaskBody, ...]


def defined(body: Any, kind: type[T]) -> T:
    """The domain's own definition of what came in, without what only the request has."""
    return msgspec.convert(body, kind, from_attributes=True)
