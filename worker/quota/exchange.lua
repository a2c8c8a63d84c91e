-- The rules of the limiter on Redis: the same as rules.py, which says why. One run is one exchange of one process about
-- one lane, and nothing else happens meanwhile.
--
-- KEYS: 1 the lane's counts (hash), 2 its reservations (sorted set: a call's id by when it begins), 3 its family's counts
-- ARGV: 1 what is told and asked, as JSON; 2 the time in seconds, for tests alone: it is Redis's own clock otherwise
-- Returns the replies as JSON: [[seconds, reason or ""], ...]
redis.replicate_commands()

local asked = cjson.decode(ARGV[1])
local rule = asked.rule
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function counts(key, names)
  local found, values = {}, redis.call('HMGET', key, unpack(names))
  for place, name in ipairs(names) do found[name] = tonumber(values[place]) or 0 end
  return found
end

local LANE = {'next_request', 'next_token', 'largest', 'largest_until', 'day_requests', 'in_flight', 'threshold', 'clean',
  'was_saturated', 'judged_at', 'cooldown_until', 'held_until', 'opened_at'}
local FAMILY = {'window_start', 'good', 'bad', 'shut_times', 'shut_until', 'probe_until', 'opened_at'}
local is_new = redis.call('EXISTS', KEYS[1]) == 0
local lane, family = counts(KEYS[1], LANE), counts(KEYS[3], FAMILY)
local day = redis.call('HGET', KEYS[1], 'day') or ''
local probe = redis.call('HGET', KEYS[3], 'probe') or ''
if is_new then lane.in_flight, lane.threshold = rule.first_in_flight, 1e9 end

-- Numbers keep their microseconds: tostring would round a time of day to hundreds of seconds.
local function text(number) return string.format('%.6f', number) end

-- Reservations

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. text(now - asked.lease_seconds))
local held = redis.call('ZCARD', KEYS[2])

-- What has ended

local function grow()
  if lane.was_saturated == 1 then
    local grown
    if lane.in_flight < lane.threshold then grown = math.min(lane.in_flight * 2, lane.threshold)
    else grown = math.max(lane.in_flight * rule.growth, lane.in_flight + 1) end
    lane.in_flight = math.min(grown, rule.most_in_flight)
  end
  lane.clean, lane.was_saturated = 0, 0
end

local function cut(wait)
  lane.held_until = math.max(lane.held_until, now + wait)
  lane.clean, lane.was_saturated = 0, 0
  if now >= lane.cooldown_until then
    lane.threshold = math.max(1, lane.in_flight * rule.cut)
    lane.in_flight = lane.threshold
    if wait >= rule.long_wait then lane.in_flight = math.min(lane.threshold, rule.first_in_flight) end
  end
  lane.cooldown_until = math.max(lane.cooldown_until, now + math.max(rule.cooldown, wait))
end

local function count_for_lane(ended)
  local was_saturated = held >= rule.saturated * lane.in_flight
  local was_held = redis.call('ZREM', KEYS[2], ended.id)
  held = held - was_held
  if was_held == 1 and ended.outcome == 'unsent' then lane.day_requests = math.max(0, lane.day_requests - 1) end
  if asked.tokens and ended.more_tokens ~= 0 then
    lane.next_token = lane.next_token + rule.minute * ended.more_tokens / asked.tokens
  end
  if ended.outcome == 'good' and now >= lane.cooldown_until then
    lane.clean = lane.clean + 1
    if was_saturated then lane.was_saturated = 1 end
    if lane.clean >= lane.in_flight then grow() end
  elseif ended.outcome == 'failed' then
    lane.clean, lane.was_saturated, lane.judged_at = 0, 0, now
  elseif ended.outcome == 'throttled' then
    cut(ended.wait)
  end
end

local function count_for_family(ended)
  local is_probe = family.shut_times > 0 and ended.id == probe
  if is_probe then probe = '' end
  local is_silent = ended.outcome == 'unsent' or ended.outcome == 'broken_off'
  if is_silent or (family.shut_times > 0 and not is_probe) then return end
  if now - family.window_start > rule.trouble_window then family.window_start, family.good, family.bad = now, 0, 0 end
  if ended.outcome ~= 'failed' then
    family.good = family.good + 1
    if is_probe then family.shut_times, family.opened_at, family.good, family.bad = 0, now, 0, 0 end
    return
  end
  family.bad = family.bad + 1
  if is_probe or (family.bad >= rule.least_trouble and family.bad >= rule.trouble_to_good * family.good) then
    family.shut_times = family.shut_times + 1
    family.shut_until = now + math.min(rule.longest_shut, rule.first_shut * 2 ^ (family.shut_times - 1))
  end
end

for _, ended in ipairs(asked.settled) do
  count_for_lane(ended)
  count_for_family(ended)
end
if family.opened_at > lane.opened_at then
  lane.opened_at = family.opened_at
  lane.threshold = math.min(lane.threshold, lane.in_flight)
  lane.in_flight = math.min(lane.in_flight, rule.first_in_flight)
end

if held < rule.saturated * lane.in_flight or now < lane.cooldown_until or lane.in_flight >= lane.threshold then
  lane.judged_at = now
elseif now - lane.judged_at >= rule.round then
  lane.was_saturated, lane.judged_at = 1, now
  grow()
end

-- What would begin

local function shut()
  if family.shut_until > now then return {family.shut_until - now, 'shut'} end
  if probe ~= '' and family.probe_until > now then return {1, 'shut'} end
  return nil
end

local function used_up()
  if day ~= asked.day then day, lane.day_requests = asked.day, 0 end
  lane.day_requests = math.max(lane.day_requests, asked.day_requests)
  return asked.per_day and lane.day_requests >= asked.per_day
end

local function surcharge(tokens)
  local known = lane.largest_until > now and lane.largest or 0
  if asked.tokens and tokens > known then return rule.minute * (tokens - known) / (asked.tokens - known) end
  return 0
end

local function pay_tokens(tokens, begins)
  if not asked.tokens then return end
  if tokens >= lane.largest or lane.largest_until <= begins then
    lane.largest, lane.largest_until = tokens, begins + rule.minute
  end
  local room = asked.tokens - lane.largest
  lane.next_token = begins + (room > 0 and rule.minute * math.min(1, tokens / room) or rule.minute)
end

local function book(want)
  if lane.held_until > now then return {lane.held_until - now, 'held'} end
  if held >= math.max(1, lane.in_flight) then return {0, 'in_flight'} end
  if family.shut_times > 0 then
    local closed = shut()
    if closed then return closed end
  end
  if used_up() then return {asked.day_seconds_left, 'day'} end
  local token_turn = lane.next_token + surcharge(want.tokens)
  local begins = math.max(now, lane.next_request, token_turn)
  if begins - now > rule.horizon then
    return {begins - now, lane.next_request >= token_turn and 'requests' or 'tokens'}
  end
  if family.shut_times > 0 then probe, family.probe_until = want.id, now + asked.lease_seconds end
  lane.day_requests = lane.day_requests + 1
  held = held + redis.call('ZADD', KEYS[2], text(begins), want.id)
  lane.next_request = begins + (asked.requests and rule.minute / asked.requests or 0)
  pay_tokens(want.tokens, begins)
  return {begins - now, ''}
end

local replies, refused = {}, nil
for place, want in ipairs(asked.wants) do
  if asked.tokens and want.tokens > asked.tokens then
    replies[place] = {0, 'too_large'}
  else
    local reply = refused or book(want)
    if reply[2] ~= '' then refused = reply end
    replies[place] = reply
  end
end

-- Keep

local function keep(key, names, values, name, value)
  local pairs_ = {name, value}
  for _, each in ipairs(names) do
    pairs_[#pairs_ + 1] = each
    pairs_[#pairs_ + 1] = text(values[each])
  end
  redis.call('HSET', key, unpack(pairs_))
  redis.call('EXPIRE', key, rule.keep)
end

keep(KEYS[1], LANE, lane, 'day', day)
keep(KEYS[3], FAMILY, family, 'probe', probe)
redis.call('EXPIRE', KEYS[2], rule.keep)

for place, reply in ipairs(replies) do replies[place] = {text(reply[1]), reply[2]} end
return #replies > 0 and cjson.encode(replies) or '[]'
