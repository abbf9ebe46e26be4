import { createHash } from 'node:crypto'
import { type MessageClass, messageClasses } from '../../messages/lane.ts'

/** A step that Redis runs as a whole; nothing else happens within it. */
export interface Script {
  readonly source: string
  readonly sha: string
}

/**
 * The keys of one project. All hold the same hash tag, so that a Redis Cluster keeps them in one slot.
 *
 * - `lanes`, a hash: each known lane and where it stands: `2` (ready, the class as a digit), `d2` (delayed),
 *   `w2<lease>[ <again>]` (worked under a lease; rung meanwhile, from when on)
 * - `pools`, a hash: each pool and one of its lanes, by which another process finds the pool's settings
 * - of each pool a list of ready lanes for each class, the delayed ones by their time, the leases by their end
 * - of each rate a hash of its tokens and when they were counted, which is gone when the bucket is full again
 * - of each limit and whom it counts, a number that is gone when its time is over
 */
export class RedisKeys {
  readonly #prefix: string

  /** @param prefix keeps projects that share one Redis apart, as `switchboard:` */
  constructor(prefix: string) {
    this.#prefix = /\{.+\}/.test(prefix) ? prefix : `{${prefix.replace(/:$/, '')}}:`
  }

  /** The channels for processes to tell each other of ready lanes, and of everything else. */
  get wakes(): string {
    return `${this.#prefix}wakes`
  }

  get signals(): string {
    return `${this.#prefix}signals`
  }

  get pools(): string {
    return `${this.#prefix}pools`
  }

  /** Which run of Redis the lanes were rung in. */
  get mark(): string {
    return `${this.#prefix}mark`
  }

  rate(bucket: string): string {
    return `${this.#prefix}rate:${bucket}`
  }

  limit(name: string): string {
    return `${this.#prefix}limit:${name}`
  }

  /** In the order that scripts know them by. */
  ofPool(pool: string): readonly string[] {
    const own = `${this.#prefix}pool:${pool}:`
    const ready = messageClasses.map((name) => `${own}ready:${name}`)
    return [`${this.#prefix}lanes`, this.pools, `${own}leases`, `${own}delayed`, ...ready, this.rate(pool)]
  }
}

/** A class as scripts write it. */
export function classDigit(name: MessageClass): string {
  return String(messageClasses.indexOf(name))
}

/** An argument of `turn`: the lane was not begun and goes back to where it stood. */
export const NOT_BEGUN = 'head'

const NOW = `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + time[2] / 1000
end
`

const BUCKET = `
local function fill(key, perSecond)
  local capacity = math.max(1, perSecond * 0.05)
  local held = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = tonumber(held[1]) or capacity
  local elapsed = math.max(0, now - (tonumber(held[2]) or now)) / 1000
  return math.min(capacity, tokens + elapsed * perSecond), capacity
end

local function keep(key, tokens, capacity, perSecond)
  redis.call('HSET', key, 'tokens', string.format('%.9g', tokens), 'at', string.format('%.3f', now))
  redis.call('PEXPIRE', key, math.ceil((capacity - tokens) / perSecond * 1000) + 1000)
end

local function untilNext(tokens, perSecond)
  if tokens >= 1 then return 0 end
  return math.ceil((1 - tokens) / perSecond * 1000)
end
`

// KEYS are those of RedisKeys.ofPool; ARGV: now or '', pool, channel of wakes, who asks, then each script's own.
const POOL = `${NOW}
local lanes, leases, delayed = KEYS[1], KEYS[3], KEYS[4]

local function waiting()
  local count = 0
  for key = 5, 8 do count = count + redis.call('LLEN', KEYS[key]) end
  return count
end

local function nextDue()
  return tonumber(redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')[2])
end

local waitingBefore, dueBefore = waiting(), nextDue()

local function makeReady(lane, class, push)
  redis.call('HSET', lanes, lane, class)
  redis.call(push, KEYS[5 + class], lane)
end

local function place(lane, class, at)
  if at <= now then return makeReady(lane, class, 'RPUSH') end
  redis.call('HSET', lanes, lane, 'd' .. class)
  redis.call('ZADD', delayed, at, lane)
end

local function leaseOf(state)
  return string.match(state, '^w%d(%S+) ?(%S*)$')
end

-- Milliseconds until a delayed lane is due, or -1; tells the others what they wait for.
local function finish()
  local due, count = nextDue(), waiting()
  if (waitingBefore == 0 and count > 0) or (due and (not dueBefore or due < dueBefore)) then
    redis.call('PUBLISH', ARGV[3], ARGV[4] .. '\\n' .. ARGV[2])
  end
  return count, due and math.max(0, math.ceil(due - now)) or -1, redis.call('HLEN', lanes)
end
`

/**
 * Own ARGV: of each lane its key, its class and the time it has work from. An entry whose other half is gone (Redis was
 * made to forget parts) is placed anew. Gives how many are ready, the milliseconds until the next is due, the lanes known.
 */
export const ring: Script = script(`${POOL}
redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[5])
for i = 5, #ARGV, 3 do
  local lane, class, at = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local state = redis.call('HGET', lanes, lane)
  local kind = state and string.sub(state, 1, 1)
  if kind == 'w' and redis.call('ZSCORE', leases, lane) then
    local lease, again = leaseOf(state)
    if again == '' or at < tonumber(again) then
      redis.call('HSET', lanes, lane, 'w' .. class .. lease .. ' ' .. ARGV[i + 2])
    end
  elseif kind == 'd' then
    local due = tonumber(redis.call('ZSCORE', delayed, lane))
    if not due or at < due then
      redis.call('ZREM', delayed, lane)
      place(lane, class, at)
    end
  elseif not state or kind == 'w' or waiting() == 0 then
    place(lane, class, at)
  end
end
return { finish() }
`)

/**
 * Gives lanes back and takes others. Own ARGV: lanes wanted, the lease's name, its milliseconds, tokens per second or
 * '', the classes wanted as digits, then of each lane given back its key, its class, its lease, and when it has work
 * again: a time, '' for never, NOT_BEGUN. Gives how many of those classes are still ready, the milliseconds until the
 * next is due, the lanes known, the milliseconds until there is a token, the lanes taken, and how many leases were found
 * to have run out.
 */
export const turn: Script = script(`${POOL}${BUCKET}
local unspent = 0
local function giveBack(lane, class, lease, at)
  local state = redis.call('HGET', lanes, lane)
  if not state then
    if at ~= '' then place(lane, class, tonumber(at) or 0) end
    return
  end
  local held, again = leaseOf(state)
  if held ~= lease then return end
  redis.call('ZREM', leases, lane)
  if at == '${NOT_BEGUN}' then
    unspent = unspent + 1
    return makeReady(lane, class, 'LPUSH')
  end
  local from = math.min(tonumber(at) or math.huge, tonumber(again) or math.huge)
  if from == math.huge then redis.call('HDEL', lanes, lane) else place(lane, class, from) end
end

local function putBackExpired()
  local expired = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 500)
  for _, lane in ipairs(expired) do
    redis.call('ZREM', leases, lane)
    local state = redis.call('HGET', lanes, lane)
    if state and leaseOf(state) then makeReady(lane, string.sub(state, 2, 2), 'LPUSH') end
  end
  return #expired
end

local function putDue()
  for _, lane in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 500)) do
    redis.call('ZREM', delayed, lane)
    local state = redis.call('HGET', lanes, lane)
    if state and string.sub(state, 1, 1) == 'd' then makeReady(lane, string.sub(state, 2, 2), 'RPUSH') end
  end
end

local taken = {}
local function take(most, lease, ends)
  for digit in string.gmatch(ARGV[9], '%d') do
    local class = tonumber(digit)
    while #taken < most do
      local lane = redis.call('LPOP', KEYS[5 + class])
      if not lane then break end
      if redis.call('HGET', lanes, lane) == digit then
        redis.call('HSET', lanes, lane, 'w' .. digit .. lease)
        redis.call('ZADD', leases, ends, lane)
        taken[#taken + 1] = lane
      end
    end
  end
end

for i = 10, #ARGV, 4 do giveBack(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
local expired = putBackExpired()
putDue()
local wanted, perSecond, wait = tonumber(ARGV[5]), tonumber(ARGV[8]), 0
if not perSecond then
  take(wanted, ARGV[6], now + ARGV[7])
elseif wanted > 0 or unspent > 0 then
  local tokens, capacity = fill(KEYS[9], perSecond)
  tokens = math.min(capacity, tokens + unspent)
  take(math.min(wanted, math.floor(math.max(0, tokens))), ARGV[6], now + ARGV[7])
  tokens = tokens - #taken
  keep(KEYS[9], tokens, capacity, perSecond)
  wait = untilNext(tokens, perSecond)
end
local _, due, known = finish()
local count = 0
for digit in string.gmatch(ARGV[9], '%d') do count = count + redis.call('LLEN', KEYS[5 + digit]) end
return { count, due, known, wait, taken, expired }
`)

/**
 * KEYS: those of the pool. ARGV: now or '', the lease's milliseconds, then of each lane in hand its key, its class, its
 * lease. What Redis has forgotten is entered again. Gives the keys of the lanes that are somebody else's by now.
 */
export const renew: Script = script(`${NOW}
local lost = {}
for i = 3, #ARGV, 3 do
  local lane = ARGV[i]
  local state = redis.call('HGET', KEYS[1], lane)
  if not state then
    state = 'w' .. ARGV[i + 1] .. ARGV[i + 2]
    redis.call('HSET', KEYS[1], lane, state)
  end
  if string.match(state, '^w%d(%S+)') == ARGV[i + 2] then
    redis.call('ZADD', KEYS[3], now + ARGV[2], lane)
  else
    lost[#lost + 1] = lane
  end
end
return lost
`)

/** KEYS: the bucket. ARGV: now or '', tokens per second. Gives the milliseconds to wait; 0 when a token was taken. */
export const takeToken: Script = script(`${NOW}${BUCKET}
local perSecond = tonumber(ARGV[2])
local tokens, capacity = fill(KEYS[1], perSecond)
local wait = untilNext(tokens, perSecond)
if wait == 0 then tokens = tokens - 1 end
keep(KEYS[1], tokens, capacity, perSecond)
return wait
`)

/** KEYS: the bucket. ARGV: now or '', tokens per second, how many are spent. */
export const spendTokens: Script = script(`${NOW}${BUCKET}
local perSecond = tonumber(ARGV[2])
local tokens, capacity = fill(KEYS[1], perSecond)
keep(KEYS[1], tokens - ARGV[3], capacity, perSecond)
`)

/**
 * KEYS: the mark. Gives 1 to the first who asks after Redis has lost its data, all or what it had not written before it
 * was started again or replaced; else 0.
 */
export const wasForgotten: Script = script(`
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
if redis.call('GET', KEYS[1]) == run then return 0 end
redis.call('SET', KEYS[1], run)
return 1
`)

export const scripts: readonly Script[] = [ring, turn, renew, takeToken, spendTokens, wasForgotten]

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}
