"""What is wrong with the routes through proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from zona_core.errors import Fault

from ._check_rules import range_faults, reference_fault
from .specification import FleetSpecification, Route, Service

__all__ = ["route_faults"]

#: of what a path may have (RFC 3986, 3.3), all that means nothing else in a proxy's configuration
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!&*+,;=:@%/-]{0,199}\Z")
_HOST: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*\Z")


def route_faults(specification: FleetSpecification) -> Iterator[Fault]:
    """Routes to what is no proxy, what they ask of requests, and two of them that ask the same."""
    seen: dict[tuple[str, int, str, str], str] = {}
    for name, service in specification.services.items():
        for index, route in enumerate(service.routes):
            path = f"services.{name}.routes[{index}]"
            yield from (fault.under(path) for fault in _own(service, route))
            yield from (fault.under(path) for fault in _proxy(specification, name, route))
            key = (route.proxy, route.listen, route.host.lower(), route.path.rstrip("/"))
            if key in seen:
                yield Fault(path, f"asks of requests what {seen[key]} does", "another port, host or path")
            seen.setdefault(key, path)


def _own(service: Service, route: Route) -> Iterator[Fault]:
    yield from range_faults("listen", route.listen, 1, 65_535)
    yield from range_faults("target", route.target, 1, 65_535)
    yield from range_faults("most", route.most, 1, 255)
    if route.host and not _HOST.match(route.host):
        yield Fault("host", f"{route.host[:60]!r} is no host name", "for example api.example.com")
    if not _is_path(route.path):
        yield Fault("path", f"{route.path[:60]!r} is no path", "for example /api")
    if route.check and not _is_path(route.check):
        yield Fault("check", f"{route.check[:60]!r} is no path", "for example /healthz")
    if 0 < route.most < service.replicas:
        yield Fault("most", f"{route.most} is less than the {service.replicas} replicas", "as many, or more")


def _proxy(specification: FleetSpecification, name: str, route: Route) -> Iterator[Fault]:
    if route.proxy == name:
        yield Fault("proxy", "is the service itself", "the service that is the proxy")
        return
    yield from reference_fault("proxy", route.proxy, specification.services.keys() - {name}, "service")
    proxy = specification.services.get(route.proxy)
    made = {config for config, found in specification.configs.items() if found.routes}
    if proxy and not any(mount.name in made for mount in proxy.configs):
        expected = 'a mount of a configuration with routes = "haproxy"'
        yield Fault("proxy", f"{route.proxy} mounts no configuration that is made from routes", expected)


def _is_path(text: str) -> bool:
    return _PATH.match(text) is not None
