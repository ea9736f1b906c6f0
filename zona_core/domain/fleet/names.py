"""What the fleet's things are called on an engine, and the labels that it knows them by."""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = [
    "CONTENT_LABEL",
    "DEFAULT_NETWORK",
    "FLEET_LABEL",
    "HASH_LABEL",
    "INGRESS_NETWORK",
    "RESTARTS_LABEL",
    "ROLE_MARK",
    "SERVICE_LABEL",
    "TENANT_LABEL",
    "engine_name",
    "instance_service_name",
    "role_label",
]

FLEET_LABEL: Final = "zona.fleet"
SERVICE_LABEL: Final = "zona.service"
HASH_LABEL: Final = "zona.hash"
RESTARTS_LABEL: Final = "zona.restarts"
TENANT_LABEL: Final = "zona.tenant"
#: on containers of a single engine: the canonical text of their content
CONTENT_LABEL: Final = "zona.content"
#: value of the label of a node that has a role
ROLE_MARK: Final = "true"

#: the network of services that name none
DEFAULT_NETWORK: Final = "default"
#: the network in which proxies reach replicas
INGRESS_NETWORK: Final = "ingress"

#: the longest name of a service: with the fleet's name before it, it is still a DNS label (RFC 1035, 2.3.4: 63)
_LONGEST: Final = 41
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


def engine_name(fleet: str, name: str) -> str:
    """What an engine calls a service, a network or a volume of a fleet."""
    return f"{fleet}_{name}"


def role_label(fleet: str, role: str) -> str:
    """The label of nodes with that role; its value is ``ROLE_MARK``. Labels of other fleets do not matter."""
    return f"zona.role.{fleet}.{role}"


def instance_service_name(tenant_code: str, integration_id: int, instance_id: int) -> str:
    """The name of an instance's service: ``acme-3-17``, as a DNS label of at most 41 characters.

    A tenant's code that cannot stand there as it is, is cut to what can, with a part of its digest after it: two
    tenants never share a name.
    """
    numbers = f"{integration_id}-{instance_id}"
    slug = _UNSAFE.sub("-", tenant_code.lower()).strip("-")
    if slug == tenant_code and slug[:1].isalpha() and len(f"{slug}-{numbers}") <= _LONGEST:
        return f"{slug}-{numbers}"
    if len(numbers) > 24:
        numbers = hashlib.sha256(numbers.encode()).hexdigest()[:16]
    mark = hashlib.sha256(tenant_code.encode()).hexdigest()[:8]
    room = _LONGEST - len(f"t-{mark}-{numbers}-")
    return "-".join(part for part in ("t", slug[: max(room, 0)].strip("-"), mark, numbers) if part)
