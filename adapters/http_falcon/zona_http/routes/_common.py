"""Parameters that many operations share. ``Annotated`` says what is valid, and describes it."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from attrs import define
from msgspec import Meta

__all__ = ["Cursor", "Id", "InTenant", "OptionalTenant", "Page", "PageOfTenant", "PageSize", "TenantCode", "Title"]

TenantCode: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=63, pattern="^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$", examples=["localhost"])
]
Id: TypeAlias = Annotated[int, Meta(ge=1, le=2**53 - 1, examples=[1])]
Title: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, examples=["VirusTotal"])]
Cursor: TypeAlias = Annotated[str, Meta(max_length=4_000, description="meta.next of the page before")]
PageSize: TypeAlias = Annotated[int, Meta(ge=1, le=1_000, description="how many at most")]

_WHICH = "the tenant to work in; without it the token's"


@define(frozen=True, kw_only=True)
class OptionalTenant:
    """Where: in the token's tenant, or in the one that is named."""

    tenant_code: Annotated[TenantCode, Meta(description=_WHICH)] | None = None


@define(frozen=True, kw_only=True)
class PageOfTenant(OptionalTenant):
    """A page of a list."""

    after: Cursor | None = None
    limit: PageSize = 100


@define(frozen=True, kw_only=True)
class InTenant:
    """Where, in the path."""

    tenant_code: TenantCode


@define(frozen=True, kw_only=True)
class Page:
    """A page of a list above tenants."""

    after: Cursor | None = None
    limit: PageSize = 100
