"""Does the broker's Redis throw keys away when its memory is full?

Our own messages are hints, so nothing of ours is lost by it; a Celery producer's message that no worker has taken yet is.
The only policy that loses none is `noeviction`.
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_SECONDS = 3.0


def eviction_policy(broker_url: str) -> str | None:
    """The policy by which this Redis evicts keys; None if it evicts none, is no Redis, or does not say."""
    if not broker_url.startswith(("redis://", "rediss://")):
        return None
    once = Retry(NoBackoff(), 0)
    try:
        with redis.Redis.from_url(
            broker_url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=once
        ) as client:
            # CONFIG GET is often forbidden, INFO is not.
            policy = str(client.info("memory").get("maxmemory_policy", ""))
    except (redis.RedisError, ValueError, TypeError):
        return None
    return policy if policy and policy != "noeviction" else None
