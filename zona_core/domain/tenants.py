"""Tenants: the customers whose data never meets (SPEC §1, §2)."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .network import NetworkPolicy

__all__ = ["DEFAULT_TENANT", "ConnectionStatus", "Tenant", "TenantStatus", "code_faults"]

#: where calls that name no tenant work (SPEC §2)
DEFAULT_TENANT: Final = "localhost"

_CODE: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")


class TenantStatus(StrEnum):
    """The life of a tenant."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"


class ConnectionStatus(StrEnum):
    """The state of the connection to a tenant's database."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"


@define(kw_only=True, on_setattr=setters.frozen)
class Tenant:
    """A tenant's row in the core database."""

    tenant_code: str
    name: str
    status: TenantStatus = TenantStatus.ACTIVE
    connection_status: ConnectionStatus = ConnectionStatus.CONNECTED
    #: MSSP mode: where the tenant's own database is
    db_host: str = ""
    db_name: str = ""
    contact_email: str = ""
    network: NetworkPolicy = Factory(NetworkPolicy)
    configuration: dict[str, Any] = Factory(dict)
    #: retention, encryption
    compliance: dict[str, Any] = Factory(dict)
    created_ts: datetime
    updated_ts: datetime
    revision: int = 0


def code_faults(code: str) -> list[Fault]:
    """What is wrong with a tenant code; it becomes part of keys, paths and host names."""
    if _CODE.match(code):
        return []
    return [
        Fault(
            "tenant_code", f"{code!r} is no tenant code", "1-63 of a-z, 0-9, '-' and '_', letter or digit at both ends"
        )
    ]
