"""Clients of redis-py for a location.

A client is made anew each time Redis comes back, by the thread that waits for that: so only this thread asks sentinels
for the master, and the topology of a cluster is read while nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import ConnectionPool
from redis.exceptions import ClusterDownError
from redis.retry import Retry
from redis.sentinel import Sentinel

from zona_redis._location import Kind, Location

__all__ = ["Client", "connected", "message_pool"]

Client: TypeAlias = "Redis | RedisCluster"

# Some of what is called here has no types.
_node: Final[Any] = ClusterNode
_sentinel: Final[Any] = Sentinel

#: more than there are threads: one that finds no connection in the pool makes another one
_MOST_CONNECTIONS: Final = 65_536


def connected(location: Location) -> Client:
    """A client whose server, or each of whose servers, has just answered; raises what redis-py raises."""
    if location.kind is Kind.CLUSTER:
        nodes = [_node(host, port) for host, port in location.addresses]
        cluster: Any = RedisCluster(startup_nodes=nodes, require_full_coverage=False, **_options(location))
        return _if_good(cluster, _expect_whole)
    host, port = _master(location) if location.kind is Kind.SENTINEL else location.addresses[0]
    return _if_good(Redis(host, port, location.database, **_options(location)), lambda client: client.ping())


def message_pool(client: Client) -> ConnectionPool:
    """Where to take a connection for messages from: in a cluster every node gets all of them."""
    asked: Any = client
    if isinstance(client, RedisCluster):
        asked = asked.get_random_node().redis_connection
    pool: ConnectionPool = asked.connection_pool
    return pool


def _if_good(client: Any, check: Callable[[Any], object]) -> Client:
    try:
        check(client)
    except BaseException:
        client.close()
        raise
    made: Client = client
    return made


def _expect_whole(cluster: Any) -> None:
    """Raises unless each node that has slots says that every slot has a node: else it answers for no key at all."""
    for node in cluster.get_primaries():
        if cluster.cluster_info(target_nodes=node)["cluster_state"] != "ok":
            raise ClusterDownError("not every slot has a node")


def _master(location: Location) -> tuple[str, int]:
    # The sentinels are asked without the servers' password: they have none, or another one.
    options = {**_network(location), "ssl": location.tls}
    sentinel = _sentinel(list(location.addresses), sentinel_kwargs=options)
    try:
        host, port = sentinel.discover_master(location.service)
        return str(host), int(port)
    finally:
        for client in sentinel.sentinels:
            client.close()


def _options(location: Location) -> dict[str, Any]:
    user = {"username": location.username, "password": location.password}
    return {**_network(location), **user, "ssl": location.tls, "max_connections": _MOST_CONNECTIONS}


def _network(location: Location) -> dict[str, Any]:
    return {
        "socket_timeout": location.timeout,
        "socket_connect_timeout": location.timeout,
        # NOTE: by default redis-py tries ten times more, each time for as long again.
        "retry": Retry(NoBackoff(), 0),
        # The third version begins each connection with a round trip, and nothing here needs it.
        "protocol": 2,
    }
