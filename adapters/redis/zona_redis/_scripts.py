"""Scripts that Redis runs: each is one step there, and each touches keys of one slot only where there is a cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import NoScriptError

from zona_redis._connect import Client

__all__ = ["COUNT", "FORGET", "TOKENS", "Script"]


class Script:
    """A script, called by its digest; a server that does not know it gets its text, once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: Client, keys: Sequence[bytes | str], *arguments: bytes | str | float) -> Any:
        """What it returns; raises what redis-py raises."""
        try:
            return client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return client.eval(self._text, len(keys), *keys, *arguments)


#: KEYS: of tags. ARGV: milliseconds for which they are needed, a token for those that have none.
#: Returns the time (microseconds) and each tag's value, "token:time of its forgetting".
TOKENS: Final = Script("""
local time = redis.call('TIME')
local found = {string.format('%.0f', time[1] * 1000000 + time[2])}
for _, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value then
    value = ARGV[2] .. ':0'
    redis.call('SET', key, value, 'PX', ARGV[1])
  elseif redis.call('PTTL', key) < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', key, ARGV[1])
  end
  found[#found + 1] = value
end
return found
""")

#: KEYS: of tags. ARGV: milliseconds for which the time of their forgetting is needed, a new token, a channel, what to
#: tell there.
FORGET: Final = Script("""
local time = redis.call('TIME')
local value = ARGV[2] .. ':' .. string.format('%.0f', time[1] * 1000000 + time[2])
for _, key in ipairs(KEYS) do
  redis.call('SET', key, value, 'PX', ARGV[1])
end
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
""")

#: KEYS: of counters. ARGV: the period in seconds, the time in seconds ('' for the server's), a limit for each key.
#: Counts one request for every key if all allow it, else for none. Returns which one refuses (0 if none does), and of
#: that one (else of the last) this window's count, the last one's and, as text, how much of this window is over.
COUNT: Final = Script("""
local per, now = tonumber(ARGV[1]), tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local number = math.floor(now / per)
local passed = now / per - number
local counted, current, previous = {}, 0, 0
for place, key in ipairs(KEYS) do
  local window, this, last
  if counted[key] then
    window, this, last = number, counted[key][1], counted[key][2]
  else
    local value = redis.call('HGET', key, ARGV[1])
    if value then
      window, this, last = string.match(value, '^(%S+) (%S+) (%S+)$')
      window, this, last = tonumber(window), tonumber(this), tonumber(last)
    end
  end
  if window == number then
    current, previous = this, last
  elseif window == number - 1 then
    current, previous = 0, this
  else
    current, previous = 0, 0
  end
  if math.floor(previous * (1 - passed)) + current >= tonumber(ARGV[2 + place]) then
    return {place, current, previous, string.format('%.17g', passed)}
  end
  current = current + 1
  counted[key] = {current, previous}
end
local kept = math.ceil(2000 * per)
for key, counts in pairs(counted) do
  redis.call('HSET', key, ARGV[1], string.format('%.0f %.0f %.0f', number, counts[1], counts[2]))
  if redis.call('PTTL', key) < kept then
    redis.call('PEXPIRE', key, string.format('%.0f', kept))
  end
end
return {0, current, previous, string.format('%.17g', passed)}
""")
