"""What the limits make of a run: how long it takes at least, and which of them decides."""

from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from worker.settings import Settings

MONTHLY_CAPS_USD = {"Tier 1": Decimal(250), "Tier 2": Decimal(2_000)}
"""What Google lets a project of that tier spend in a month (https://ai.google.dev/gemini-api/docs/rate-limits)."""
_DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """The least time of a run, by the limit that decides."""

    limit: str
    """The setting: `rpm`, `tpm` or `rpd`."""
    seconds: float
    words: str


def least_time(calls: int, input_tokens: int, settings: Settings) -> Pace | None:
    """The least time by the limits that are set; None where none is."""
    paces = []
    if settings.rpm is not None:
        seconds = calls / settings.rpm * 60
        words = f"at least {_time_words(seconds)} ({settings.rpm:,} requests a minute)"
        paces.append(Pace(limit="rpm", seconds=seconds, words=words))
    if settings.tpm is not None:
        seconds = input_tokens / settings.tpm * 60
        words = f"at least {_time_words(seconds)} ({settings.tpm:,} input tokens a minute)"
        paces.append(Pace(limit="tpm", seconds=seconds, words=words))
    if settings.rpd is not None and (days := ceil(calls / settings.rpd)) > 1:
        words = f"{days:,} days ({settings.rpd:,} requests a day)"
        paces.append(Pace(limit="rpd", seconds=(days - 1) * _DAY_SECONDS, words=words))
    return max(paces, key=lambda pace: pace.seconds, default=None)


def passed_caps(cost_usd: Decimal) -> list[str]:
    """A line for each of Google's monthly caps that so much would pass."""
    return [
        f"may pass ${cap:,} a month, at which Google stops projects of {tier}"
        for tier, cap in MONTHLY_CAPS_USD.items()
        if cost_usd > cap
    ]


def _time_words(seconds: float) -> str:
    """Such as `2 h 10 min`, `3 min` or `less than a minute`."""
    minutes = ceil(seconds / 60)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return "less than a minute"
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours:,} h" if hours else "", f"{rest} min" if rest else "") if part)
