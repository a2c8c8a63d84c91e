"""What the simulator answers: honest sentences about the media, in the shape of a Gemini reply.

The same request gets the same answer (only `responseId` differs). Every sentence says that it is simulated.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.media import Medium, Picture, Sound
from simulator.question import Question
from simulator.schemas import conform

Look = Picture | Sound

INPUT_LIMIT_TOKENS = 1_048_576
CHARACTERS_PER_TOKEN = 4
AUDIO_TOKENS_PER_SECOND = 32
TILE_TOKENS = 258
SMALL_PICTURE_PIXELS = 384
_RESOLUTION_TOKENS = {"LOW": 280, "MEDIUM": 560, "ULTRA_HIGH": 2240}
_PICTURE_TOKENS = 1120

_ORIENTATIONS = {
    2: "mirrored",
    3: "upside down",
    4: "mirrored and upside down",
    5: "mirrored and lying on its side",
    6: "lying on its side",
    7: "mirrored and lying on its side",
    8: "lying on its side",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the simulated model says, before it is put into a reply."""

    text: str | None
    """None: the content has no parts."""
    finish: str | None = "STOP"
    """None: there are no candidates."""
    block_reason: str | None = None
    heard: bool = True
    """False: the sound never reached the model, and no AUDIO tokens are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The tokens of one call, as `usageMetadata` counts them."""

    text: int = 0
    image: int = 0
    audio: int = 0
    candidates: int = 0
    thoughts: int = 0

    @property
    def prompt(self) -> int:
        """All input tokens."""
        return self.text + self.image + self.audio


def known_facts(looks: Sequence[Look]) -> dict[str, Any]:
    """All that can be said about the media, by the property names of a caption and of a transcript."""
    pictures = [look for look in looks if isinstance(look, Picture)]
    sounds = [look for look in looks if isinstance(look, Sound)]
    facts: dict[str, Any] = {"language": "en", "text": ""}
    if pictures:
        facts |= _picture_facts(pictures)
    if sounds:
        facts |= _sound_facts(sounds)
    if not looks:
        facts["text"] = "Simulated answer, not Gemini: there is no picture and no sound in this request."
    return facts


def write_answer(question: Question, facts: dict[str, Any]) -> str:
    """The facts as the text of the answer: JSON after the request's schema, or one sentence."""
    if question.wants_json:
        value = facts if question.json_schema is None else conform(facts, question.json_schema)
        return json.dumps(value, ensure_ascii=False)
    return str(facts.get("caption") or facts["text"] or "Simulated transcript, not Gemini: no sound.")


def cut_to_limit(answer: Answer, question: Question) -> Answer:
    """The answer within the request's maxOutputTokens, of which thinking takes its share first."""
    room = max(0, question.max_output_tokens - question.thought_tokens) * CHARACTERS_PER_TOKEN
    if answer.text is None or len(answer.text) <= room:
        return answer
    return Answer(text=answer.text[:room] or None, finish="MAX_TOKENS", heard=answer.heard)


def count_tokens(question: Question, looks: Sequence[Look], answer: Answer) -> Tokens:
    """The tokens that the call costs."""
    media = list(zip(question.media, looks, strict=True))
    sounds = [look.duration for look in looks if isinstance(look, Sound)] if answer.heard else []
    answered = answer.finish is not None and answer.block_reason is None
    return Tokens(
        text=_text_tokens(question.text),
        image=sum(_picture_tokens(item, look, question.model) for item, look in media if isinstance(look, Picture)),
        audio=sum(math.ceil(duration * AUDIO_TOKENS_PER_SECOND) for duration in sounds),
        candidates=_text_tokens(answer.text or "") if answered else 0,
        thoughts=min(question.thought_tokens, question.max_output_tokens) if answered else 0,
    )


def reply_body(answer: Answer, tokens: Tokens, model: str, response_id: str) -> dict[str, Any]:
    """The GenerateContentResponse."""
    body: dict[str, Any] = {"usageMetadata": _usage(tokens), "modelVersion": model, "responseId": response_id}
    if answer.block_reason is not None:
        return {"promptFeedback": {"blockReason": answer.block_reason}, **body}
    if answer.finish is None:
        return body
    content: dict[str, Any] = {"role": "model"}
    if answer.text is not None:
        content["parts"] = [{"text": answer.text}]
    return {"candidates": [{"content": content, "finishReason": answer.finish, "index": 0}], **body}


def _picture_facts(pictures: list[Picture]) -> dict[str, Any]:
    seen = " and ".join(_seen(picture) for picture in pictures)
    first = pictures[0]
    wide, high = first.width, first.height
    shape = "landscape" if wide > high else "portrait" if wide < high else "square"
    return {
        "caption": f"Simulated caption, not Gemini: {seen}.",
        "alt_text": f"Simulated: {_seen(first)}.",
        "tags": ["simulated", first.format.lower(), shape, first.colour],
    }


def _seen(picture: Picture) -> str:
    text = f"a {picture.format} picture of {picture.width} x {picture.height} pixels, mostly {picture.colour}"
    lying = _ORIENTATIONS.get(picture.orientation)
    return f"{text}, {lying} (its EXIF orientation is {picture.orientation})" if lying else text


def _sound_facts(sounds: list[Sound]) -> dict[str, Any]:
    segments = [
        {
            "start": start,
            "end": end,
            "speaker": "Speaker 1",
            "text": f"Simulated transcript, not Gemini: sound from {start:.1f} to {end:.1f} s.",
        }
        for sound in sounds
        for start, end in sound.voiced
    ]
    return {
        "language": "en" if segments else "und",
        "no_speech": not segments,
        "segments": segments,
        "text": " ".join(str(segment["text"]) for segment in segments),
    }


def _text_tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _picture_tokens(medium: Medium, picture: Picture, model: str) -> int:
    if not model.startswith("gemini-2"):
        return _RESOLUTION_TOKENS.get(medium.resolution, _PICTURE_TOKENS)
    short = min(picture.width, picture.height)
    if max(picture.width, picture.height) <= SMALL_PICTURE_PIXELS or short == 0:
        return TILE_TOKENS
    unit = max(1, math.floor(short / 1.5))
    return math.ceil(picture.width / unit) * math.ceil(picture.height / unit) * TILE_TOKENS


def _usage(tokens: Tokens) -> dict[str, Any]:
    counts = (("TEXT", tokens.text), ("IMAGE", tokens.image), ("AUDIO", tokens.audio))
    usage: dict[str, Any] = {
        "promptTokenCount": tokens.prompt,
        "totalTokenCount": tokens.prompt + tokens.candidates + tokens.thoughts,
        "promptTokensDetails": [{"modality": name, "tokenCount": count} for name, count in counts if count],
    }
    if tokens.candidates:
        usage["candidatesTokenCount"] = tokens.candidates
        usage["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": tokens.candidates}]
    if tokens.thoughts:
        usage["thoughtsTokenCount"] = tokens.thoughts
    return usage
