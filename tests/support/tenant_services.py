"""Tenants' apps that define services, and what instances of them ask the fleet for."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from zona_core import AppDefinition, Field, FieldKind, ServiceDefinition, ServiceHealth, ServicePort, Workspace, Zona
from zona_core.domain.fleet.specification import FleetSpecification, Integrations
from zona_core.usecases._fleet.tenants import TenantServices, instance_services

#: what secrets hold, to be found wherever they should not be
CANARY = "canary-4f1c"


def digest(data: bytes) -> str:
    """Keyed, as the fleet's is."""
    return hmac.new(b"a key of the test", data, hashlib.sha256).hexdigest()


def connector(title: str = "Mail", **changes: Any) -> AppDefinition:
    """An app with a service that looks at all there is to look at."""
    service: dict[str, Any] = {
        "image": "ghcr.io/team/mail:1.2",
        "command": ("serve", "--all"),
        "ports": (ServicePort(target=8080), ServicePort(target=53, protocol="udp")),
        "parameters": {"folder": "{{ instance.folder }}", "pace": 5, "where": "{{ instance.base_url }}/in"},
        "environment": {
            "MAIL_URL": "{{ parameters.where }}",
            "MAIL_PACE": "{{ parameters.pace }}",
            "MAIL_FOLDER": "{{ parameters.folder }}",
            "MAIL_NAME": "{{ instance.title }} ({{ instance.instance_id }})",
            "MAIL_PROXY": "{{ instance.proxy }}",
            "LEVEL": "info",
        },
        "health_check": ServiceHealth(command=("probe",), interval=10.0),
    }
    parts: dict[str, Any] = {
        "fields": (
            Field(name="base_url", kind=FieldKind.URL),
            Field(name="folder", default="INBOX"),
            Field(name="proxy"),
            Field(name="password", kind=FieldKind.SECRET),
            Field(name="token", kind=FieldKind.SECRET),
        ),
        "service": ServiceDefinition(**{**service, **(changes.pop("service", None) or {})}),
    }
    return AppDefinition(title=title, **{**parts, **changes})


def redefined(workspace: Workspace, definition: AppDefinition) -> None:
    """The app is now what the definition says."""
    workspace.apps.upsert(definition, app_id=workspace.apps.get(definition.title).integration_id)


def specification(**changes: Any) -> FleetSpecification:
    """One that has integrations."""
    return FleetSpecification(name="shop", integrations=Integrations(enabled=True, **changes))


def asked(zona: Zona, of: FleetSpecification | None = None, *, opened: bool = False) -> TenantServices:
    """What tenants' instances ask for."""
    return instance_services(zona.system()._context, of or specification(), digest=digest, opened=opened)


def connected(workspace: Workspace, title: str = "main", **options: Any) -> int:
    """An instance that asks for its service, its app being made if there is none; its id."""
    if not workspace.apps.list().items:
        workspace.apps.upsert(connector())
    values = {"base_url": "https://mail.example.com", "password": CANARY, **options.pop("values", {})}
    return workspace.instances.add("Mail", title=title, values=values, **{"deploy": True, **options}).instance_id
