"""A bare script on google-genai and Pillow, as a good engineer writes it for one afternoon's pictures.

One event loop, decoding on threads, at most 64 calls in flight, answers stored by one writer in groups, as many as
came while it stored the last ones. No retry, no lease, no record of what it was doing when it dies.

    python -m benchmarks.contestants.bare QUESTION DATABASE     (lists of jobs come on standard input, one JSON a line)
"""

import asyncio
import json
import sys
import time
from typing import Any

import psycopg

from benchmarks.contestants.by_hand import Asking, caption, read_question
from benchmarks.contestants.sdk import connected
from benchmarks.contestants.tables import INSERT_RESULT, RESULTS

IN_FLIGHT = 64
MOST_IN_GROUP = 50

Row = tuple[str, str, float, str]
"""Path, batch, begin (seconds since 1970), answer as JSON."""


async def main(question: str, database: str) -> None:
    """Work off each list of jobs that comes, until no more comes."""
    asking = read_question(question)
    async with (
        connected().aio as client,
        await psycopg.AsyncConnection.connect(database) as connection,
    ):
        await connection.execute(RESULTS)
        await connection.commit()
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await work_off(json.loads(line), asking, client, connection)


async def work_off(
    jobs: dict[str, Any], asking: Asking, client: Any, connection: "psycopg.AsyncConnection[Any]"
) -> None:
    """All pictures of one list, each asked about and stored."""
    free = asyncio.Semaphore(IN_FLIGHT)
    rows: asyncio.Queue[Row | None] = asyncio.Queue()

    async def work(path: str) -> None:
        async with free:
            began = time.time()
            answer = await caption(client, asking, path)
            rows.put_nowait((path, jobs["batch"], began, json.dumps(answer)))

    writing = asyncio.create_task(store_all(rows, connection))
    async with asyncio.TaskGroup() as group:
        for path in jobs["paths"]:
            group.create_task(work(path))
    rows.put_nowait(None)
    await writing


async def store_all(rows: "asyncio.Queue[Row | None]", connection: "psycopg.AsyncConnection[Any]") -> None:
    """Store what comes, in groups, until None comes."""
    row = await rows.get()
    while row is not None:
        group = [row]
        while not rows.empty() and len(group) < MOST_IN_GROUP:
            row = rows.get_nowait()
            if row is None:
                break
            group.append(row)
        async with connection.cursor() as cursor:
            await cursor.executemany(INSERT_RESULT, group)
        await connection.commit()
        if row is not None:
            row = await rows.get()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
