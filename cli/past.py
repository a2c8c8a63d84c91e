"""What one call takes: by the latest stored answers where there are enough of them, else by assumption.

Sound is counted by the second; a caption, what is thought, and the words of the prompt by the call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import TypeVar

from gemini.abilities import audio_ability
from models.database import Database
from models.store.past import PastCall, past_calls
from worker.settings import Settings

Read = TypeVar("Read")

LATEST = 500
LEAST = 10
"""Past answers of a kind and model below which they say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A figure of one call: nine in ten are above `low`, nine in ten below `high`."""

    low: float
    expected: float
    high: float

    def ends(self) -> tuple[float, float, float]:
        """Low, expected, high."""
        return self.low, self.expected, self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Habit:
    """What the calls of one kind take."""

    text_tokens: Spread
    """Input beside the media."""
    output_tokens: Spread
    """A call; of sound, a second."""
    thinking_tokens: Spread
    answers: int = 0
    """Past answers that say so; 0 is an assumption."""


_NOTHING = Spread(low=0, expected=0, high=0)
_PROMPT = Spread(low=200, expected=250, high=500)

ASSUMED = {
    "caption": Habit(
        text_tokens=_PROMPT, output_tokens=Spread(low=75, expected=150, high=300), thinking_tokens=_NOTHING
    ),
    "transcribe": Habit(text_tokens=_PROMPT, output_tokens=Spread(low=2, expected=6, high=9), thinking_tokens=_NOTHING),
}
"""Six tokens a second: two and a half words, each with its share of times, names and brackets."""


def habits(settings: Settings, *, model: str) -> dict[str, Habit]:
    """The habit of each kind. Reads the database if there is one that answers, and never makes one."""
    per_second = {"caption": None, "transcribe": audio_ability(model).most_tokens}
    return {
        kind: _habit(calls, per_second=per_second[kind]) or ASSUMED[kind]
        for kind, calls in _past(settings, model).items()
    }


def paced_by_lane(settings: Settings, *, model: str) -> Settings:
    """The settings, with the limits that the model's lane has of its own in place of theirs."""
    from models.store.lanes import LIMITS, standings

    found = [row for row in read_known(settings, standings) or () if row.name == model]
    own = {
        name: getattr(row, limit) for row in found for name, limit in zip(("rpm", "tpm", "rpd"), LIMITS, strict=True)
    }
    return settings.model_copy(update={name: limit for name, limit in own.items() if limit is not None})


def _past(settings: Settings, model: str) -> dict[str, list[PastCall]]:
    def read(database: Database) -> dict[str, list[PastCall]]:
        return {kind: past_calls(database, kind=kind, model=model, limit=LATEST) for kind in ASSUMED}

    return read_known(settings, read) or {kind: [] for kind in ASSUMED}


def read_known(settings: Settings, read: Callable[[Database], Read]) -> Read | None:
    """What can be read from the database, if there is one that answers and has our tables; none is ever made."""
    import migrations
    from models.database import DatabaseUnavailableError, DatabaseUrlError, open_database, sqlite_path

    try:
        url = settings.resolved_database_url()
        path = sqlite_path(url)
        if path is not None and not path.exists():
            return None
        database = open_database(url, pool_size=1)
        try:
            return read(database) if migrations.stored_revision(database) == migrations.newest_revision() else None
        finally:
            database.close()
    except (DatabaseUnavailableError, DatabaseUrlError):
        return None


def _habit(calls: Sequence[PastCall], *, per_second: float | None) -> Habit | None:
    """What these calls were like; None where they are too few to tell. `per_second`: tokens of a second of sound."""
    told = calls if per_second is None else [call for call in calls if call.sound_tokens]
    if len(told) < LEAST:
        return None
    return Habit(
        text_tokens=_spread([call.text_tokens for call in told]),
        output_tokens=_output(told) if per_second is None else _output_a_second(told, per_second),
        thinking_tokens=_spread([call.thinking_tokens for call in told]),
        answers=len(told),
    )


def _output(calls: Sequence[PastCall]) -> Spread:
    return _spread([call.output_tokens for call in calls])


def _output_a_second(calls: Sequence[PastCall], per_second: float) -> Spread:
    """Long clips weigh more than short ones in the expected figure, as they do in the sum."""
    each = _spread([call.output_tokens / call.sound_tokens * per_second for call in calls])
    mean = sum(call.output_tokens for call in calls) / sum(call.sound_tokens for call in calls) * per_second
    return Spread(low=min(each.low, mean), expected=mean, high=max(each.high, mean))


def _spread(figures: Sequence[float]) -> Spread:
    """The mean between the first and the last tenth."""
    tenths, mean = quantiles(figures, n=10, method="inclusive"), fmean(figures)
    return Spread(low=min(tenths[0], mean), expected=mean, high=max(tenths[-1], mean))
