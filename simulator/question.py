"""What a valid request asks, after the rules that tables cannot say (`wire.py` has checked its fields).

A rule that is broken is a RefusedError with 400 INVALID_ARGUMENT, as from the real API.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.errors import RefusedError, error_reply, invalid_argument
from simulator.fields import PART_DATA
from simulator.languages import asked_language
from simulator.media import Medium
from simulator.schemas import as_json_schema
from simulator.transcriber import Transcription, check_message, is_transcriber, read_transcription

MAX_LABELS = 64
OUTPUT_LIMIT_TOKENS = 65_536
DEFAULT_THOUGHT_TOKENS = 24
TIERS = ("standard", "flex", "priority")
BATCH_TIER = "batch"
"""Of a row of a batch, which names no tier itself."""

_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_TRANSLATE = re.compile(
    r"\bTranslate\b.{0,200}?\binto\s+[\"'`]?(?!the\b|one\b|its\b)([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\b", re.DOTALL
)
"""A language is asked for by its code."""
_MIME_TYPES = ("text/plain", "application/json", "text/x.enum")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One generateContent request, read and found valid."""

    model: str
    text: str
    """The system instruction and every text part, joined by line ends."""
    media: tuple[Medium, ...]
    labels: Mapping[str, str]
    sha256: str
    """Of the model and the whole request but its labels: two requests with the same one get the same answer."""
    wants_json: bool
    json_schema: Mapping[str, Any] | None
    max_output_tokens: int
    thought_tokens: int
    temperature: float
    """Gemini's default is 1."""
    language: str | None
    """The language in which the text asks to answer, or that it says is spoken."""
    translate_to: str | None
    """The language into which the text asks to translate."""
    tier: str
    """The service tier, one of TIERS, or BATCH_TIER."""
    transcription: Transcription
    """What is asked of a model made for transcription; others make no use of it."""


def read_question(message: dict[str, Any], model: str) -> Question:
    """The question in a request that `wire.read_request` has read. Raises RefusedError (400 or 403)."""
    contents = message.get("contents") or []
    if not contents:
        raise invalid_argument("* GenerateContentRequest.contents: contents is not specified")
    parts = [part for index, content in enumerate(contents) for part in _parts(content, f"contents[{index}]")]
    instruction = message.get("system_instruction", {}).get("parts", [])
    config = message.get("generation_config", {})
    _check_labels(message.get("labels", {}))
    _check_config(config)
    media = tuple(_medium(part, config) for part in parts if "inline_data" in part)
    if is_transcriber(model):
        check_message(message, [item.mime_type for item in media])
    text = "\n".join(part["text"] for part in [*instruction, *parts] if "text" in part)
    translation = None if is_transcriber(model) else _TRANSLATE.search(text)
    return Question(
        model=model,
        text=text,
        media=media,
        labels=message.get("labels", {}),
        sha256=_digest(message, model),
        wants_json=config.get("response_mime_type") == "application/json",
        json_schema=_json_schema(config),
        max_output_tokens=config.get("max_output_tokens", OUTPUT_LIMIT_TOKENS),
        thought_tokens=_thought_tokens(config.get("thinking_config", {}), model),
        temperature=config.get("temperature", 1.0),
        language=None if is_transcriber(model) else asked_language(text),
        translate_to=translation[1] if translation else None,
        tier=_tier(message.get("service_tier", "unspecified")),
        transcription=read_transcription(config),
    )


def _tier(asked: str) -> str:
    return TIERS[0] if asked == "unspecified" else asked


def _parts(content: dict[str, Any], path: str) -> list[dict[str, Any]]:
    if content.get("role", "user") not in ("user", "model", ""):
        raise invalid_argument("Please use a valid role: user, model.")
    parts: list[dict[str, Any]] = content.get("parts") or []
    if not parts:
        raise invalid_argument(f"* GenerateContentRequest.{path}.parts: contents.parts must not be empty.")
    for index, part in enumerate(parts):
        data = [name for name in PART_DATA if name in part]
        if len(data) != 1:
            problem = "must have one initialized field" if not data else f"has more than one: {', '.join(data)}"
            raise invalid_argument(
                f"* GenerateContentRequest.{path}.parts[{index}].data: required oneof field 'data' {problem}"
            )
        if "file_data" in part:
            raise _no_file(part["file_data"].get("file_uri", ""))
    return parts


def _no_file(uri: str) -> RefusedError:
    """Uploaded files are for batches alone here, and nothing is fetched."""
    if "/files/" not in uri:
        return invalid_argument("Cannot fetch content from the provided URL.")
    name = uri.rsplit("/", 1)[-1][:80]
    message = f"You do not have permission to access the File {name} or it may not exist."
    return RefusedError(error_reply(403, "PERMISSION_DENIED", message))


def _medium(part: dict[str, Any], config: dict[str, Any]) -> Medium:
    blob = part["inline_data"]
    data = blob.get("data", b"")
    if not data:
        raise invalid_argument("Unable to process input: inline_data.data is empty.")
    level = part.get("media_resolution", {}).get("level") or config.get("media_resolution", "")
    return Medium(
        mime_type=blob.get("mime_type", ""),
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        resolution=level.removeprefix("MEDIA_RESOLUTION_"),
    )


def _check_labels(labels: dict[str, str]) -> None:
    if len(labels) > MAX_LABELS:
        raise invalid_argument(f"A request can have at most {MAX_LABELS} labels; this one has {len(labels)}.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise invalid_argument(
                f'Invalid label key "{key[:80]}": a key starts with a lowercase letter and has at most 63 characters '
                "of lowercase letters, digits, underscores and dashes."
            )
        if not _LABEL_VALUE.fullmatch(value):
            raise invalid_argument(
                f'Invalid value "{value[:80]}" of label "{key}": a value has at most 63 characters of lowercase '
                "letters, digits, underscores and dashes."
            )


_RANGES = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "max_output_tokens": (1, OUTPUT_LIMIT_TOKENS),
    "candidate_count": (1, 1),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
}


def _check_config(config: dict[str, Any]) -> None:
    for name, (least, most) in _RANGES.items():
        value = config.get(name)
        if value is not None and not least <= value <= most:
            raise invalid_argument(f"Unable to submit request because {name} is {value}; it must be {least} to {most}.")
    mime_type = config.get("response_mime_type", "text/plain")
    if mime_type not in _MIME_TYPES:
        raise invalid_argument(
            f"* GenerateContentRequest.generation_config.response_mime_type: allowed are {', '.join(_MIME_TYPES)}."
        )
    schemas = [name for name in ("response_schema", "response_json_schema") if name in config]
    if schemas and mime_type == "text/plain":
        raise invalid_argument(f"{schemas[0]} is only allowed with response_mime_type application/json.")
    if len(schemas) > 1:
        raise invalid_argument("Only one of response_schema and response_json_schema can be set.")
    if not isinstance(config.get("response_json_schema", {}), dict):
        raise invalid_argument("Invalid value at 'generation_config.response_json_schema': not a JSON schema object.")


def _json_schema(config: dict[str, Any]) -> Mapping[str, Any] | None:
    if "response_schema" in config:
        return as_json_schema(config["response_schema"])
    schema: Mapping[str, Any] | None = config.get("response_json_schema")
    return schema


def _thought_tokens(thinking: dict[str, Any], model: str) -> int:
    """How many tokens the simulated model spends on thinking; the combinations refused are those of the real one."""
    budget, level = thinking.get("thinking_budget"), thinking.get("thinking_level")
    if budget is not None and level is not None:
        raise invalid_argument("You can only set only one of thinking budget and thinking level.")
    if level is not None and model.startswith("gemini-2"):
        raise invalid_argument("Thinking level is not supported for this model.")
    if budget == 0 and model == "gemini-2.5-pro":
        raise invalid_argument("Budget 0 is invalid. This model only works in thinking mode.")
    if level == "MINIMAL":
        return 0
    return DEFAULT_THOUGHT_TOKENS if budget is None or budget < 0 else min(budget, DEFAULT_THOUGHT_TOKENS)


def _digest(message: dict[str, Any], model: str) -> str:
    asked = {name: value for name, value in message.items() if name != "labels"}
    text = json.dumps([model, asked], sort_keys=True, separators=(",", ":"), default=_media_digest)
    return hashlib.sha256(text.encode()).hexdigest()


def _media_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
