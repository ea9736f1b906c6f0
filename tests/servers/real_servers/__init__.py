"""Real servers for tests and benchmarks: MongoDB and Redis as processes of this machine, on loopback, on free ports.

A server's program is the one on the PATH, else the one that a Python package of the test requirements carries. Each
server is a process that whoever started it ends, by its process id; killing and pausing are for tests of failures.
"""

from .mongo import Mongod, ReplicaSet, replica_set
from .process import ServerMissing, ServerProcess, free_port
from .redis import RedisServer, SentinelSetup, redis_server, sentinel_setup

__all__ = [
    "Mongod",
    "RedisServer",
    "ReplicaSet",
    "SentinelSetup",
    "ServerMissing",
    "ServerProcess",
    "free_port",
    "redis_server",
    "replica_set",
    "sentinel_setup",
]
