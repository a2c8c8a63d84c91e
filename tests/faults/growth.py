"""What grows: samples of processes, database and broker while a cluster works, and what they come to per hour."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import psutil
import redis

from tests.faults.books import query

WARM_UP = 0.25
"""The first part of the samples, in which caches and pools fill, says nothing about growth."""

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look at everything. Fields that begin with `worker_` are those of one process that lives all the time."""

    at: float
    worker_memory_mib: float
    worker_descriptors: float
    worker_threads: float
    database_connections: float
    database_dead_tuples: float
    database_mib: float
    redis_mib: float
    queued_messages: float
    announced_jobs: float
    temporary_mib: float


def take_sample(*, pid: int, database_url: str, redis_url: str, temporary: Path) -> Sample:
    """How things stand now. Raises what a server that is away makes its client raise."""
    process = psutil.Process(pid)
    (database,) = query(database_url, _DATABASE)
    with redis.Redis.from_url(redis_url, socket_timeout=2.0) as client:
        broker_bytes = int(client.info("memory")["used_memory"])
        messages = client.llen("mediascribe") + client.llen("mediascribe.bundles")
    return Sample(
        at=time.monotonic(), worker_memory_mib=process.memory_info().rss / MIB, worker_descriptors=process.num_fds(),
        worker_threads=process.num_threads(), database_connections=database["connections"],
        database_dead_tuples=float(database["dead"] or 0), database_mib=database["bytes"] / MIB,
        redis_mib=broker_bytes / MIB, queued_messages=float(messages), announced_jobs=database["announced"],
        temporary_mib=sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file()) / MIB,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Growth:
    """One figure over all samples."""

    name: str
    first: float
    last: float
    greatest: float
    per_hour: float
    """Slope of the straight line through the samples after the warm-up."""


def growth(samples: Sequence[Sample]) -> list[Growth]:
    """Each figure's course; at least two samples are needed after the warm-up."""
    steady = samples[int(len(samples) * WARM_UP) :]
    hours = [sample.at / 3_600 for sample in steady]
    found = []
    for name in (field.name for field in fields(Sample) if field.name != "at"):
        values = [float(getattr(sample, name)) for sample in steady]
        slope = statistics.linear_regression(hours, values).slope
        found.append(Growth(name=name, first=values[0], last=values[-1], greatest=max(values), per_hour=slope))
    return found


_DATABASE = """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mediascribe') AS connections,
           (SELECT sum(n_dead_tup) FROM pg_stat_user_tables) AS dead,
           pg_database_size(current_database()) AS bytes,
           (SELECT count(*) FROM job WHERE state = 'queued' AND announced_until > now()) AS announced
"""
