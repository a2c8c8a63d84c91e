"""The shape of a kind of work.

A kind is a handful of plain functions: prepare the media (runs in a decoding process), ask about one clip, check one
answer, put the answers together. The worker that drives them knows nothing of pictures or recordings: a picture is a
job with one clip, a long recording a job with many.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gemini.abilities import generation_of
from gemini.question import Call, Question
from media.audio import Position, RecordingLimits
from media.image import PictureLimits
from media.sniff import Family
from models.failures import Failure, FailureCode, FailureError, failure
from tasks.languages import LANGUAGE_TAG


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaLimits:
    """What is accepted from outside, and in what size it is sent on."""

    picture: PictureLimits = field(default_factory=PictureLimits)
    recording: RecordingLimits = field(default_factory=RecordingLimits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """What is sent in one call: a picture, or a stretch of a recording. Either `data` or `path` holds the bytes."""

    index: int
    """0, 1, 2 … in the order of the item."""
    part: str = ""
    """Which part of that clip, where it had to be cut further: `a`, `b`, `ba` …; empty for all of it."""
    mime_type: str
    start_seconds: float = 0.0
    end_seconds: float = 0.0
    overlap_seconds: float = 0.0
    """How much of the clip before it this one repeats."""
    channel: int | None = None
    """Which channel of the recording it holds, from 1; None where it holds all of them."""
    sounds: tuple[tuple[float, float], ...] = ()
    """Where in the clip there is sound: from and to, in seconds from its start."""
    size_bytes: int = 0
    data: bytes | None = None
    more: tuple[bytes, ...] = ()
    """Further pictures of the same type that belong to `data`, in order: frames of an animation, pages of a TIFF."""
    path: str | None = None

    @property
    def key(self) -> str:
        """Its name within the job: `3`, `3a`."""
        return f"{self.index}{self.part}"

    @property
    def seconds(self) -> float:
        """How long it is; 0 for a picture."""
        return self.end_seconds - self.start_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """A media item made ready: its clips in order, and what was learnt about it."""

    clips: tuple[Clip, ...]
    facts: Mapping[str, Any]
    """JSON-ready: width and height of a picture; duration and channels of a recording; degraded."""
    rest: Position | None = None
    """Where the next portion begins; None where these are the last clips."""


class Options(BaseModel):
    """What a submitter may ask for; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Annotated[str, Field(pattern=LANGUAGE_TAG)] | None = None
    """BCP 47 tag of the language to answer in; the picture's or recording's own if not given."""
    prompt: Annotated[str, Field(max_length=8_000)] | None = None
    """Further instructions for Gemini, in plain words."""


_TAKES = {
    "language": "takes the code of a language, such as de or pt-BR",
    "translate_to": "takes the code of a language, such as de or pt-BR",
    "track": "takes the number of a sound track from 1, or the code of its language, such as de",
}
"""What is wrong with a value, in better words than those of the pattern that it does not fit."""

OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """How a media item is to be made ready."""

    limits: MediaLimits
    options: Options
    model: str
    """What is sent depends on what the model makes use of."""
    begin: Position | None = None
    """Where an earlier portion of a long recording ended; None is the beginning."""


Answer = Mapping[str, Any]
"""A checked answer of one clip, JSON-ready."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """An answer that may be wrong. It is asked for once more; where nothing better comes, it stands."""

    answer: Answer
    why: Failure


Verdict = Answer | Failure | Doubt
"""What a reply is worth: an answer, an answer in doubt, or nothing, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind(Generic[OptionsT]):
    """One kind of work."""

    name: str
    version: int
    """Rises when the same options ask a different question, so that stored answers of the old one are not used."""
    family: Family
    options: type[OptionsT]
    prepare: Callable[[str, str, Preparation], Prepared]
    """(path of the item, folder for clips, how) in a decoding process; importable by name. Raises FailureError."""
    ask: Callable[[Clip, OptionsT, str], Question]
    """The question about a clip for a model."""
    check: Callable[[Clip, Call, OptionsT], Verdict]
    """The answer in a good reply, or why it cannot be believed."""
    assemble: Callable[[Prepared, Mapping[str, Answer], Mapping[str, Failure], OptionsT], Mapping[str, Any]]
    """The job's output from the answers, and from the failures of the clips that stay without one; both by the clip's key."""
    split: Callable[[str, str, Preparation, Clip], tuple[Clip, ...]] | None = None
    """(path of a clip, folder, how, the clip): the clip cut in two, in a decoding process; none where it is too short."""
    check_model: Callable[[OptionsT, str], None] | None = None
    """Refuses options that this model cannot follow. Raises FailureError(invalid_options)."""


def read_options(kind: Kind[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """The options of a job. Raises FailureError(invalid_options) that names the field and what it may be."""
    try:
        return kind.options.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "options"
        known = ", ".join(sorted(kind.options.model_fields))
        words = f"option {name!r} of {kind.name}: {_TAKES.get(name, first['msg'])} (options: {known})"
        raise FailureError(failure(FailureCode.INVALID_OPTIONS, words, field=name)) from error


def hash_question(kind: Kind[Any], options: Options, *, model: str, media_sha256: str) -> str:
    """SHA-256 over everything that shapes a job's answer: kind, its version, options, model, bytes."""
    asked = options.model_dump(mode="json", exclude_defaults=True)  # an option that is new asks nothing new by itself
    parts = [kind.name, kind.version, asked, model, media_sha256]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def hash_clip(question_hash: str, clip: Clip, *, in_doubt: bool = False) -> str:
    """SHA-256 over the job's question and the clip's channel and bounds, to the millisecond.

    An answer in doubt has a hash of its own, so that it stands in the way of no better one.
    """
    channel = "" if clip.channel is None else f":{clip.channel}"
    bounds = f"{question_hash}:{clip.start_seconds:.3f}:{clip.end_seconds:.3f}{channel}{':doubt' * in_doubt}"
    return hashlib.sha256(bounds.encode()).hexdigest()


def thinking_level(model: str) -> str | None:
    """The least thinking that the model offers; describing what is seen and heard needs none, and thinking is billed.

    Only the generations that take `thinking_level` get one (gemini-2.5 takes a budget instead).
    """
    return "MINIMAL" if generation_of(model).thinking == "level" else None


def clean_text(text: str) -> str:
    """Without what no database stores and no reader wants: NUL, lone surrogates, spaces around."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode().strip()
