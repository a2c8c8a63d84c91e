"""Preparation and call and nothing else, 64 at a time: what no program that does the same can leave out.

    python -m benchmarks.contestants.yardstick sdk|door QUESTION     (lists of jobs come on standard input)

`sdk` is google-genai as a script uses it, after Pillow on a thread. `door` is mediascribe's own use of both: its way
through google-genai, and pictures decoded in processes apart. Nothing is stored: when a list is done, begin, end and
answer of its jobs are written into the file that it names.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

IN_FLIGHT = 64
DECODING_SECONDS = 60.0

Ask = Callable[[str], Awaitable[Any]]


async def main(way: str, question: str) -> None:
    """Work off each list of jobs that comes, until no more comes."""
    async with WAYS[way](question) as ask:
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            jobs = json.loads(line)
            done = await work_off(jobs["paths"], ask)
            await asyncio.to_thread(Path(jobs["answers"]).write_text, json.dumps(done))


async def work_off(paths: list[str], ask: Ask) -> list[tuple[float, float, Any]]:
    """Begin, end and answer of every picture."""
    free = asyncio.Semaphore(IN_FLIGHT)

    async def work(path: str) -> tuple[float, float, Any]:
        async with free:
            began = time.time()
            answer = await ask(path)
            return began, time.time(), answer

    return await asyncio.gather(*map(work, paths))


@asynccontextmanager
async def sdk(question: str) -> AsyncIterator[Ask]:
    """As a script asks."""
    from benchmarks.contestants.by_hand import caption, read_question
    from benchmarks.contestants.sdk import connected

    asking = read_question(question)
    async with connected().aio as client:
        yield lambda path: caption(client, asking, path)


@asynccontextmanager
async def door(_: str) -> AsyncIterator[Ask]:
    """As mediascribe prepares and asks, without all that is around it."""
    from gemini.client import GeminiClient, connection_from_environment
    from media.sandbox import Sandbox
    from tasks.base import MediaLimits, Preparation
    from tasks.caption import CAPTION, CaptionOptions
    from worker.environment import load_settings

    settings = load_settings().settings
    options = CaptionOptions()
    how = Preparation(limits=MediaLimits(), options=options, model=settings.model)
    client = GeminiClient(connection_from_environment(os.environ, max_connections=IN_FLIGHT))
    sandbox = Sandbox(settings.decoder_processes)

    async def ask(path: str) -> Any:
        decoding = sandbox.submit(CAPTION.prepare, path, "", how, timeout_seconds=DECODING_SECONDS)
        (clip,) = (await asyncio.wrap_future(decoding)).clips
        call = await client.ask(CAPTION.ask(clip, options, settings.model))
        answer = CAPTION.check(clip, call, options)
        if not isinstance(answer, Mapping):
            raise RuntimeError(f"no caption of {path}: {answer}")  # noqa: TRY004 - no fault of who calls
        return answer

    yield ask
    sandbox.close()
    await client.aclose()


WAYS = {"sdk": sdk, "door": door}

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
