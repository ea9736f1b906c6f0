"""Tenants: the customers whose data never meets (SPEC §1, §2)."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, define, setters

from zona_core.errors import Fault

from .network import NetworkPolicy

__all__ = ["DEFAULT_TENANT", "ConnectionStatus", "Move", "Placement", "Tenant", "TenantStatus", "code_faults"]

#: where calls that name no tenant work (SPEC §2)
DEFAULT_TENANT: Final = "localhost"

_CODE: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")


class TenantStatus(StrEnum):
    """The life of a tenant."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    #: its data is on the way to another database
    MOVING = "moving"


class Placement(StrEnum):
    """Where a tenant's data is (SPEC §2)."""

    #: in the core database, with that of others
    SHARED = "shared"
    #: in a database of its own
    OWN = "own"


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
    placement: Placement = Placement.SHARED
    #: ``store``: the URL of its own database, a ``Secret``, where it is another than the setting ``tenant_store`` says
    secrets: dict[str, Any] = Factory(dict)
    #: where its own database is, to be shown
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


@define(kw_only=True, on_setattr=setters.frozen)
class Move:
    """How far the data of a tenant is on its way to another database."""

    tenant_code: str
    #: where to
    placement: Placement
    #: ``source``: the URL that the data comes from, empty for the core database; ``store``: where it goes, if that is a
    #: URL of its own: each a ``Secret``
    secrets: dict[str, Any] = Factory(dict)
    #: the tenant's status before
    before: TenantStatus
    #: the collection that is being copied, and the last key of it that is there
    collection: str = ""
    after: str = ""
    #: whether the tenant works on its new database already
    switched: bool = False
    started_ts: datetime
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
