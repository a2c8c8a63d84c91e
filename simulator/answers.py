"""What the simulator answers: honest sentences about the media, in the shape of a Gemini reply.

The same request gets the same answer (only `responseId` differs). Every sentence says that it is simulated, but for the
words of stand-in speech, which are given back as they are: `modelStatus` then says that they are tones.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.languages import in_language
from simulator.media import Look, Medium
from simulator.pictures import Picture
from simulator.question import BATCH_TIER, Question
from simulator.schemas import conform
from simulator.sounds import Sound
from simulator.transcriber import TOKENS_PER_SECOND, is_transcriber
from simulator.transcripts import Segment, as_facts

INPUT_LIMIT_TOKENS = 1_048_576
CHARACTERS_PER_TOKEN = 4
AUDIO_TOKENS_PER_SECOND = 32
TILE_TOKENS = 258
SMALL_PICTURE_PIXELS = 384
_PICTURE_TOKENS = 1120
_RESOLUTION_TOKENS = {"LOW": 280, "MEDIUM": 560, "HIGH": _PICTURE_TOKENS, "ULTRA_HIGH": 2240}
_RESOLUTION_TOKENS_2 = {"LOW": 64, "MEDIUM": 256}
"""Of the models before 3; at any other resolution these count tiles."""
TONES = "Simulated, not Gemini: the transcript is of tone words, the simulator's own language."

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

    parts: tuple[dict[str, Any], ...] = ()
    """Of the content; none: it has no parts."""
    finish: str | None = "STOP"
    """None: there are no candidates."""
    block_reason: str | None = None
    audio_share: float = 1.0
    """So much of the sound reached the model, by its count of AUDIO tokens."""
    cached_share: float = 0.0
    """So much of the input, rounded down for each modality, was read from a cache."""
    note: str | None = None
    """What the reply says beside the answer, as `modelStatus.message`."""

    @property
    def length(self) -> int:
        """Characters of all that is said."""
        return sum(len(_words_of(part)) for part in self.parts)


def text_parts(text: str) -> tuple[dict[str, Any], ...]:
    """A text as the parts of a content."""
    return ({"text": text},) if text else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The tokens of one call, as `usageMetadata` counts them: the input includes what came from a cache."""

    text: int = 0
    image: int = 0
    audio: int = 0
    cached_text: int = 0
    cached_image: int = 0
    cached_audio: int = 0
    candidates: int = 0
    thoughts: int = 0

    @property
    def prompt(self) -> int:
        """All input tokens."""
        return self.text + self.image + self.audio

    @property
    def cached(self) -> int:
        """Those of the input that came from a cache."""
        return self.cached_text + self.cached_image + self.cached_audio


def known_facts(
    looks: Sequence[Look], segments: Sequence[Segment], language: str, asked: str | None = None
) -> dict[str, Any]:
    """All that can be said about the media, by the property names of a caption and of a transcript.

    `segments` are what was heard in the sounds, written in that language; `asked` is the language that the answer should
    be in.
    """
    pictures = [look for look in looks if isinstance(look, Picture)]
    facts: dict[str, Any] = {"language": asked or "en", "text": ""}
    if pictures:
        facts |= _picture_facts(pictures, asked)
    if len(pictures) < len(looks):
        facts |= as_facts(segments, language)
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
    return answer if answer.length <= room else cut_off(answer, room)


def cut_off(answer: Answer, room: int) -> Answer:
    """The first so many characters of the answer, which then ends with MAX_TOKENS."""
    kept: list[dict[str, Any]] = []
    for part in answer.parts:
        text = _words_of(part)[: max(0, room)]
        room -= len(text)
        if text:
            kept.append({"text": text} if "text" in part else {"audioTranscription": {**_heard_in(part), "text": text}})
    return replace(answer, parts=tuple(kept), finish="MAX_TOKENS")


def count_input(question: Question, looks: Sequence[Look], audio_share: float = 1.0) -> Tokens:
    """The input tokens of the call; so much of its sound counts."""
    media = list(zip(question.media, looks, strict=True))
    seconds = [look.duration * audio_share for look in looks if isinstance(look, Sound)]
    rate = TOKENS_PER_SECOND if is_transcriber(question.model) else AUDIO_TOKENS_PER_SECOND
    return Tokens(
        text=math.ceil(len(question.text) / CHARACTERS_PER_TOKEN),
        image=sum(_picture_tokens(item, look, question.model) for item, look in media if isinstance(look, Picture)),
        audio=sum(math.ceil(duration * rate) for duration in seconds),
    )


def count_tokens(question: Question, looks: Sequence[Look], answer: Answer) -> Tokens:
    """The tokens that the call costs."""
    asked = count_input(question, looks, answer.audio_share)
    answered = answer.finish is not None and answer.block_reason is None
    return replace(
        asked,
        cached_text=int(asked.text * answer.cached_share),
        cached_image=int(asked.image * answer.cached_share),
        cached_audio=int(asked.audio * answer.cached_share),
        candidates=math.ceil(answer.length / CHARACTERS_PER_TOKEN) if answered else 0,
        thoughts=min(question.thought_tokens, question.max_output_tokens) if answered else 0,
    )


def reply_body(answer: Answer, tokens: Tokens, question: Question, response_id: str) -> dict[str, Any]:
    """The GenerateContentResponse."""
    # Whether a row of a batch names its tier is not known: nobody should rely on it.
    usage = _usage(tokens) if question.tier == BATCH_TIER else {**_usage(tokens), "serviceTier": question.tier}
    body: dict[str, Any] = {"usageMetadata": usage, "modelVersion": question.model, "responseId": response_id}
    if answer.note is not None:
        body["modelStatus"] = {"message": answer.note}
    if answer.block_reason is not None:
        return {"promptFeedback": {"blockReason": answer.block_reason}, **body}
    if answer.finish is None:
        return body
    content: dict[str, Any] = {"role": "model"}
    if answer.parts:
        content["parts"] = list(answer.parts)
    return {"candidates": [{"content": content, "finishReason": answer.finish, "index": 0}], **body}


def _picture_facts(pictures: list[Picture], asked: str | None) -> dict[str, Any]:
    seen = " and ".join(_seen(picture) + _marked(picture) for picture in pictures)
    first = pictures[0]
    wide, high = first.width, first.height
    shape = "landscape" if wide > high else "portrait" if wide < high else "square"
    return {
        "caption": in_language(f"Simulated caption, not Gemini: {seen}.", asked),
        "alt_text": in_language(f"Simulated: {_seen(first)}.", asked),
        "tags": ["simulated", first.format.lower(), shape, first.colour],
    }


def _seen(picture: Picture) -> str:
    text = f"a {picture.format} picture of {picture.width} x {picture.height} pixels, mostly {picture.colour}"
    lying = _ORIENTATIONS.get(picture.orientation)
    return f"{text}, {lying} (its EXIF orientation is {picture.orientation})" if lying else text


def _marked(picture: Picture) -> str:
    if not picture.corners:
        return ""
    *others, last = picture.corners
    return f", with {', '.join(others)} and {last} corners (top left, top right, bottom left, bottom right)"


def _words_of(part: dict[str, Any]) -> str:
    return str(part["text"] if "text" in part else _heard_in(part).get("text", ""))


def _heard_in(part: dict[str, Any]) -> dict[str, Any]:
    heard: dict[str, Any] = part["audioTranscription"]
    return heard


def _picture_tokens(medium: Medium, picture: Picture, model: str) -> int:
    if not model.startswith("gemini-2"):
        return _RESOLUTION_TOKENS.get(medium.resolution, _PICTURE_TOKENS)
    if medium.resolution in _RESOLUTION_TOKENS_2:
        return _RESOLUTION_TOKENS_2[medium.resolution]
    short = min(picture.width, picture.height)
    if max(picture.width, picture.height) <= SMALL_PICTURE_PIXELS or short == 0:
        return TILE_TOKENS
    unit = max(1, math.floor(short / 1.5))
    return math.ceil(picture.width / unit) * math.ceil(picture.height / unit) * TILE_TOKENS


def _usage(tokens: Tokens) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "promptTokenCount": tokens.prompt,
        "totalTokenCount": tokens.prompt + tokens.candidates + tokens.thoughts,
        "promptTokensDetails": _by_modality(tokens.text, tokens.image, tokens.audio),
    }
    if tokens.cached:
        usage["cachedContentTokenCount"] = tokens.cached
        usage["cacheTokensDetails"] = _by_modality(tokens.cached_text, tokens.cached_image, tokens.cached_audio)
    if tokens.candidates:
        usage["candidatesTokenCount"] = tokens.candidates
        usage["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": tokens.candidates}]
    if tokens.thoughts:
        usage["thoughtsTokenCount"] = tokens.thoughts
    return usage


def _by_modality(text: int, image: int, audio: int) -> list[dict[str, Any]]:
    counts = (("TEXT", text), ("IMAGE", image), ("AUDIO", audio))
    return [{"modality": name, "tokenCount": count} for name, count in counts if count]
