"""Recordings made by code: tones, silence, what is like speech; in any format, with any tracks."""

import array
import dataclasses
import functools
import itertools
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition

from media.audio import Recording, RecordingLimits, SoundWish, prepare_recording
from tests.unit.media.pictures import scene

Samples: TypeAlias = "array.array[int]"
"""16-bit samples."""

RATE = 16_000

SHORT = RecordingLimits(clip_seconds=10, search_seconds=4, overlap_seconds=2, gap_seconds=5)
"""So short that a minute of sound makes many clips."""

FORMATS: dict[str, tuple[str, str, int, str]] = {
    "wav": ("wav", "pcm_s16le", 44_100, "mono"),
    "wav at 16 kHz": ("wav", "pcm_s16le", 16_000, "mono"),
    "flac": ("flac", "flac", 44_100, "mono"),
    "mp3": ("mp3", "libmp3lame", 44_100, "mono"),
    "m4a": ("ipod", "aac", 44_100, "mono"),
    "opus in ogg": ("ogg", "libopus", 48_000, "mono"),
    "vorbis in ogg": ("ogg", "vorbis", 44_100, "stereo"),
    "opus in webm": ("webm", "libopus", 48_000, "mono"),
    "aac in matroska": ("matroska", "aac", 22_050, "mono"),
    "aac": ("adts", "aac", 48_000, "mono"),
    "amr": ("amr", "libopencore_amrnb", 8_000, "mono"),
    "wma": ("asf", "wmav2", 44_100, "stereo"),
    "mp2 in mpeg-ts": ("mpegts", "mp2", 48_000, "mono"),
}
"""Container, encoder, rate and layout, as FFmpeg names them."""


@functools.cache
def tone(seconds: float, *, amplitude: float = 0.3, hertz: float = 440, rate: int = RATE) -> Samples:
    """A sine, 16-bit."""
    step = 2 * math.pi * hertz / rate
    return array.array("h", (round(32_000 * amplitude * math.sin(step * n)) for n in range(round(seconds * rate))))


def silence(seconds: float, rate: int = RATE) -> Samples:
    """Nothing, 16-bit."""
    return array.array("h", bytes(2 * round(seconds * rate)))


def interleaved(*channels: Samples) -> Samples:
    """Several channels of equal length as one row of samples."""
    mixed = array.array("h", bytes(2 * len(channels) * len(channels[0])))
    for number, channel in enumerate(channels):
        mixed[number :: len(channels)] = channel
    return mixed


def write_sound(
    path: Path,
    samples: Samples,
    codec: str = "pcm_s16le",
    *,
    container_format: str | None = None,
    layout: str = "mono",
    rate: int = RATE,
    begin_seconds: float = 0.0,
    also: Callable[[av.container.OutputContainer], None] | None = None,
) -> Path:
    """Encode 16-bit samples; `also` may add a picture track, which is then written first."""
    channels = av.AudioLayout(layout).nb_channels
    with av.open(str(path), "w", format=container_format) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        if also:
            also(out)
        for at in range(0, len(samples), rate * channels):
            block = samples[at : at + rate * channels]
            frame = av.AudioFrame(format="s16", layout=layout, samples=len(block) // channels)
            frame.sample_rate, frame.pts = rate, at // channels + round(begin_seconds * rate)
            frame.planes[0].update(block.tobytes())
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def add_picture_track(out: av.container.OutputContainer) -> None:
    """A second of the scene of the pictures, as the first track."""
    stream = out.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
    picture = av.VideoFrame(96, 64, "rgb24")
    plane = picture.planes[0]
    rows = scene().tobytes()
    plane.update(b"".join(rows[at : at + 288].ljust(plane.line_size, b"\0") for at in range(0, len(rows), 288)))
    for number in range(25):
        frame = picture.reformat(format="yuv420p")
        frame.pts = number
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def heard(path: str | Path) -> Samples:
    """The samples of a mono recording, 16-bit."""
    samples = array.array("h")
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert (frame.sample_rate, frame.layout.nb_channels, frame.format.name) == (RATE, 1, "s16")
            samples.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
    return samples


def loudness(samples: Samples) -> float:
    """Root mean square, 0 to 32,768."""
    return math.sqrt(sum(value * value for value in samples) / max(1, len(samples)))


def speech(seconds: float, *, rate: int = RATE, seed: int = 1, amplitude: float = 0.3, pauses: float = 0.4) -> Samples:
    """A buzz in bursts as long as words and sentences, with pauses between them; reproducible.

    No noise: some codecs keep but its loudness and draw it anew.
    """
    chance = random.Random(seed)
    voices = [buzz(1, rate=rate, amplitude=amplitude, hertz=hertz) for hertz in (110, 170, 230)]
    samples = array.array("h")
    while len(samples) < seconds * rate:
        for _ in range(math.ceil(chance.uniform(0.5, 6))):
            samples.extend(chance.choice(voices)[: round(chance.uniform(0.1, 1) * rate)])
        samples.extend(silence(chance.uniform(0.1, 2 * pauses), rate))
    return samples[: round(seconds * rate)]


@functools.cache
def buzz(seconds: float, *, rate: int = RATE, amplitude: float = 0.3, hertz: float = 110) -> Samples:
    """A tone with overtones, as a voice has."""
    steps = [2 * math.pi * hertz * overtone / rate for overtone in (1, 3, 7)]
    scale = 32_000 * amplitude / len(steps)
    return array.array(
        "h", (round(scale * sum(math.sin(step * n) for step in steps)) for n in range(round(seconds * rate)))
    )


def noise(seconds: float, *, dbfs: float, rate: int = RATE, seed: int = 1) -> Samples:
    """White noise of that loudness."""
    chance = random.Random(seed)
    scale = 32_768 * 10 ** (dbfs / 20)
    second = [chance.gauss(0, scale) for _ in range(rate)]
    return array.array("h", (round(second[(n * 7) % rate]) for n in range(round(seconds * rate))))


@dataclass(frozen=True, kw_only=True)
class SoundTrack:
    """What one sound track of a file is made from."""

    samples: Samples
    codec: str
    rate: int = RATE
    layout: str = "mono"
    language: str | None = None
    disposition: Disposition = Disposition(0)  # noqa: RUF009 - a flag is a value


def write_tracks(path: Path, container: str, *tracks: SoundTrack, options: Mapping[str, str] | None = None) -> Path:
    """A file with these sound tracks, one second of each after the other."""
    with av.open(str(path), "w", format=container, container_options=dict(options or {})) as out:
        streams = [_stream(out, track) for track in tracks]
        for second in range(max(_seconds(track) for track in tracks)):
            for stream, track in zip(streams, tracks, strict=True):
                if second < _seconds(track):
                    out.mux(stream.encode(_frame(track, second)))
        for stream in streams:
            out.mux(stream.encode(None))
    return path


def _seconds(track: SoundTrack) -> int:
    return math.ceil(len(track.samples) / (track.rate * av.AudioLayout(track.layout).nb_channels))


def _stream(out: OutputContainer, track: SoundTrack) -> AudioStream:
    stream = out.add_stream(
        track.codec, rate=track.rate, layout=track.layout, options=dict(ENCODERS.get(track.codec, {}))
    )
    assert isinstance(stream, AudioStream)
    if track.language:
        stream.metadata["language"] = track.language
    stream.disposition = track.disposition
    return stream


def _frame(track: SoundTrack, second: int) -> av.AudioFrame:
    channels = av.AudioLayout(track.layout).nb_channels
    block = track.samples[second * track.rate * channels : (second + 1) * track.rate * channels]
    frame = av.AudioFrame(format="s16", layout=track.layout, samples=len(block) // channels)
    frame.sample_rate, frame.pts = track.rate, second * track.rate
    frame.planes[0].update(block.tobytes())
    return frame


ENCODERS: Mapping[str, Mapping[str, str]] = {
    "vorbis": {"strict": "-2"},
    "wmav2": {"b": "96000"},
    "libmp3lame": {"b": "64000"},
}
"""What encoders must be told."""


def made(folder: Path, name: str, samples: "Samples | None" = None) -> Path:
    """A recording in the format of that name, of mono samples at its rate."""
    container, codec, rate, layout = FORMATS[name]
    sound = speech(30, rate=rate) if samples is None else samples
    if layout == "stereo":
        sound = interleaved(sound, sound)
    track = SoundTrack(samples=sound, codec=codec, rate=rate, layout=layout)
    return write_tracks(folder / f"{name}.bin", container, track)


def portions(path: Path, limits: RecordingLimits, wish: SoundWish, sizes: Callable[[], int]) -> list[Recording]:
    """All portions of a recording, each of so many bytes as `sizes` says."""
    folder = path.parent / "portions"
    folder.mkdir(exist_ok=True)
    found: list[Recording] = []
    begin = None
    for _ in itertools.count():
        limited = dataclasses.replace(limits, portion_bytes=sizes())
        found.append(prepare_recording(str(path), str(folder), limited, wish, begin))
        begin = found[-1].rest
        if begin is None:
            return found
    raise AssertionError
