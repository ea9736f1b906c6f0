"""Makes a MongoDB a replica set of one node, unless it is one. Usage: initiate_replica_set.py URL NAME MEMBER."""

import sys
import time

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

NOT_YET_INITIALIZED = 94
ALREADY_INITIALIZED = 23

url, name, member = sys.argv[1:]
client = MongoClient(url, directConnection=True, serverSelectionTimeoutMS=60_000)
try:
    client.admin.command("replSetGetStatus")
except OperationFailure as exc:
    if exc.code != NOT_YET_INITIALIZED:
        raise
    try:
        client.admin.command("replSetInitiate", {"_id": name, "members": [{"_id": 0, "host": member}]})
    except OperationFailure as exc:
        if exc.code != ALREADY_INITIALIZED:  # by somebody else, just now
            raise
for _ in range(600):
    try:
        if client.admin.command("hello")["isWritablePrimary"]:
            break
    except PyMongoError as exc:  # while it elects itself, it hangs up
        sys.stderr.write(f"{exc}\n")
    time.sleep(0.1)
else:
    sys.exit(f"{member} does not become the primary of {name}")
