"""What is asked of Gemini and what comes back: plain values, no I/O.

A `Question` is one request, a `Call` is the outcome of one request, good or bad. A call is a value and never an
exception, so that what was paid for is always at hand to be stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from models.failures import Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """One picture or clip that goes inside the request."""

    data: bytes = field(repr=False)
    mime_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One request: attachments first, then the prompt, answered as JSON of a given shape."""

    model: str
    system: str
    prompt: str
    attachments: tuple[Attachment, ...] = ()
    answer_schema: Mapping[str, object]
    """JSON schema that the answer must follow."""
    temperature: float = 0.0
    max_output_tokens: int
    """Limit for thinking and answer together."""
    thinking_level: str | None = None
    """`minimal`, `low`, `medium`, `high`; None leaves it to the model."""
    seed: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Shown in Google's billing: at most 63 characters of `[a-z0-9_-]` each."""
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
class Call:
    """The outcome of one request. Exactly one of a complete `text` and a `failure` decides what follows."""

    model: str
    """The name that was asked for."""
    model_version: str | None = None
    """The model that answered; it can differ, and then its price applies."""
    text: str | None = None
    """The answer; kept with a failure too, where part of one came."""
    failure: Failure | None = None
    usage: Usage | None = None
    http_status: int | None = None
    """None where no HTTP answer came."""
    finish_reason: str | None = None
    response_id: str | None = None
    duration_seconds: float = 0.0
    answered: bool = False
    """A billable reply came: Gemini itself answered with HTTP 200, be it with a refusal."""
