"""What the limiter costs: CPU of one call's way through the gate, in process and by Redis.

    python -m benchmarks.limiter

Sixty-four callers at a time, as in a busy worker; the loop's own cost is part of the figure.
"""

import asyncio
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.report import at_most, show_and_save
from tests.services.redis import redis_server
from worker.quota.gate import Gate
from worker.quota.stores import InProcessStore, RedisStore
from worker.quota.terms import Day, Limits, Outcome, Settled, Store, Want

CALLS, CALLERS, ROUNDS = 6_000, 64, 3
MOST_MS = 0.3
PLENTY = Limits(requests_per_minute=60_000_000, input_tokens_per_minute=60_000_000_000)


def main() -> int:
    """Measure, print, save."""
    with redis_server() as redis, ThreadPoolExecutor(1) as executor:
        shared = RedisStore(redis.empty_database(1))
        in_process_ms, redis_ms = _median_ms(InProcessStore(), None), _median_ms(shared, executor)
        shared.close()
    rows = [
        at_most("limiter, CPU a call in process", in_process_ms, MOST_MS, " ms", digits=3),
        at_most("limiter, CPU a call by Redis", redis_ms, MOST_MS, " ms", digits=3),
    ]
    show_and_save("limiter", {"calls": CALLS, "in_process_ms": in_process_ms, "redis_ms": redis_ms}, rows)
    return 0


def _median_ms(store: Store, executor: ThreadPoolExecutor | None) -> float:
    """CPU of this process; Redis's own is that of a server. The first round lets the lane grow, and does not count."""
    spent = [asyncio.run(_round_seconds(store, executor)) for _ in range(ROUNDS + 1)][1:]
    return round(1_000 * statistics.median(spent) / CALLS, 4)


async def _round_seconds(store: Store, executor: ThreadPoolExecutor | None) -> float:
    gate = Gate(
        store, limits=lambda _: PLENTY, today=lambda _: Day(name="2026-01-01", seconds_left=9_000.0), lease_seconds=lambda _: 150.0,
        executor=executor,
    )  # fmt: skip
    begun = time.process_time()
    async with asyncio.TaskGroup() as group:
        for caller in range(CALLERS):
            group.create_task(_calls(gate, caller))
    spent = time.process_time() - begun
    await gate.aclose()
    return spent


async def _calls(gate: Gate, caller: int) -> None:
    for number in range(CALLS // CALLERS):
        call_id = f"cal_{caller}_{number}"
        reply = await gate.enter("m", Want(id=call_id, input_tokens=1_000), patience_seconds=60.0)
        if reply.reason is not None:
            raise RuntimeError(f"the gate refused a call: {reply.reason}")
        gate.leave("m", Settled(id=call_id, outcome=Outcome.GOOD))


if __name__ == "__main__":
    sys.exit(main())
