"""The configuration of a fleet's proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from zona_core.domain.fleet.routing import haproxy_configuration
from zona_core.domain.fleet.specification import Route

ROUTES = [
    ("api", Route(proxy="edge", listen=80, target=8000, path="/api", check="/healthz")),
    ("api", Route(proxy="edge", listen=81, target=8000, path="/api/v2/", check="/ready", most=4)),
    ("web", Route(proxy="edge", listen=80, target=8080)),
    ("web", Route(proxy="edge", listen=80, target=8080, host="www.example.com", most=32)),
    ("web", Route(proxy="edge", listen=80, target=8080, host="www.example.com", path="/api/admin")),
]


def section(text: str, name: str) -> list[str]:
    """The lines of a section."""
    _, _, rest = text.partition(f"\n{name}\n")
    return [line.strip() for line in rest.partition("\n\n")[0].splitlines()]


def test_the_longest_path_and_a_host_count_first() -> None:
    """A path is for itself and what is below it; a route without host and path takes the rest."""
    host = "{ hdr(host),field(1,:) -i www.example.com }"
    assert section(haproxy_configuration("shop", "edge", ROUTES), "frontend port_80") == [
        "bind :80",
        f"use_backend web_8080 if {host} {{ path /api/admin }} || {host} {{ path_beg /api/admin/ }}",
        f"use_backend web_8080 if {host}",
        "use_backend api_8000 if { path /api } || { path_beg /api/ }",
        "use_backend web_8080",
    ]


def test_backends_find_replicas_by_name() -> None:
    """One for each service, port and health check, with room for the most replicas of any of its routes."""
    text = haproxy_configuration("shop", "edge", ROUTES)
    assert [line for line in text.splitlines() if line.startswith("backend")] == [
        "backend api_8000",
        "backend api_8000_2",
        "backend web_8080",
    ]
    assert "server-template web 32 tasks.shop_web:8080" in section(text, "backend web_8080")
    assert "option httpchk GET /ready" in section(text, "backend api_8000_2")
    assert not any("httpchk" in line for line in section(text, "backend web_8080"))


def test_only_what_changes_nothing_is_sent_again() -> None:
    """A request that may have been carried out is repeated only if it is a GET or HEAD."""
    text = haproxy_configuration("shop", "edge", ROUTES)
    assert "retry-on conn-failure empty-response" in section(text, "defaults")
    assert "http-request disable-l7-retry unless METH_GET" in section(text, "backend web_8080")


def test_the_order_of_routes_says_nothing() -> None:
    """The text is the same, so the proxy is not replaced."""
    assert haproxy_configuration("shop", "edge", ROUTES[::-1]) == haproxy_configuration("shop", "edge", ROUTES)


@pytest.mark.parametrize("routes", [ROUTES, ROUTES[:1], []], ids=["many", "one", "none"])
def test_the_program_itself_accepts_it(routes: list[tuple[str, Route]], tmp_path: Path) -> None:
    """``haproxy -c`` finds no fault and gives no warning."""
    if shutil.which("haproxy") is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("haproxy is not installed")
    file = tmp_path / "haproxy.cfg"
    file.write_text(haproxy_configuration("shop", "edge", routes))
    found = subprocess.run(["haproxy", "-c", "-f", str(file)], capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    assert "WARNING" not in found.stderr
