"""What Redis does for us in one step.

Scripts, because a thousand commands in a pipeline cost redis-py thirty times what one script with a
thousand keys costs it (docs/benchmarks.md). What they touch breaks the watches of rebuilds.
"""

from __future__ import annotations

from dataclasses import dataclass

ENTRY_BYTES = 2_048  # of a stream, before the log that ends the entry (which adds as much at most)
ENTRIES = 10_000  # of a stream: 20 MB when all are full, 42 at the very most; single events 2 MB

STAMP = b"stamp"  # the field that counters have when they were rebuilt, not only added to

# As long as what was appended: there was nothing. A piece without its beginning would stay for ever (it
# has no lifetime), so it goes.
APPEND = """
for i, key in ipairs(KEYS) do
    if redis.call('APPEND', key, ARGV[i]) == #ARGV[i] then redis.call('UNLINK', key) end
end
"""

# The same, and a stream is told. KEYS: the logs, then the stream. ARGV: a piece for each log, then the
# field, the mark before what stood there, the mark before the piece, how many bytes of what stood
# there, and the bounds: bytes of an entry, entries (roughly: whole nodes leave), seconds.
APPEND_AND_TELL = """
local n, stream = #KEYS - 1, KEYS[#KEYS]
local field, old, new, before = ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], tonumber(ARGV[n + 4])
local bytes, entries, seconds = tonumber(ARGV[n + 5]), ARGV[n + 6], ARGV[n + 7]
local told, length = {}, 0
local function tell()
    if length == 0 then return end
    redis.call('XADD', stream, 'MAXLEN', '~', entries, '*', field, table.concat(told))
    told, length = {}, 0
end
for i = 1, n do
    local piece, tail = ARGV[i], ''
    if redis.call('APPEND', KEYS[i], piece) == #piece then
        redis.call('UNLINK', KEYS[i])
    elseif before > 0 then
        tail = redis.call('GETRANGE', KEYS[i], -(#piece + before), -(#piece + 1))
    end
    if #piece > bytes then piece = string.sub(piece, -bytes) end
    told[#told + 1], told[#told + 2], told[#told + 3], told[#told + 4] = old, tail, new, piece
    length = length + #old + #tail + #new + #piece
    if length >= bytes then tell() end
end
tell()
redis.call('EXPIRE', stream, seconds)
"""

# ARGV: the stamp, then fields and increments in turn, as one text: redis-py takes a microsecond for each
# argument.
COUNT = f"""
for field, by in string.gmatch(ARGV[2], '(%S+) (%S+)') do
    redis.call('HINCRBY', KEYS[1], field, by)
end
if redis.call('HGET', KEYS[1], '{STAMP.decode()}') ~= ARGV[1] then redis.call('UNLINK', KEYS[1]) end
"""

# One step through counters, as one text: redis-py takes 6 µs for each element of a reply.
# ARGV: the cursor, and about how many fields.
COUNTERS = """
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
return {found[1], table.concat(found[2], ' ')}
"""


@dataclass(frozen=True, slots=True)
class Telling:
    """How a stream is told what is appended: for each log `old`, `before` bytes of what stood there
    (fewer or none where there was less), `new`, and the piece (its last `ENTRY_BYTES` bytes)."""

    stream: str
    field: str
    before: int = 0
    old: bytes = b""
    new: bytes = b""

    @property
    def arguments(self) -> list[str | bytes | int]:
        """Return what `APPEND_AND_TELL` takes after the pieces, but for the seconds."""
        return [self.field, self.old, self.new, self.before, ENTRY_BYTES, ENTRIES]
