"""What a run would come to, before anything is called: files, seconds, tokens, dollars, time. All of it is an estimate.

Tokens of pictures and of sound are by the table of what models make use of (`gemini.abilities`); what the prompts and the
answers need is by past answers (`cli.past`), with a range: as little as the leanest tenth of them on each call, as much as
the fullest. Seconds are those that the files' headers say, read in decoding processes, since headers come from outside too.
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

from cli.answered import ToAsk
from cli.files import MediaFile
from cli.pace import Pace, least_time, passed_caps
from cli.past import Habit, habits, paced_by_lane
from cli.progress import clock_words
from gemini.abilities import Detail, audio_ability, picture_ability
from gemini.price_files import load_prices
from gemini.prices import PriceTable, cost_usd
from gemini.question import Usage
from media.sandbox import Sandbox, SandboxLimits
from models.failures import FailureError
from models.tier import ServiceTier
from worker.settings import Settings
from worker.shapes import usd, usd_words

PROBE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What the files of one kind would take: the calls, and the tokens of all of them."""

    calls: int
    low: Usage
    expected: Usage
    high: Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Tokens and money at one end of the estimate, or between."""

    input_tokens: int
    output_tokens: int
    thinking_tokens: int
    cost_usd: Decimal | None
    """None where nobody knows the model's price."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run would come to."""

    by_kind: Mapping[str, int]
    size_bytes: int
    sound_seconds: float
    unknown_length: int
    """Recordings to be asked about whose length their headers do not tell; they are not in the sums."""
    calls: int
    low: Range
    expected: Range
    high: Range
    answers: Mapping[str, int]
    """Past answers that each kind's figures are from; 0 is an assumption."""
    pace: Pace | None
    model: str
    tier: ServiceTier
    answered: int
    """Files whose answer is stored."""
    alike: int
    """Files that are equal to another one and take its answer."""


def estimate(
    media: Sequence[MediaFile],
    settings: Settings,
    *,
    model: str,
    tier: ServiceTier = ServiceTier.STANDARD,
    detail: Detail = Detail.MEDIUM,
    asked: ToAsk | None = None,
) -> Estimate:
    """The estimate for these files, of which `asked` are to be asked about (else all of them).

    Nothing leaves the machine and nothing is stored. Raises PriceFileError.
    """
    asked = asked or ToAsk(media=tuple(media))
    prices = load_prices(settings.prices_file)
    by_kind = Counter(file.kind for file in media)
    lengths = _lengths([file.path for file in asked.media if file.kind == "transcribe"], settings)
    known = [seconds for seconds in lengths if seconds is not None]
    habit = habits(settings, model=model)
    pictures = sum(file.kind == "caption" for file in asked.media)
    shares = expected_shares(
        pictures, known, clip_seconds=settings.clip_seconds, model=model, detail=detail, habit=habit
    )
    calls = sum(share.calls for share in shares)
    low, expected, high = (_range(prices, model, tier, shares, end) for end in ("low", "expected", "high"))
    return Estimate(
        by_kind=dict(by_kind),
        size_bytes=sum(file.size_bytes for file in media),
        sound_seconds=sum(known),
        unknown_length=len(lengths) - len(known),
        calls=calls,
        low=low,
        expected=expected,
        high=high,
        answers={kind: habit[kind].answers for kind in by_kind},
        pace=None
        if tier is ServiceTier.ECONOMY
        else least_time(calls, expected.input_tokens, paced_by_lane(settings, model=model)),
        model=model,
        tier=tier,
        answered=asked.answered,
        alike=asked.alike,
    )


def expected_shares(
    pictures: int, lengths: Sequence[float], *, clip_seconds: float, model: str, habit: Mapping[str, Habit],
    detail: Detail = Detail.MEDIUM,
) -> list[Share]:  # fmt: skip
    """What so many pictures and recordings of these lengths, in seconds, would take."""
    clips, sound = sum(max(1, ceil(seconds / clip_seconds)) for seconds in lengths), sum(lengths)
    image, audio = pictures * picture_ability(model, detail).tokens, round(sound * audio_ability(model).most_tokens)
    return [
        _share(habit["caption"], calls=pictures, units=pictures, media={"IMAGE": image}),
        _share(habit["transcribe"], calls=clips, units=sound, media={"AUDIO": audio}),
    ]


def _share(habit: Habit, *, calls: int, units: float, media: Mapping[str, int]) -> Share:
    """`units`: what the output is counted by, pictures or seconds."""
    figures = zip(habit.text_tokens.ends(), habit.output_tokens.ends(), habit.thinking_tokens.ends(), strict=True)
    low, expected, high = (
        Usage(
            input_tokens=sum(media.values()) + round(calls * text),
            output_tokens=round(units * output),
            thinking_tokens=round(calls * thinking),
            input_by_modality={**media, "TEXT": round(calls * text)},
        )
        for text, output, thinking in figures
    )
    return Share(calls=calls, low=low, expected=expected, high=high)


def _range(prices: PriceTable, model: str, tier: ServiceTier, shares: Sequence[Share], end: str) -> Range:
    usages: list[tuple[int, Usage]] = [(share.calls, getattr(share, end)) for share in shares if share.calls]
    today = datetime.now(UTC).date()
    costs = [
        cost_usd(prices, model, used, today, tier, prompt_tokens=used.input_tokens // calls) for calls, used in usages
    ]
    known = [cost for cost in costs if cost is not None]
    is_known = prices.knows(model, today, tier) and len(known) == len(costs)
    return Range(
        input_tokens=sum(used.input_tokens for _, used in usages),
        output_tokens=sum(used.output_tokens for _, used in usages),
        thinking_tokens=sum(used.thinking_tokens for _, used in usages),
        cost_usd=sum(known, Decimal(0)) if is_known else None,
    )


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
    low, expected, high = estimated.low, estimated.expected, estimated.high
    return {
        "by_kind": dict(estimated.by_kind),
        "size_bytes": estimated.size_bytes,
        "sound_seconds": round(estimated.sound_seconds, 3),
        "unknown_length": estimated.unknown_length,
        "already_answered": estimated.answered,
        "alike": estimated.alike,
        "model": estimated.model,
        "service_tier": str(estimated.tier),
        "calls": estimated.calls,
        "input_tokens": expected.input_tokens,
        "input_tokens_low": low.input_tokens,
        "input_tokens_high": high.input_tokens,
        "output_tokens": expected.output_tokens,
        "output_tokens_low": low.output_tokens,
        "output_tokens_high": high.output_tokens,
        "thinking_tokens": expected.thinking_tokens,
        "thinking_tokens_low": low.thinking_tokens,
        "thinking_tokens_high": high.thinking_tokens,
        "cost_usd": _usd_or_none(expected.cost_usd),
        "cost_usd_low": _usd_or_none(low.cost_usd),
        "cost_usd_high": _usd_or_none(high.cost_usd),
        "past_answers": dict(estimated.answers),
        "at_least_seconds": None if estimated.pace is None else round(estimated.pace.seconds, 3),
        "limited_by": None if estimated.pace is None else estimated.pace.limit,
    }


def _usd_or_none(amount: Decimal | None) -> str | None:
    return None if amount is None else usd(amount)


def estimate_lines(estimated: Estimate) -> list[str]:
    """The estimate for a person."""
    low, expected, high = estimated.low, estimated.expected, estimated.high
    pictures, recordings = estimated.by_kind.get("caption", 0), estimated.by_kind.get("transcribe", 0)
    output = f"{_out(expected):,} output ({_out(low):,} to {_out(high):,}; {_base_words(estimated.answers)})"
    lines = [
        f"files   {pictures:,} pictures, {recordings:,} recordings ({estimated.size_bytes / 1e6:,.1f} MB)",
        *_free_words(estimated),
        f"sound   {clock_words(estimated.sound_seconds)} ({estimated.sound_seconds:,.0f} s)",
        f"calls   {estimated.calls:,} to {estimated.model}{_tier_words(estimated.tier)}",
        f"tokens  about {expected.input_tokens:,} input, {output}",
        f"cost    {_cost_words(estimated)}",
    ]
    lines += [f"        {line}" for line in passed_caps(high.cost_usd or Decimal(0))]
    if estimated.tier is ServiceTier.ECONOMY:
        lines.append("time    up to a day: the questions go to Gemini in batches")
    if estimated.pace:
        lines.append(f"time    {estimated.pace.words}")
    if estimated.unknown_length:
        lines.append(f"        {estimated.unknown_length} recordings do not tell their length and are not counted")
    return lines


def _free_words(estimated: Estimate) -> list[str]:
    """What is among the files and not among the calls."""
    answered, alike = estimated.answered, estimated.alike
    return [
        *([f"        {answered:,} are answered already and cost nothing"] if answered else []),
        *([f"        {alike:,} are equal to others of them and are paid for once"] if alike else []),
    ]


def _tier_words(tier: ServiceTier) -> str:
    return "" if tier is ServiceTier.STANDARD else f", {tier}"


def _out(figures: Range) -> int:
    return figures.output_tokens + figures.thinking_tokens


def _base_words(answers: Mapping[str, int]) -> str:
    """What the figures are from."""
    told = " and ".join(f"{count:,} {kind}" for kind, count in sorted(answers.items()) if count)
    assumed = "" if all(answers.values()) else "assumed"
    return " else ".join(part for part in (f"by the last {told} answers" if told else "", assumed) if part)


def _cost_words(estimated: Estimate) -> str:
    low, expected, high = (part.cost_usd for part in (estimated.low, estimated.expected, estimated.high))
    if low is None or expected is None or high is None:
        return "unknown: no price is known"
    return f"about {usd_words(expected)} ({usd_words(low)} to {usd_words(high)})"
