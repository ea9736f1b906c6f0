#!/bin/sh
# Answers one request: /healthz with HEALTH, /slow after two seconds, all else at once.
exec 3<&- # the socket that nc listens on
read -r method path version || exit 0
while read -r line && [ "${line%?}" ]; do :; done
status="200 OK"
case $path in
/healthz*) status=${HEALTH:-200 OK} ;;
/slow*) sleep 2 ;;
esac
printf 'HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
    "$status" "${#TEXT}" "$TEXT"
