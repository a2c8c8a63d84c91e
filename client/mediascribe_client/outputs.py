"""What jobs yield, as types; and what all that the server tells has in common."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Anything that the server tells."""

    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class CaptionOutput(Shape):
    """What a picture shows."""

    caption: str
    alt_text: str
    tags: list[str] = []
    text: str = ""
    """The words written in the picture."""
    language: str | None = None
    width: int | None = None
    height: int | None = None
    degraded: bool = False
    animated: bool = False
    frames: int = 1


class Word(Shape):
    """A word and its time, in seconds from the beginning of the recording."""

    start: float
    end: float
    word: str


class Segment(Shape):
    """A line of a transcript; times in seconds from the beginning of the recording."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    timing: str | None = None
    words: list[Word] | None = None


class Missing(Shape):
    """A stretch that failed for good."""

    start: float
    end: float
    code: str


class TranscriptOutput(Shape):
    """What was said."""

    text: str
    segments: list[Segment] = []
    language: str | None = None
    duration: float | None = None
    """In seconds."""
    no_speech: bool = False
    missing: list[Missing] = []
    channels: int | None = None
    track: int | None = None
    tracks: int | None = None
    degraded: bool = False
