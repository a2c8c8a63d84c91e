"""What is asked of Gemini and what comes back: plain values, no I/O.

A `Question` is one request, a `Call` is the outcome of one request, good or bad. A call is a value and never an
exception, so that what was paid for is always at hand to be stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.failures import Failure
from models.tier import ServiceTier


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """One picture or clip that goes inside the request: its bytes, or the file that holds them and is read when sent."""

    mime_type: str
    data: bytes | None = field(default=None, repr=False)
    path: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless exactly one of `data` and `path` is given."""
        if (self.data is None) == (self.path is None):
            raise ValueError("an attachment has either data or a path")


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcription:
    """What is asked of a model made for transcription, which takes no instructions in words."""

    language_codes: tuple[str, ...] = ()
    """BCP 47 tags of the languages that may be spoken; empty lets the model find out."""
    vocabulary: tuple[str, ...] = ()
    """Names and terms to listen for."""
    words: bool = False
    """Tell when each word is spoken."""
    speakers: bool = False
    """Tell who speaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One request: attachments first, then the prompt, answered as JSON of a given shape.

    With a `transcription` it is one for a model made for that: the attachment alone is sent, and what belongs to a
    prompt (`system`, `prompt`, `answer_schema`, `temperature`, `max_output_tokens`, `thinking_level`,
    `media_resolution`) is left out.
    """

    model: str
    system: str = ""
    prompt: str = ""
    attachments: tuple[Attachment, ...] = ()
    answer_schema: Mapping[str, object] = field(default_factory=dict)
    """JSON schema that the answer must follow."""
    transcription: Transcription | None = None
    """The answer comes as `Call.heard`; None asks a general model, which answers with `Call.text`."""
    temperature: float = 0.0
    max_output_tokens: int = 8_192
    """Limit for thinking and answer together."""
    thinking_level: str | None = None
    """`minimal`, `low`, `medium`, `high`; None leaves it to the model."""
    media_resolution: str | None = None
    """`MEDIA_RESOLUTION_LOW` and so on; None leaves it to the model."""
    seed: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Shown in Google's billing: at most 63 characters of `[a-z0-9_-]` each."""
    tier: ServiceTier = ServiceTier.STANDARD
    timeout_seconds: float = 120.0
    """How long we wait for the whole call, from first byte out to last byte in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """The tokens of one call, as `usageMetadata` reports them; the base of every price."""

    input_tokens: int = 0
    """`promptTokenCount`; includes the cached tokens."""
    output_tokens: int = 0
    """`candidatesTokenCount`; excludes the thinking."""
    thinking_tokens: int = 0
    """`thoughtsTokenCount`; billed like output."""
    cached_tokens: int = 0
    """`cachedContentTokenCount`; the part of the input that is billed at the cache price."""
    tool_tokens: int = 0
    """`toolUsePromptTokenCount`; billed like input."""
    input_by_modality: Mapping[str, int] = field(default_factory=dict)
    """Input tokens by `TEXT`, `IMAGE`, `AUDIO`, `VIDEO`, `DOCUMENT`; empty where Gemini gave no breakdown."""
    cached_by_modality: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardWord:
    """A word and when it was spoken, in seconds from the start of the clip; None where the model gave no time."""

    word: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardPart:
    """A stretch of speech as a model made for transcription heard it; what it did not tell is None or empty."""

    text: str
    language: str | None = None
    """BCP 47 tag."""
    speaker: str | None = None
    """A label that holds within this call: `spk_1`."""
    start: float | None = None
    """Seconds from the start of the clip, as the model says; neither ordered nor within the clip for sure."""
    end: float | None = None
    words: tuple[HeardWord, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The outcome of one request. A `failure`, or else a complete answer: `text`, or `heard` of a transcription."""

    model: str
    """The name that was asked for."""
    model_version: str | None = None
    """The model that answered; it can differ, and then its price applies."""
    text: str | None = None
    """The answer; kept with a failure too, where part of one came."""
    heard: tuple[HeardPart, ...] | None = None
    """The answer of a model made for transcription, in its order; empty where nothing was said; kept with a failure too."""
    failure: Failure | None = None
    usage: Usage | None = None
    http_status: int | None = None
    """None where no HTTP answer came."""
    finish_reason: str | None = None
    response_id: str | None = None
    duration_seconds: float = 0.0
    answered: bool = False
    """A billable reply came: Gemini itself answered with HTTP 200, be it with a refusal."""
