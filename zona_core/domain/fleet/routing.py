"""The configuration of a fleet's proxy, haproxy (2.4 or newer), made from the routes through it.

Replicas are found by the engine's own DNS under ``tasks.FLEET_SERVICE``, where only such are as work. So the text names
no replica: it stays the same however many there are, and a proxy is replaced only when a route changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from .names import engine_name
from .specification import Route

__all__ = ["haproxy_configuration"]

#: a service, the port of its replicas, and the path that tells whether one works
_Backend = tuple[str, int, str]

#: a replica that fails is left alone, and one that works again is reached, within a second or two
_WATCHED: Final = "check inter 1s fastinter 250ms downinter 500ms fall 2 rise 1"
_FOUND: Final = "resolvers engine resolve-prefer ipv4 init-addr none"

#: the program does not run without anything to listen on; this nobody reaches
_IDLE: Final = """\
frontend idle
    bind abns@idle
"""

_HEAD: Final = """\
# Made by Zona for the fleet {fleet}, service {proxy}, from the routes of its services.
global
    log stdout format raw local0 info
    maxconn 4096

defaults
    mode http
    log global
    option httplog
    option dontlognull
    option forwardfor
    option redispatch 1
    retries 5
    retry-on conn-failure empty-response
    timeout http-request 10s
    timeout connect 1s
    timeout queue 10s
    timeout client 60s
    timeout server 60s
    timeout check 2s

resolvers engine
    nameserver dns 127.0.0.11:53
    accepted_payload_size 8192
    resolve_retries 2
    timeout resolve 500ms
    timeout retry 500ms
    hold valid 500ms
    hold nx 1s
    hold obsolete 1s
    hold other 5s
    hold refused 5s
    hold timeout 5s
"""


def haproxy_configuration(fleet: str, proxy: str, routes: Sequence[tuple[str, Route]]) -> str:
    """The text for a proxy, given the routes through it, each with the name of its service.

    Of routes on one port the longer path counts before the shorter one, and one with a host before one for any. A
    request that was not answered is sent to another replica: any request if no connection came about, one that changes
    nothing (GET, HEAD) also if the connection broke (RFC 9110, 9.2.2).
    """
    labels = _labels(routes)
    most = {
        label: max(route.most for name, route in routes if labels[_key(name, route)] == label)
        for label in labels.values()
    }
    parts = [_HEAD.format(fleet=fleet, proxy=proxy), *(() if routes else (_IDLE,))]
    for port in sorted({route.listen for _, route in routes}):
        parts.append("\n".join(_frontend(port, routes, labels)) + "\n")
    for key, label in labels.items():
        parts.append("\n".join(_backend(fleet, label, key, most[label])) + "\n")
    return "\n".join(parts)


def _key(name: str, route: Route) -> _Backend:
    return (name, route.target, route.check)


def _labels(routes: Sequence[tuple[str, Route]]) -> dict[_Backend, str]:
    """Names of backends. Routes that differ in what they listen for only share one, and so its health checks."""
    labels: dict[_Backend, str] = {}
    for key in sorted({_key(name, route) for name, route in routes}):
        same = sum(other[:2] == key[:2] for other in labels)
        labels[key] = f"{key[0]}_{key[1]}" + (f"_{same + 1}" if same else "")
    return labels


def _frontend(port: int, routes: Sequence[tuple[str, Route]], labels: Mapping[_Backend, str]) -> Iterator[str]:
    yield f"frontend port_{port}"
    yield f"    bind :{port}"
    here = [(name, route) for name, route in routes if route.listen == port]
    for name, route in sorted(here, key=lambda row: (not row[1].host, -len(row[1].path), row[1].host, row[1].path)):
        alternatives = [" ".join((*_host(route.host), *path)) for path in _paths(route.path)]
        condition = f" if {' || '.join(alternatives)}" if any(alternatives) else ""
        yield f"    use_backend {labels[_key(name, route)]}{condition}"


def _host(host: str) -> Iterator[str]:
    if host:
        yield f"{{ hdr(host),field(1,:) -i {host} }}"


def _paths(path: str) -> Iterator[tuple[str, ...]]:
    """``/api`` is for ``/api`` and all below it, not for ``/apis``; ``/`` is for all."""
    bare = path.rstrip("/")
    if not bare:
        yield ()
        return
    yield (f"{{ path {bare} }}",)
    yield (f"{{ path_beg {bare}/ }}",)


def _backend(fleet: str, label: str, key: _Backend, most: int) -> Iterator[str]:
    name, target, check = key
    yield f"backend {label}"
    yield "    balance leastconn"
    yield "    http-request disable-l7-retry unless METH_GET"
    if check:
        yield f"    option httpchk GET {check}"
        yield "    http-check expect rstatus ^[23]"
    yield f"    default-server {_WATCHED} {_FOUND}"
    yield f"    server-template {name} {most} tasks.{engine_name(fleet, name)}:{target}"
