"""Instances: an app connected to a real account; credentials: secrets that instances share (SPEC §1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import Factory, define, setters

from .secrets import Secret

__all__ = ["Credential", "Instance", "InstanceStatus"]


class InstanceStatus(StrEnum):
    """The life of an instance."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"
    MAINTENANCE = "maintenance"
    DELETED = "deleted"


@define(kw_only=True, on_setattr=setters.frozen)
class Instance:
    """An app's connection to one account (SPEC §1: ActiveInstance)."""

    instance_id: int
    integration_id: int
    title: str
    #: by field name; those of secret fields are ``Secret`` and are sealed in the store
    values: dict[str, Any] = Factory(dict)
    status: InstanceStatus = InstanceStatus.ACTIVE
    #: why the status is ``error``
    status_reason: str = ""
    base_url: str = ""
    #: the shared credential whose secrets stand in for fields left empty here; 0 for none
    credentials_id: int = 0
    #: asks to reach private addresses; the tenant's network policy decides
    allow_private: bool = False
    #: asks for the service that its app defines; the fleet runs it (SPEC §6)
    deploy: bool = False
    health_check_config: dict[str, Any] = Factory(dict)
    rate_limiting: dict[str, Any] = Factory(dict)
    monitoring: dict[str, Any] = Factory(dict)
    user_id: str = ""
    last_health_check: datetime | None = None
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0

    @property
    def is_encrypted(self) -> bool:
        """Whether it holds any secret."""
        return any(isinstance(value, Secret) for value in self.values.values())


@define(kw_only=True, on_setattr=setters.frozen)
class Credential:
    """A named set of secrets, sealed in the store, that instances share."""

    id: int
    title: str
    #: by field name, each a ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    deleted: bool = False
    rotated_ts: datetime
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0
