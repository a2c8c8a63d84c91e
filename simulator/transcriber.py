"""What a model made for transcription takes, and refuses: `gemini-3.5-transcribe`.

After https://ai.google.dev/gemini-api/docs/models/gemini-3.5-transcribe: one recording and `audioTranscriptionConfig`, no
instructions, no schema; at most an hour, or half of one with speakers or word times. Where the real texts of its
refusals are not known they are the simulator's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import invalid_argument
from simulator.sounds import Sound

MAX_SECONDS = 3_600
MAX_SECONDS_WITH_TIMES = 1_800
MAX_VOCABULARY = 1_000
MAX_SPEAKERS = 8
TOKENS_PER_SECOND = 25

_USABLE = frozenset({"audio_transcription_config", "max_output_tokens", "seed"})
_REFUSED = ("system_instruction", "tools", "tool_config", "cached_content")
_LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcription:
    """An audioTranscriptionConfig."""

    language_codes: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    word_timestamp: bool = False
    diarization: bool = False

    @property
    def has_times(self) -> bool:
        """Is more than text asked for, which costs half of the length?"""
        return self.word_timestamp or self.diarization


def is_transcriber(model: str) -> bool:
    """Is that model made for transcription?"""
    return model.endswith("-transcribe")


def read_transcription(config: dict[str, Any]) -> Transcription:
    """The audioTranscriptionConfig of a generationConfig; an empty one where there is none."""
    given = config.get("audio_transcription_config", {})
    return Transcription(
        language_codes=tuple(given.get("language_codes", ())),
        vocabulary=tuple(given.get("custom_vocabulary", ())),
        word_timestamp=given.get("word_timestamp", False),
        diarization=given.get("diarization", False),
    )


def check_message(message: dict[str, Any], mime_types: Sequence[str]) -> None:
    """Refuse what the model cannot use; `mime_types` are those of the request's media. Raises RefusedError (400)."""
    for name in _REFUSED:
        if name in message:
            raise invalid_argument(f"* GenerateContentRequest.{name}: is not supported for this model.")
    if message.get("service_tier", "standard") not in ("standard", "unspecified"):
        raise invalid_argument(f"Service tier {message['service_tier']} is not supported for this model.")
    config = message.get("generation_config", {})
    if unusable := sorted(set(config) - _USABLE):
        raise invalid_argument(f"* GenerationConfig.{unusable[0]}: is not supported for this model.")
    if len(mime_types) != 1 or not mime_types[0].startswith("audio/"):
        raise invalid_argument("This model takes exactly one audio part and no pictures.")
    _check_config(config.get("audio_transcription_config", {}))


def check_length(asked: Transcription, sound: Sound) -> None:
    """Refuse a recording that is too long for what is asked. Raises RefusedError (400)."""
    most = MAX_SECONDS_WITH_TIMES if asked.has_times else MAX_SECONDS
    if sound.duration > most:
        why = " with diarization or word timestamps" if asked.has_times else ""
        raise invalid_argument(f"The audio has {sound.duration:g} s; the maximum{why} is {most} s.")


def _check_config(given: dict[str, Any]) -> None:
    is_timed = given.get("word_timestamp") or given.get("diarization")
    if given.get("custom_vocabulary") and is_timed:
        what = "timestamps" if given.get("word_timestamp") else "diarization"
        raise invalid_argument(f"custom_vocabulary is incompatible with {what}.")
    if len(given.get("custom_vocabulary", ())) > MAX_VOCABULARY:
        raise invalid_argument(f"custom_vocabulary can have at most {MAX_VOCABULARY} terms.")
    for code in given.get("language_codes", ()):
        if not _LANGUAGE_CODE.fullmatch(code or ""):
            raise invalid_argument(f"Invalid language code {str(code)[:40]!r}: BCP-47 codes are asked for.")
    if given.get("mode") == "SMART" and is_timed:
        raise invalid_argument("Mode SMART cannot be combined with word_timestamp or diarization.")
