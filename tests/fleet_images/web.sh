#!/bin/sh
# A web server on port 8080. SIGTERM: it takes no more connections, ends what it is at, and ends. Its environment:
#   TEXT what it answers, HEALTH what /healthz answers, EXIT_CODE ends it at once, START_SECONDS has it answer later.
[ -z "$EXIT_CODE" ] || { echo "ends with $EXIT_CODE" >&2; exit "$EXIT_CODE"; }
trap 'stopping=1; kill $child 2>/dev/null' TERM INT
sleep "${START_SECONDS:-0}" & child=$!
wait $child
[ -z "$stopping" ] || exit 0
echo "answers ${TEXT:-nothing} on 8080"
# Two and more of the letter have nc take connections for ever; their number is that of connections that may wait.
nc -llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll -p 8080 -e /usr/bin/web-answer & child=$!
[ -z "$stopping" ] || kill $child
while kill -0 $child 2>/dev/null; do wait $child; done
while pidof web-answer >/dev/null; do sleep 0.05; done
echo "ended"
