"""The rules of the limiter, as a pure function of what is counted and of now. `exchange.lua` says the same in Lua.

Requests and tokens are booked one behind the other along the time (a leaky bucket, also known as GCRA), with no burst: in
no 60 seconds do more calls begin than a minute may have, nor calls with more tokens, whichever moment the other side
counts its minute from. Why that holds for tokens, too: a call pays 61 s * tokens / (limit - M) of the lane's time, where
M is the largest call of late. If b is the first call in a minute and n the last, the calls from b up to n, without n,
have paid for less than 60 s, so they have fewer than limit - M tokens, and n has at most M. When M rises from m, the call that
raises it waits for 61 s * (M - m) / (limit - m) first, for those before it have paid too little.

How many calls are in flight follows what the other side bears (after the controller of inspect_ai): doubled with every
clean round until the first 429, then a twentieth more; a 429 cuts it once an episode; trouble of the other side (5xx) does
not. A 429 comes at once, so in the beginning a second without one counts as a clean round, too: calls that take a minute
would need many minutes else. After a long wait it begins anew with few, up to where it was cut.
"""

from dataclasses import dataclass, field

from worker.quota.terms import (
    COOLDOWN_SECONDS,
    CUT,
    FIRST_IN_FLIGHT,
    FIRST_SHUT_SECONDS,
    GROWTH,
    HORIZON_SECONDS,
    LEAST_TROUBLE,
    LONG_WAIT_SECONDS,
    LONGEST_SHUT_SECONDS,
    MINUTE_SECONDS,
    MOST_IN_FLIGHT,
    ROUND_SECONDS,
    SATURATED,
    TROUBLE_TO_GOOD,
    TROUBLE_WINDOW_SECONDS,
    Day,
    Exchange,
    Limits,
    Outcome,
    Reason,
    Reply,
    Settled,
    Want,
)

NO_THRESHOLD = 1e9


@dataclass(kw_only=True, slots=True)
class LaneCount:
    """What is counted of a lane. Times are seconds on the clock of whoever counts."""

    next_request: float = 0.0
    """When the next request may begin."""
    next_token: float = 0.0
    largest: int = 0
    """Tokens of the largest call of late."""
    largest_until: float = 0.0
    day: str = ""
    day_requests: int = 0
    in_flight: float = FIRST_IN_FLIGHT
    """Reservations at a time."""
    threshold: float = NO_THRESHOLD
    """Up to here the growth is fast."""
    clean: int = 0
    """Good calls of this round."""
    was_saturated: bool = False
    judged_at: float = 0.0
    """Since when all is well and all that is allowed is made use of."""
    cooldown_until: float = 0.0
    held_until: float = 0.0
    opened_at: float = 0.0
    """When the lane last began anew after its endpoint was shut."""
    held: dict[str, float] = field(default_factory=dict)
    """Reservations by the call's id: when it begins."""


@dataclass(kw_only=True, slots=True)
class FamilyCount:
    """What is counted of an endpoint: the breaker."""

    window_start: float = 0.0
    good: int = 0
    bad: int = 0
    shut_times: int = 0
    """How often in a row it was found shut; 0: it is open."""
    shut_until: float = 0.0
    probe: str = ""
    probe_until: float = 0.0
    opened_at: float = 0.0


def exchange(lane: LaneCount, family: FamilyCount, asked: Exchange, now: float) -> list[Reply]:
    """Count what has ended, then book what would begin."""
    for call_id in [call_id for call_id, begins in lane.held.items() if begins + asked.lease_seconds < now]:
        del lane.held[call_id]
    for ended in asked.settled:
        _count_for_lane(lane, ended, asked.limits, now)
        _count_for_family(family, ended, now)
    if family.opened_at > lane.opened_at:
        lane.opened_at = family.opened_at
        lane.threshold = min(lane.threshold, lane.in_flight)
        lane.in_flight = min(lane.in_flight, FIRST_IN_FLIGHT)
    _grow_by_time(lane, now)
    return _book_all(lane, family, asked, now)


def _count_for_lane(lane: LaneCount, ended: Settled, limits: Limits, now: float) -> None:
    was_saturated = len(lane.held) >= SATURATED * lane.in_flight
    was_held = lane.held.pop(ended.id, None) is not None
    if was_held and ended.outcome is Outcome.UNSENT:
        lane.day_requests = max(0, lane.day_requests - 1)
    if limits.input_tokens_per_minute and ended.more_tokens:
        lane.next_token += MINUTE_SECONDS * ended.more_tokens / limits.input_tokens_per_minute
    if ended.outcome is Outcome.GOOD and now >= lane.cooldown_until:
        lane.clean += 1
        lane.was_saturated = lane.was_saturated or was_saturated
        if lane.clean >= lane.in_flight:
            _grow(lane)
    elif ended.outcome is Outcome.FAILED:
        lane.clean, lane.was_saturated, lane.judged_at = 0, False, now
    elif ended.outcome is Outcome.THROTTLED:
        _cut(lane, ended.wait_seconds, now)


def _grow_by_time(lane: LaneCount, now: float) -> None:
    is_saturated = len(lane.held) >= SATURATED * lane.in_flight
    if not is_saturated or now < lane.cooldown_until or lane.in_flight >= lane.threshold:
        lane.judged_at = now
    elif now - lane.judged_at >= ROUND_SECONDS:
        lane.was_saturated, lane.judged_at = True, now
        _grow(lane)


def _grow(lane: LaneCount) -> None:
    if lane.was_saturated:
        fast = lane.in_flight < lane.threshold
        grown = min(lane.in_flight * 2, lane.threshold) if fast else max(lane.in_flight * GROWTH, lane.in_flight + 1)
        lane.in_flight = min(grown, MOST_IN_FLIGHT)
    lane.clean, lane.was_saturated = 0, False


def _cut(lane: LaneCount, wait_seconds: float, now: float) -> None:
    lane.held_until = max(lane.held_until, now + wait_seconds)
    lane.clean, lane.was_saturated = 0, False
    if now >= lane.cooldown_until:
        lane.threshold = max(1.0, lane.in_flight * CUT)
        lane.in_flight = lane.threshold
        if wait_seconds >= LONG_WAIT_SECONDS:
            lane.in_flight = min(lane.threshold, FIRST_IN_FLIGHT)
    lane.cooldown_until = max(lane.cooldown_until, now + max(COOLDOWN_SECONDS, wait_seconds))


def _count_for_family(family: FamilyCount, ended: Settled, now: float) -> None:
    is_probe = family.shut_times > 0 and ended.id == family.probe
    if is_probe:
        family.probe = ""
    is_silent = ended.outcome in (Outcome.UNSENT, Outcome.BROKEN_OFF)
    if is_silent or (family.shut_times > 0 and not is_probe):
        return
    if now - family.window_start > TROUBLE_WINDOW_SECONDS:
        family.window_start, family.good, family.bad = now, 0, 0
    if ended.outcome is not Outcome.FAILED:
        family.good += 1
        if is_probe:
            family.shut_times, family.opened_at, family.good, family.bad = 0, now, 0, 0
        return
    family.bad += 1
    if is_probe or (family.bad >= LEAST_TROUBLE and family.bad >= TROUBLE_TO_GOOD * family.good):
        family.shut_times += 1
        family.shut_until = now + min(LONGEST_SHUT_SECONDS, FIRST_SHUT_SECONDS * 2.0 ** (family.shut_times - 1))


def _book_all(lane: LaneCount, family: FamilyCount, asked: Exchange, now: float) -> list[Reply]:
    """In turn: behind one that cannot begin yet nobody is served, unless that one can never begin."""
    replies: list[Reply] = []
    refused: Reply | None = None
    for want in asked.wants:
        tokens = asked.limits.input_tokens_per_minute
        if tokens is not None and want.input_tokens > tokens:
            replies.append(Reply(wait_seconds=0.0, reason=Reason.TOO_LARGE))
            continue
        replies.append(refused or _book(lane, family, want, asked, now))
        if replies[-1].reason is not None:
            refused = replies[-1]
    return replies


def _book(lane: LaneCount, family: FamilyCount, want: Want, asked: Exchange, now: float) -> Reply:
    if lane.held_until > now:
        return Reply(wait_seconds=lane.held_until - now, reason=Reason.HELD)
    if len(lane.held) >= max(1.0, lane.in_flight):
        return Reply(wait_seconds=0.0, reason=Reason.IN_FLIGHT)
    if family.shut_times > 0 and (shut := _shut(family, now)) is not None:
        return shut
    if _used_up(lane, asked.limits, asked.day):
        return Reply(wait_seconds=asked.day.seconds_left, reason=Reason.DAY)
    token_turn = lane.next_token + _surcharge(lane, asked.limits, want.input_tokens, now)
    begins = max(now, lane.next_request, token_turn)
    if begins - now > HORIZON_SECONDS:
        reason = Reason.REQUESTS if lane.next_request >= token_turn else Reason.TOKENS
        return Reply(wait_seconds=begins - now, reason=reason)
    if family.shut_times > 0:
        family.probe, family.probe_until = want.id, now + asked.lease_seconds
    lane.day_requests += 1
    lane.held[want.id] = begins
    lane.next_request = begins + _requests_step(asked.limits)
    _pay_tokens(lane, asked.limits, want.input_tokens, begins)
    return Reply(wait_seconds=begins - now)


def _shut(family: FamilyCount, now: float) -> Reply | None:
    """Why nothing may be sent to the endpoint; None where this call is to find out whether it is well again."""
    if family.shut_until > now:
        return Reply(wait_seconds=family.shut_until - now, reason=Reason.SHUT)
    if family.probe and family.probe_until > now:
        return Reply(wait_seconds=1.0, reason=Reason.SHUT)
    return None


def _used_up(lane: LaneCount, limits: Limits, day: Day) -> bool:
    if lane.day != day.name:
        lane.day, lane.day_requests = day.name, 0
    lane.day_requests = max(lane.day_requests, day.requests)
    return limits.requests_per_day is not None and lane.day_requests >= limits.requests_per_day


def _requests_step(limits: Limits) -> float:
    return MINUTE_SECONDS / limits.requests_per_minute if limits.requests_per_minute else 0.0


def _surcharge(lane: LaneCount, limits: Limits, tokens: int, now: float) -> float:
    """How long a call that is larger than those of late waits for what they paid too little."""
    most = limits.input_tokens_per_minute
    known = lane.largest if lane.largest_until > now else 0
    return MINUTE_SECONDS * (tokens - known) / (most - known) if most and tokens > known else 0.0


def _pay_tokens(lane: LaneCount, limits: Limits, tokens: int, begins: float) -> None:
    most = limits.input_tokens_per_minute
    if not most:
        return
    if tokens >= lane.largest or lane.largest_until <= begins:
        lane.largest, lane.largest_until = tokens, begins + MINUTE_SECONDS
    room = most - lane.largest
    lane.next_token = begins + (MINUTE_SECONDS * min(1.0, tokens / room) if room > 0 else MINUTE_SECONDS)
