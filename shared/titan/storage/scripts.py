"""The scripts that run inside Redis, each a step that is seen as a whole or not at all.

    RELAY      events into the stream, in order                                            the relay, once a batch
    TAKE       fence off who wrote before, and keep replicas out if a lease ran out  a projector that finds its place
    PUBLISH    documents of a batch, its announcement, the position, the watermark      the projector, once a batch
    FILL       documents as they stand, unannounced                                 the projector, in an empty cache
    SWEEP      documents of earlier generations, or any, removed                         the projector, when idle
    BEGIN      a new generation: the cache is empty, and leases are waited out           the projector, a lost Redis
    BEAT       renew the projector's lease, and see that Redis is where it was left     the projector, when idle
    JOIN       take a lease and start from the projected position                        a replica, with an empty memory
    REPORT     renew the lease, report the position reached, move the watermark          a replica, once a batch
    LEAVE      give the lease back                                                       a replica that stops
    LEVEL      the watermark, computed afresh: a dead replica is noticed                 a writer that waits

The watermark is computed where membership is known, inside Redis, so that no list of members can be wrong elsewhere.
"""

# A Redis that is full runs scripts that begin so: they write little, and what they write has an end. Leases are kept
# and changes announced, however little room there is.
ANYWAY = "#!lua flags=allow-oom\n"

# And it refuses, as a whole, scripts that begin so. Without either it would run whatever begins by deleting something.
WITH_ROOM = "#!lua\n"

# KEYS: stream    ARGV: kept life [id entry]*
# An id that the stream has passed is refused by Redis, and that is harmless: the entry is there.
RELAY = """
for at = 3, #ARGV, 2 do
    local answer = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], ARGV[at], 'e', ARGV[at + 1], 'l', ARGV[2])
    if type(answer) == 'table' and answer.err and not string.find(answer.err, 'equal or smaller', 1, true) then
        return answer
    end
end
return 1
"""

# Members in the order of their positions; those whose lease is gone are dropped on the way to the slowest that lives.
# While the grace stands, replicas may trust leases that this Redis knows nothing of: the watermark waits.
WATERMARK = """
local function watermark(projected_key, watermark_key, applied_key, lease, grace_key, projector_key)
    local projected = tonumber(redis.call('GET', projected_key))
    local known = tonumber(redis.call('GET', watermark_key) or '0')
    if not projected or redis.call('EXISTS', grace_key) == 1 then
        return {projected or -1, known}
    end
    local low = projected
    while true do
        local slowest = redis.call('ZRANGE', applied_key, 0, 0, 'WITHSCORES')
        if #slowest == 0 then break end
        if redis.call('EXISTS', lease .. slowest[1]) == 1 then
            low = math.min(low, tonumber(slowest[2]))
            break
        end
        redis.call('ZREM', applied_key, slowest[1])
    end
    if low > known then
        redis.call('SET', watermark_key, string.format('%.0f', low))
        known = low
    end
    return {projected, known}
end
local function tell(watermark_key, level)
    redis.call('PUBLISH', watermark_key, string.format('%.0f %.0f', level[1], level[2]))
end
"""

# The scripts of the projector have the same keys, and a token before all other arguments:
# KEYS: fence generation projected watermark announcements applied grace projector run
# Whoever takes Redis sets a token of its own. A projector that was stopped in the middle of a step, or whose step was
# still on its way when it gave up waiting, comes with one that no longer stands, and changes nothing.
FENCED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
"""

# ARGV: token lease-ms
# A projector's lease says its generation, or `-` while it has to catch up: writers wait for it then, and no replica
# joins. Where no lease stood, writes were answered that Redis has not been told of: 1.
# Another run of the server may be older than it was, and without leases that their holders still trust.
TAKE = """
redis.call('SET', KEYS[1], ARGV[1])
local about = redis.pcall('INFO', 'server')
local run = type(about) == 'string' and string.match(about, 'run_id:(%w+)') or ''
if run == '' or redis.call('GET', KEYS[9]) ~= run then
    redis.call('SET', KEYS[7], '1', 'PX', ARGV[2])
    redis.call('SET', KEYS[9], run)
end
local standing = redis.call('GET', KEYS[8])
if standing and standing ~= '-' then return 0 end
redis.call('SET', KEYS[8], '-', 'PX', ARGV[2])
return 1
"""

# Documents, from an argument on: S and P store one as a whole, C one chunk of it, D drops one.
STORE = """
local function store(at)
    while at <= #ARGV do
        local op, key = ARGV[at], ARGV[at + 1]
        if op == 'S' then
            redis.call('DEL', key .. ':p')
            redis.call('SET', key, ARGV[at + 2])
            at = at + 3
        elseif op == 'D' then
            redis.call('DEL', key, key .. ':p')
            at = at + 2
        elseif op == 'P' then
            local count = tonumber(ARGV[at + 3])
            redis.call('DEL', key .. ':p')
            redis.call('SET', key, ARGV[at + 2])
            redis.call('HSET', key .. ':p', 'm', ARGV[at + 2])
            for n = 0, count do
                redis.call('HSET', key .. ':p', n, ARGV[at + 4 + n])
            end
            at = at + 5 + count
        elseif op == 'C' then
            local old = redis.call('GET', key)
            if old and string.sub(old, 1, 8) == ARGV[at + 2] and redis.call('EXISTS', key .. ':p') == 1 then
                redis.call('SET', key, ARGV[at + 3])
                redis.call('HSET', key .. ':p', 'm', ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
            else
                redis.call('DEL', key, key .. ':p')
            end
            at = at + 6
        end
    end
end
"""

# ARGV: token generation lease-prefix after upto kept-announcements announced-keys announced-kinds [op ...]*
PUBLISH = (
    WATERMARK
    + STORE
    + FENCED
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[2] or redis.call('GET', KEYS[3]) ~= ARGV[4] then return 0 end
store(9)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], ARGV[5] .. '-0', 'f', ARGV[4], 'k', ARGV[7], 'c', ARGV[8])
redis.call('SET', KEYS[3], ARGV[5])
tell(KEYS[4], watermark(KEYS[3], KEYS[4], KEYS[6], ARGV[3], KEYS[7], KEYS[8]))
return 1
"""
)

# ARGV: token generation [op ...]*
FILL = (
    STORE
    + FENCED
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
store(3)
return 1
"""
)

# ARGV: token [key]*
SWEEP = (
    FENCED
    + """
for at = 2, #ARGV do redis.call('UNLINK', ARGV[at]) end
return 1
"""
)

# ARGV: token generation position lease-ms projector-says
# A lease that has run out is taken anew as TAKE does, here and by BEAT: 2.
BEGIN = (
    FENCED
    + """
redis.call('SET', KEYS[7], '1', 'PX', ARGV[4])
redis.call('DEL', KEYS[5], KEYS[6], KEYS[4])
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[3])
if ARGV[5] ~= '-' and redis.call('EXISTS', KEYS[8]) == 0 then
    redis.call('SET', KEYS[8], '-', 'PX', ARGV[4])
    return 2
end
redis.call('SET', KEYS[8], ARGV[5], 'PX', ARGV[4])
return 1
"""
)

# ARGV: token generation position lease-ms projector-says
BEAT = (
    FENCED
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[2] or redis.call('GET', KEYS[3]) ~= ARGV[3] then return 0 end
if ARGV[5] ~= '-' and redis.call('EXISTS', KEYS[8]) == 0 then
    redis.call('SET', KEYS[8], '-', 'PX', ARGV[4])
    return 2
end
redis.call('SET', KEYS[8], ARGV[5], 'PX', ARGV[4])
return 1
"""
)

# KEYS: generation projected applied projector    ARGV: lease-prefix replica lease-ms former
# A replica comes under a new name each time: it trusts nothing any more that it had under the former one. A JOIN that
# comes late is a ghost's then, which delays others for a lease, instead of lifting its own position.
JOIN = """
local generation, projected = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
local projector = redis.call('GET', KEYS[4])
if not generation or not projected or not projector or projector == '-' then return nil end
redis.call('DEL', ARGV[1] .. ARGV[4])
redis.call('ZREM', KEYS[3], ARGV[4])
redis.call('SET', ARGV[1] .. ARGV[2], '1', 'PX', ARGV[3])
redis.call('ZADD', KEYS[3], projected, ARGV[2])
return {generation, projected}
"""

# KEYS: generation projected watermark announcements applied grace projector
# ARGV: lease-prefix replica position lease-ms generation
REPORT = (
    WATERMARK
    + """
local projector = redis.call('GET', KEYS[7])
if redis.call('GET', KEYS[1]) ~= ARGV[5] or not projector or projector == '-' then return nil end
if tonumber(redis.call('GET', KEYS[2]) or '-1') < tonumber(ARGV[3]) then return nil end
if not redis.call('SET', ARGV[1] .. ARGV[2], '1', 'XX', 'PX', ARGV[4]) then return nil end
redis.call('ZADD', KEYS[5], ARGV[3], ARGV[2])
local before = tonumber(redis.call('GET', KEYS[3]) or '0')
local level = watermark(KEYS[2], KEYS[3], KEYS[5], ARGV[1], KEYS[6], KEYS[7])
if level[2] > before then tell(KEYS[3], level) end
return level
"""
)

# KEYS: projected watermark applied grace projector    ARGV: lease-prefix replica
LEAVE = (
    WATERMARK
    + """
redis.call('DEL', ARGV[1] .. ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
tell(KEYS[2], watermark(KEYS[1], KEYS[2], KEYS[3], ARGV[1], KEYS[4], KEYS[5]))
return 1
"""
)

# KEYS: projected watermark applied grace projector generation    ARGV: lease-prefix life
# What a generation of another journal has reached says nothing of this one.
LEVEL = (
    WATERMARK
    + """
local generation = redis.call('GET', KEYS[6]) or ''
local life = string.match(generation, '^(%x+)-')
if life and life ~= ARGV[2] then return {-1, 0, redis.call('EXISTS', KEYS[5])} end
local before = tonumber(redis.call('GET', KEYS[2]) or '0')
local level = watermark(KEYS[1], KEYS[2], KEYS[3], ARGV[1], KEYS[4], KEYS[5])
if level[2] > before then tell(KEYS[2], level) end
return {level[1], level[2], redis.call('EXISTS', KEYS[5])}
"""
)
