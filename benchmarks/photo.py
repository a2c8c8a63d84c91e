"""Photos of 12 megapixels, made as small as a model makes use of: CPU a photo, both cores, and the loop that waits for them.

    python -m benchmarks.photo

Beside mediascribe stands Pillow's own best for the same result: the decoder halves (draft mode), a thumbnail with the same
filter does the rest, and a JPEG of the same quality is saved. Both run in decoding processes and take turns.

That both cores are used is told beside two processes that do nothing but Pillow's best, in the same seconds: decoders that
waited for anything would get less done than those. How much two decoders are above one depends on what else the machine
does, and is shown only.

The loop hands photos to the decoders as a worker does, from the start of their processes on, and looks at the clock all the
while. Where no core is free, it waits for one like everybody; the system counts that wait (`SCHEDULED`), and it is told
apart. The worst of a run is taken, and of these the median: what is mediascribe's own comes back in each run.
"""

import asyncio
import io
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from benchmarks.pictures import draw_photos
from benchmarks.report import Row, at_least, at_most, show_and_save
from benchmarks.sizes import size
from benchmarks.tree import cpu_seconds
from gemini.abilities import picture_ability
from media.encoding import size_within
from media.image import PictureLimits
from media.sandbox import Sandbox
from tasks.base import MediaLimits, Preparation, Prepared
from tasks.caption import CAPTION, CaptionOptions
from worker.decoding import decoded
from worker.environment import load_settings

SEED = 20_260_104
MOST_TIMES_PILLOW, LEAST_RATE, MOST_BLOCKED_MS = 1.1, 0.9, 20
QUALITY = 80
PROCESSES = (1, 2)
IN_FLIGHT = 8
TURNS = 2
"""How often each photo is prepared in one run."""
SECONDS = 6.0
"""How long both work side by side."""
TICK_SECONDS = 0.005
PATIENCE_SECONDS = 60.0
SCHEDULED = Path("/proc/thread-self/schedstat")
"""Of this thread: nanoseconds on a core, nanoseconds it waited for one, how often (Linux, Documentation/scheduler/sched-stats)."""
HOW = Preparation(
    limits=MediaLimits(),
    options=CaptionOptions(),
    model=load_settings(environment={}, dotenv=Path("none")).settings.model,
)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One run of many photos through a sandbox, from a loop."""

    per_second: float
    cpu_ms: float
    """A photo, of all processes."""
    late_ms: float
    """The most by which the loop came late to a time that it was to keep."""
    blocked_ms: float
    """The same without the wait for a core."""


def main() -> int:
    """Measure, print, save; 0 also where a target was missed, for it depends on the machine."""
    photos, rounds = int(size("PHOTOS", full=12, short=4)), int(size("ROUNDS", full=9, short=3))
    with TemporaryDirectory(prefix="mediascribe-bench-") as folder:
        paths = [str(path) for path in draw_photos(Path(folder), photos, seed=SEED)]
        spent = cpu_ms(paths, rounds)
        flows: dict[int, list[Flow]] = {processes: [] for processes in PROCESSES}
        beside: list[tuple[int, int]] = []
        for _ in range(rounds):
            for processes in PROCESSES:
                flows[processes].append(asyncio.run(flow(processes, paths)))
            beside.append(asyncio.run(side_by_side(paths)))
    figures = {
        "photos": photos,
        "rounds": rounds,
        "cpu_ms": spent,
        "side_by_side": beside,
        "mediascribe": {decoders: [asdict(run) for run in runs] for decoders, runs in flows.items()},
    }
    show_and_save("photo", figures, rows_of(spent, beside, flows))
    return 0


def rows_of(
    spent: Mapping[str, Sequence[float]], beside: Sequence[tuple[int, int]], flows: Mapping[int, Sequence[Flow]]
) -> list[Row]:
    """What the table of targets says of photos."""
    rates = {processes: [run.per_second for run in runs] for processes, runs in flows.items()}
    blocked, late = (median(getattr(run, what) for run in flows[2]) for what in ("blocked_ms", "late_ms"))
    dearer = _ratio(spent["mediascribe"], spent["pillow"])
    return [
        at_most("photo of 12 MP, CPU to Pillow's own best", dearer, MOST_TIMES_PILLOW, is_ratio=True),
        at_least(
            "photos/s of two decoders, beside two processes of Pillow alone",
            median(ours / pillow for ours, pillow in beside),
            LEAST_RATE,
            is_ratio=True,
        ),
        at_least("photos/s, two decoders to one", _ratio(rates[2], rates[1]), None),
        at_most("event loop blocked meanwhile, worst of a run", blocked, MOST_BLOCKED_MS, " ms", digits=1),
        at_most("the same with its waits for a core", late, None, " ms", digits=1),
    ]


def _ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """The median of the rounds."""
    return median(one / other for one, other in zip(ones, others, strict=True))


def by_mediascribe(path: str) -> bytes:
    """The photo as a job's picture."""
    (clip,) = CAPTION.prepare(path, "", HOW).clips
    assert clip.data is not None
    return clip.data


def by_pillow(path: str) -> bytes:
    """The same with Pillow alone, by its means to be quick."""
    with Image.open(path) as image:
        small = sent_size(image.size)
        image.draft(None, small)
        image.thumbnail(small, Image.Resampling.BICUBIC, reducing_gap=2.0)
        target = io.BytesIO()
        image.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def sent_size(full: tuple[int, int]) -> tuple[int, int]:
    """In which size mediascribe sends a picture."""
    most = picture_ability(HOW.model, CaptionOptions().detail).max_pixels
    return size_within(full, most, PictureLimits().max_side)


WAYS: Mapping[str, Callable[[str], bytes]] = {"mediascribe": by_mediascribe, "pillow": by_pillow}


def spent_ms(way: str, paths: Sequence[str]) -> float:
    """CPU of this process for one photo, that way. The first brings memory and code into place and does not count."""
    prepare = WAYS[way]
    prepare(paths[0])
    begun = time.process_time()
    for path in paths:
        prepare(path)
    return 1_000 * (time.process_time() - begun) / len(paths)


def cpu_ms(paths: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds a photo, of each way, round by round: each in a decoding process of its own, never at the same time."""
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    with closing(Sandbox(1)) as ours, closing(Sandbox(1)) as theirs:
        for _ in range(rounds):
            for sandbox, way in ((ours, "mediascribe"), (theirs, "pillow")):
                done = sandbox.submit(spent_ms, way, paths, timeout_seconds=PATIENCE_SECONDS)
                spent[way].append(done.result())
    return spent


async def side_by_side(paths: Sequence[str]) -> tuple[int, int]:
    """Photos that two decoders prepare for a loop, and that two processes with nothing but Pillow do, in the same seconds."""
    with closing(Sandbox(2)) as ours, closing(Sandbox(2)) as theirs:
        await asyncio.gather(
            _prepare(ours, [*paths] * 2), _work_off(theirs, paths, SECONDS / 4)
        )  # all have worked then
        return await asyncio.gather(_prepare_for(ours, paths, SECONDS), _work_off(theirs, paths, SECONDS))


async def _prepare_for(sandbox: Sandbox, paths: Sequence[str], seconds: float) -> int:
    """How many are prepared in so many seconds."""
    end = time.monotonic() + seconds

    async def go_on() -> int:
        count = 0
        while True:
            await _prepare(sandbox, [paths[count % len(paths)]])
            if time.monotonic() > end:
                return count
            count += 1

    return sum(await asyncio.gather(*(go_on() for _ in range(IN_FLIGHT))))


async def _work_off(sandbox: Sandbox, paths: Sequence[str], seconds: float) -> int:
    """How many Pillow alone does in so many seconds, in two processes that hear of nothing meanwhile."""
    runs = (decoded(sandbox, pillow_for, paths, seconds, timeout_seconds=PATIENCE_SECONDS) for _ in range(2))
    return sum(await asyncio.gather(*runs))


def pillow_for(paths: Sequence[str], seconds: float) -> int:
    """How many are prepared in so many seconds by this process."""
    end, count = time.monotonic() + seconds, 0
    while True:
        by_pillow(paths[count % len(paths)])
        if time.monotonic() > end:
            return count
        count += 1


async def flow(decoders: int, paths: Sequence[str]) -> Flow:
    """Send photos through so many decoders, as a worker's attempts do."""
    late: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch(late))
    with closing(Sandbox(decoders)) as sandbox:
        await _prepare(sandbox, [*paths] * 2)  # each process has worked then
        begun, cpu = time.perf_counter(), cpu_seconds([os.getpid()])
        await _prepare(sandbox, [*paths] * TURNS)
        took, cpu = time.perf_counter() - begun, cpu_seconds([os.getpid()]) - cpu
        watching.cancel()
    count = TURNS * len(paths)
    worst, worst_of_ours = (1_000 * max(times) for times in zip(*late, strict=True))
    return Flow(per_second=count / took, cpu_ms=1_000 * cpu / count, late_ms=worst, blocked_ms=worst_of_ours)


async def _prepare(sandbox: Sandbox, paths: Sequence[str]) -> None:
    free = asyncio.Semaphore(IN_FLIGHT)

    async def prepare(path: str) -> None:
        async with free:
            prepared: Prepared = await decoded(
                sandbox, CAPTION.prepare, path, "", HOW, timeout_seconds=PATIENCE_SECONDS
            )
            assert prepared.clips[0].data

    await asyncio.gather(*map(prepare, paths))


async def _watch(late: list[tuple[float, float]]) -> None:
    """Note, tick by tick, by how many seconds the loop was late, and how many of them it did not wait for a core."""
    before, waited_before = time.perf_counter(), _waited_seconds()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        now, waited = time.perf_counter(), _waited_seconds()
        by = now - before - TICK_SECONDS
        late.append((by, max(0.0, by - (waited - waited_before))))
        before, waited_before = now, waited


def _waited_seconds() -> float:
    """How long this thread could have run and had no core; 0 where the system does not tell."""
    try:
        return int(SCHEDULED.read_text().split()[1]) / 1e9
    except FileNotFoundError:
        return 0.0


if __name__ == "__main__":
    sys.exit(main())
