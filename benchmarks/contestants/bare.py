"""A bare script on google-genai and Pillow, as a good engineer writes it for one afternoon's pictures.

One event loop, decoding on threads, at most 64 calls in flight, answers stored by one writer in groups, as many as
came while it stored the last ones. No retry, no lease, no record of what it was doing when it dies.

    python -m benchmarks.contestants.bare QUESTION DATABASE     (lists of jobs come on standard input, one JSON a line)
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

import psycopg
from google import genai

from benchmarks.contestants.by_hand import Asking, contents, prepared, read_answer, read_question

IN_FLIGHT = 64
MOST_IN_GROUP = 50

Row = tuple[str, str, float, str]
"""Batch, path, begin (seconds since 1970), answer as JSON."""

TABLE = """CREATE TABLE IF NOT EXISTS result (
    path text PRIMARY KEY, batch text NOT NULL, began double precision NOT NULL, output jsonb NOT NULL,
    ended double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
)"""
INSERT = "INSERT INTO result (batch, path, began, output) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"


async def main(question: str, database: str) -> None:
    """Work off each list of jobs that comes, until no more comes."""
    asking = read_question(question)
    options = genai.types.HttpOptions(base_url=os.environ["GOOGLE_GEMINI_BASE_URL"], api_version="v1")
    async with (
        genai.Client(api_key=os.environ["GEMINI_API_KEY"], http_options=options).aio as client,
        await psycopg.AsyncConnection.connect(database) as connection,
    ):
        await connection.execute(TABLE)
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

    async def caption(path: str) -> None:
        async with free:
            began = time.time()
            picture = await asyncio.to_thread(prepared, path)
            response = await client.models.generate_content(
                model=asking.model, contents=contents(picture, asking.prompt), config=asking.config
            )
            rows.put_nowait((jobs["batch"], path, began, json.dumps(read_answer(response))))

    writing = asyncio.create_task(store_all(rows, connection))
    async with asyncio.TaskGroup() as group:
        for path in jobs["paths"]:
            group.create_task(caption(path))
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
            await cursor.executemany(INSERT, group)
        await connection.commit()
        if row is not None:
            row = await rows.get()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
