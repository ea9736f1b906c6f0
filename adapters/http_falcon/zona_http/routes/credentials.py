"""Credentials: secrets that instances share. They go in as texts and never come out."""

from __future__ import annotations

from typing import Annotated

from attrs import define
from msgspec import Meta

from zona_core.domain.instances import Credential
from zona_core.domain.secrets import Secret
from zona_core.persistence.repository import Listing
from zona_http.operation import Answer, Call, Operation, Problem

from ._common import Id, OptionalTenant, PageOfTenant, Title
from ._doors import made

__all__ = ["OPERATIONS"]

FieldName = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
Secrets = Annotated[
    dict[FieldName, Secret], Meta(min_length=1, max_length=200, description="by the name of the field they stand for")
]


@define(frozen=True, kw_only=True)
class CredentialId(OptionalTenant):
    """Which credential."""

    credential_id: Id


@define(frozen=True, kw_only=True)
class NewCredential:
    """A named set of secrets."""

    title: Title
    secrets: Secrets


@define(frozen=True, kw_only=True)
class NewSecrets:
    """What takes the place of all the old secrets."""

    secrets: Secrets


def list_credentials(call: Call) -> Listing[Credential]:
    return call.workspace.credentials.list(after=call.params.after, limit=call.params.limit)


def get_credential(call: Call) -> Credential:
    return call.workspace.credentials.get(call.params.credential_id)


def add_credential(call: Call) -> Answer:
    credential = call.workspace.credentials.add(call.body.title, call.body.secrets)
    return made(call, credential, str(credential.id))


def rotate_credential(call: Call) -> Credential:
    return call.workspace.credentials.rotate(call.params.credential_id, call.body.secrets, revision=call.revision)


def remove_credential(call: Call) -> None:
    call.workspace.credentials.remove(call.params.credential_id, revision=call.revision)


_CREDENTIAL = {
    "id": 3, "title": "shared account", "secrets": {"api_key": "********"}, "deleted": False,
    "rotated_ts": "2030-01-01T00:00:00Z", "created_ts": "2030-01-01T00:00:00Z",
    "updated_ts": "2030-01-01T00:00:00Z", "revision": 1,
}  # fmt: skip
_ONE = "/api/v1/credentials/{credential_id}"

OPERATIONS = (
    Operation(
        method="GET", path="/api/v1/credentials", id="list_credentials", tag="credentials",
        summary="Credentials by id", handler=list_credentials, use_case="credentials.list", params=PageOfTenant,
        result=list[Credential], answer_example=[_CREDENTIAL],
    ),
    Operation(
        method="POST", path="/api/v1/credentials", id="add_credential", tag="credentials",
        summary="Keep secrets for several instances", handler=add_credential, use_case="credentials.add",
        params=OptionalTenant, body=NewCredential, result=Credential, status=201,
        problems=(Problem(status=409, codes=("duplicate",)),),
        example={"title": "shared account", "secrets": {"api_key": "0123456789abcdef"}}, answer_example=_CREDENTIAL,
    ),
    Operation(
        method="GET", path=_ONE, id="get_credential", tag="credentials", summary="One credential",
        handler=get_credential, use_case="credentials.get", params=CredentialId, result=Credential,
        answer_example=_CREDENTIAL,
    ),
    Operation(
        method="PUT", path=f"{_ONE}/secrets", id="rotate_credential", tag="credentials", summary="Replace the secrets",
        description="Instances use the new ones from their next run on.", handler=rotate_credential,
        use_case="credentials.rotate", params=CredentialId, body=NewSecrets, result=Credential, locks=True,
        example={"secrets": {"api_key": "fedcba9876543210"}}, answer_example={**_CREDENTIAL, "revision": 2},
    ),
    Operation(
        method="DELETE", path=_ONE, id="remove_credential", tag="credentials",
        summary="Delete a credential and erase its secrets", description="Refused while an instance uses it.",
        handler=remove_credential, use_case="credentials.remove", params=CredentialId, status=204, conditional=True,
        problems=(Problem(status=409, codes=("in_use",)),),
    ),
)  # fmt: skip
