"""A resampler that is taken up in the middle gives the samples that it would have given."""

import random
from collections.abc import Iterator, Sequence

import av
import pytest
from av.audio.frame import AudioFrame

from media.audio import Checkpoint
from media.resample import Feed

LAYOUT = av.AudioLayout("mono")


def frames(rate: int, lengths: Sequence[int]) -> Iterator[AudioFrame]:
    chance = random.Random(rate)
    for length in lengths:
        frame = AudioFrame(format="s16", layout="mono", samples=length)
        frame.sample_rate = rate
        frame.planes[0].update(chance.randbytes(2 * length))
        yield frame


def taken(feed: Feed, some: Sequence[AudioFrame]) -> tuple[bytes, list[Checkpoint]]:
    out, checkpoints = b"", []
    for number, frame in enumerate(some):
        out += b"".join(feed.adopt(frame))
        checkpoints.append(feed.checkpoint(packets=number, kept=number, first_time=None))
        out += b"".join(feed.take(frame))
    return out + b"".join(feed.finish()), checkpoints


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_samples_are_the_same_from_the_first_one_that_is_promised(rate: int) -> None:
    lengths = [random.Random(rate).randrange(1, rate // 3) for _ in range(40)]
    whole, checkpoints = taken(Feed(layout=LAYOUT), list(frames(rate, lengths)))
    for number in (1, 7, 20):
        point = checkpoints[number]
        feed = Feed(layout=LAYOUT, base=point.base, fed=point.fed)
        rest, _ = taken(feed, list(frames(rate, lengths))[number:])
        first = feed.delivered - len(rest) // 2
        assert first <= point.from_sample
        assert rest[2 * (point.from_sample - first) :] == whole[2 * point.from_sample :]
        assert len(whole) // 2 == feed.delivered


def test_a_change_of_rate_starts_a_checkpoint_of_its_own() -> None:
    before, after = list(frames(44_100, [9_999] * 20)), list(frames(48_000, [9_999] * 20))
    whole, checkpoints = taken(Feed(layout=LAYOUT), before + after)
    point = checkpoints[20]
    assert (point.fed, point.from_sample) == (0, point.base)
    rest, _ = taken(Feed(layout=LAYOUT, base=point.base, fed=0), after)
    assert rest == whole[2 * point.base :]
