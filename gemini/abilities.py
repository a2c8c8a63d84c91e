"""What a model takes and makes use of, by the dated table `abilities.toml`: pictures, sound, thinking, transcription, tiers.

A model that no row names is taken for one of the newest generation there is: names move faster than programs.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from models.tier import ServiceTier


class Detail(StrEnum):
    """How closely a picture is looked at; more costs more tokens."""

    LOW = "low"
    """What is to be seen, in broad strokes."""
    MEDIUM = "medium"
    """A good caption, and lettering of ordinary size."""
    HIGH = "high"
    """Small print."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureAbility:
    """How a generation looks at a picture at one level of detail."""

    resolution: str
    """`generationConfig.mediaResolution`."""
    tokens: int
    """What the picture costs, at most."""
    max_pixels: int
    """Width times height that the tokens can see; more is thrown away there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioAbility:
    """What a second of sound counts; Google's pages do not agree, so the truth lies between the two."""

    least_tokens: float
    most_tokens: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """What the models of one generation have in common."""

    prefix: str
    source: str
    thinking: str
    """`level` or `budget`: which of the two ways to ask for less thinking it takes."""
    audio: AudioAbility
    picture: Mapping[Detail, PictureAbility]
    tiers: frozenset[ServiceTier]
    """In which it can be asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcriber:
    """A model made for transcription, and what one call to it may hold."""

    model: str
    source: str
    audio: AudioAbility
    max_seconds: float
    max_seconds_with_times: float
    """With speakers or with word times."""
    max_speakers: int
    max_vocabulary: int
    best_vocabulary: int
    """More terms than these, and it hears them where they are not."""
    vocabulary_with_times: bool
    """May a vocabulary be given together with speakers or word times? Where not, the request is refused."""
    tiers: frozenset[ServiceTier]
    """In which it can be asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Abilities:
    """The whole table."""

    generations: tuple[Generation, ...]
    """Oldest first."""
    transcribers: Mapping[str, Transcriber]


@cache
def abilities() -> Abilities:
    """The table, read once a process."""
    table = tomllib.loads(Path(__file__).with_name("abilities.toml").read_text("utf-8"))
    return Abilities(
        generations=tuple(_generation(row) for row in table["generation"]),
        transcribers={
            row["model"]: Transcriber(**{**row, "audio": AudioAbility(**row["audio"]), "tiers": _tiers(row)})
            for row in table["transcriber"]
        },
    )


def generation_of(model: str) -> Generation:
    """The generation that the model's name begins with; the newest for a name that is not known."""
    known = abilities().generations
    return next((row for row in known if model.removeprefix("models/").startswith(row.prefix)), known[-1])


def picture_ability(model: str, detail: Detail) -> PictureAbility:
    """How the model looks at a picture at this level of detail."""
    return generation_of(model).picture[detail]


def audio_ability(model: str) -> AudioAbility:
    """What a second of sound counts with this model."""
    return (transcriber(model) or generation_of(model)).audio


def tiers_of(model: str) -> frozenset[ServiceTier]:
    """The service tiers in which the model can be asked."""
    return (transcriber(model) or generation_of(model)).tiers


def transcriber(model: str) -> Transcriber | None:
    """The model as a dedicated transcriber; None where it is a general model."""
    return abilities().transcribers.get(model.removeprefix("models/"))


def _generation(row: Mapping[str, object]) -> Generation:
    pictures, audio = row["picture"], row["audio"]
    assert isinstance(pictures, Mapping)
    assert isinstance(audio, Mapping)
    return Generation(
        prefix=str(row["prefix"]),
        source=str(row["source"]),
        thinking=str(row["thinking"]),
        audio=AudioAbility(**audio),
        picture={detail: PictureAbility(**pictures[detail]) for detail in Detail},
        tiers=_tiers(row),
    )


def _tiers(row: Mapping[str, object]) -> frozenset[ServiceTier]:
    named = row["tiers"]
    assert isinstance(named, list)
    return frozenset(map(ServiceTier, named))
