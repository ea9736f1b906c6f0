"""A fleet of like services, for Zona and for ``docker stack deploy``: the same images, checks, files and networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from images import HEALTH, WEB

from zona_core.domain.fleet.specification import (
    Config,
    ConfigMount,
    FleetSpecification,
    Rollouts,
    SecretMount,
    SecretSource,
    Service,
    UpdatePolicy,
)
from zona_core.domain.secrets import Secret
from zona_core.usecases.fleet import FleetSource

__all__ = ["SETTINGS", "fleet_of", "stack_of"]

_CONFIG = "[settings]\nlevel = 'info'\n"
_SECRET = "a secret of some length"

#: for the report
SETTINGS = (
    "one replica each of a small web server with an environment variable, a configuration and a secret, in one network "
    "(on the Swarm with endpoint mode dnsrr); those made from nothing have a health check each second, are begun all "
    "at once, and nobody watches on after they work; the others have none, which would keep the machine busy"
)


def fleet_of(name: str, services: int, *, checked: bool = True) -> FleetSource:
    """So many services, as Zona is given them; ``checked``: with the health check."""
    each = {
        _name(number): Service(
            image=WEB,
            environment=_environment(number),
            health=HEALTH if checked else None,
            configs=(ConfigMount(name="settings", target="/etc/zona/settings"),),
            secrets=(SecretMount(name="password"),),
            update=UpdatePolicy(monitor=0.0),
            stop_grace=1.0,
        )
        for number in range(services)
    }
    specification = FleetSpecification(
        name=name,
        services=each,
        # As docker stack deploy does: all of them at once.
        rollouts=Rollouts(parallelism=max(services, 1)),
        configs={"settings": Config(content=_CONFIG)} if each else {},
        secrets={"password": SecretSource(environment="PASSWORD")} if each else {},
    )
    return FleetSource(specification=specification, secrets={"password": Secret(_SECRET)} if each else {})


def stack_of(services: int, folder: Path) -> Path:
    """The same as a file for ``docker stack deploy``."""
    (folder / "settings").write_text(_CONFIG)
    (folder / "password").write_text(_SECRET)
    each = {_name(number): _stack_service(number) for number in range(services)}
    stack = {
        "version": "3.8",
        "services": each,
        "networks": {"default": {"driver": "overlay"}},
        "configs": {"settings": {"file": "./settings"}},
        "secrets": {"password": {"file": "./password"}},
    }
    file = folder / "stack.json"
    file.write_text(json.dumps(stack))
    return file


def _stack_service(number: int) -> dict[str, Any]:
    return {
        "image": WEB,
        "environment": _environment(number),
        "healthcheck": {
            "test": ["CMD", *HEALTH.command],
            "interval": f"{HEALTH.interval:g}s",
            "timeout": f"{HEALTH.timeout:g}s",
            "retries": HEALTH.retries,
        },
        "configs": [{"source": "settings", "target": "/etc/zona/settings", "mode": 0o444}],
        "secrets": [{"source": "password", "target": "password", "mode": 0o400}],
        "stop_grace_period": "1s",
        "deploy": {"replicas": 1, "endpoint_mode": "dnsrr"},
    }


def _name(number: int) -> str:
    return f"service-{number:02}"


def _environment(number: int) -> dict[str, str]:
    return {"TEXT": f"service {number}"}
