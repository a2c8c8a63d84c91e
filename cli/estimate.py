"""What a run would come to, before anything is called: files, seconds, tokens, dollars. All of it is an estimate.

Tokens: of pictures and of sound by the table of what models make use of (`gemini.abilities`); what the prompt and the
answers need is from our own questions. Seconds are those that the files' headers say, read in decoding processes, since
headers come from outside too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil
from typing import Any

from cli.files import MediaFile
from cli.progress import clock_words
from gemini.abilities import Detail, audio_ability, picture_ability
from gemini.prices import cost_usd
from gemini.question import Usage
from media.sandbox import Sandbox, SandboxLimits
from models.failures import FailureError
from worker.settings import Settings
from worker.shapes import usd, usd_words

PROMPT_TOKENS = 250
CAPTION_TOKENS = 150
TRANSCRIPT_TOKENS_PER_SECOND = 6
"""Two and a half words a second, each with its share of times, names and brackets."""
PROBE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run would come to."""

    by_kind: Mapping[str, int]
    size_bytes: int
    sound_seconds: float
    unknown_length: int
    """Recordings whose length their headers do not tell; they are not in the sums."""
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    """None where nobody knows the model's price."""
    model: str


def estimate(media: Sequence[MediaFile], settings: Settings, *, model: str, detail: Detail = Detail.MEDIUM) -> Estimate:
    """The estimate for these files. Nothing leaves the machine and nothing is stored."""
    by_kind = Counter(file.kind for file in media)
    lengths = _lengths([file.path for file in media if file.kind == "transcribe"], settings)
    known = [seconds for seconds in lengths if seconds is not None]
    usage, calls = expected_usage(
        by_kind["caption"], known, clip_seconds=settings.clip_seconds, model=model, detail=detail
    )
    return Estimate(
        by_kind=dict(by_kind),
        size_bytes=sum(file.size_bytes for file in media),
        sound_seconds=sum(known),
        unknown_length=len(lengths) - len(known),
        calls=calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=cost_usd(model, usage, datetime.now(UTC).date()),
        model=model,
    )


def expected_usage(
    pictures: int, lengths: Sequence[float], *, clip_seconds: float, model: str, detail: Detail = Detail.MEDIUM
) -> tuple[Usage, int]:
    """Tokens and calls of so many pictures and of recordings of these lengths, in seconds."""
    clips = sum(max(1, ceil(seconds / clip_seconds)) for seconds in lengths)
    calls, sound = pictures + clips, sum(lengths)
    image = pictures * picture_ability(model, detail).tokens
    audio, text = round(sound * audio_ability(model).most_tokens), calls * PROMPT_TOKENS
    usage = Usage(
        input_tokens=image + audio + text,
        output_tokens=pictures * CAPTION_TOKENS + round(sound * TRANSCRIPT_TOKENS_PER_SECOND),
        input_by_modality={"IMAGE": image, "AUDIO": audio, "TEXT": text},
    )
    return usage, calls


def said_seconds(path: str) -> float | None:
    """The length that a recording's header tells. Belongs into a decoding process. Raises FailureError."""
    from media.tracks import open_track

    track = open_track(path)
    with closing(track.container):
        return track.said_seconds


def _lengths(paths: Sequence[str], settings: Settings) -> list[float | None]:
    if not paths:
        return []
    sandbox = Sandbox(settings.decoder_processes, SandboxLimits(max_memory_bytes=settings.decoder_memory_bytes))
    try:
        return [
            _seconds_or_none(future)
            for future in [sandbox.submit(said_seconds, path, timeout_seconds=PROBE_SECONDS) for path in paths]
        ]
    finally:
        sandbox.close(kill=True)


def _seconds_or_none(future: Future[Any]) -> float | None:
    try:
        seconds: float | None = future.result()
    except FailureError:
        return None
    return seconds


def estimate_shape(estimated: Estimate) -> dict[str, Any]:
    """The estimate as JSON."""
    return {
        "by_kind": dict(estimated.by_kind),
        "size_bytes": estimated.size_bytes,
        "sound_seconds": round(estimated.sound_seconds, 3),
        "unknown_length": estimated.unknown_length,
        "model": estimated.model,
        "calls": estimated.calls,
        "input_tokens": estimated.input_tokens,
        "output_tokens": estimated.output_tokens,
        "cost_usd": None if estimated.cost_usd is None else usd(estimated.cost_usd),
    }


def estimate_lines(estimated: Estimate) -> list[str]:
    """The estimate for a person."""
    cost = "unknown: no price is known" if estimated.cost_usd is None else f"about {usd_words(estimated.cost_usd)}"
    pictures, recordings = estimated.by_kind.get("caption", 0), estimated.by_kind.get("transcribe", 0)
    assumed = f"assumed: {CAPTION_TOKENS} a caption, {TRANSCRIPT_TOKENS_PER_SECOND} a second of speech"
    lines = [
        f"files   {pictures:,} pictures, {recordings:,} recordings ({estimated.size_bytes / 1e6:,.1f} MB)",
        f"sound   {clock_words(estimated.sound_seconds)} ({estimated.sound_seconds:,.0f} s)",
        f"calls   {estimated.calls:,} to {estimated.model}",
        f"tokens  about {estimated.input_tokens:,} input, {estimated.output_tokens:,} output ({assumed})",
        f"cost    {cost}; what was answered before costs nothing",
    ]
    if estimated.unknown_length:
        lines.append(f"        {estimated.unknown_length} recordings do not tell their length and are not counted")
    return lines
