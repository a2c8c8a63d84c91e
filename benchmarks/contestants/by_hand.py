"""What all programs without mediascribe share: the picture, the question, the reading of the answer.

Nothing of mediascribe is imported. The question comes from a file, so that all ask the same.
"""

import asyncio
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.contestants.sdk import types

MAX_SIDE = 1_536

_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is asked about every picture."""

    model: str
    prompt: str
    config: types.GenerateContentConfig


def read_question(path: str) -> Asking:
    """The question in that file, as google-genai takes it."""
    given = json.loads(Path(path).read_text())
    config = types.GenerateContentConfig(
        system_instruction=given["system"],
        temperature=given["temperature"],
        max_output_tokens=given["max_output_tokens"],
        response_mime_type="application/json",
        response_json_schema=given["answer_schema"],
        thinking_config=types.ThinkingConfig(thinking_level=given["thinking_level"]),
        media_resolution=given["media_resolution"],
    )
    return Asking(model=given["model"], prompt=given["prompt"], config=config)


def contents(picture: bytes, prompt: str) -> list[Any]:
    """Picture and prompt as the content of one request."""
    return [types.Part.from_bytes(data=picture, mime_type="image/jpeg"), prompt]


def read_answer(response: types.GenerateContentResponse) -> dict[str, Any]:
    """The answer, with what was used. Raises ValueError where it is none."""
    answer = json.loads(response.text or "")
    if not answer.get("caption"):
        raise ValueError("Gemini answered without a caption")
    used = response.usage_metadata
    tokens = (used.prompt_token_count, used.candidates_token_count) if used else (None, None)
    return {**answer, "model_version": response.model_version, "tokens": tokens}


async def caption(client: Any, asking: Asking, path: str) -> dict[str, Any]:
    """What Gemini says of the picture; decoding is left to a thread."""
    picture = await asyncio.to_thread(prepared, path)
    response = await client.models.generate_content(
        model=asking.model, contents=contents(picture, asking.prompt), config=asking.config
    )
    return read_answer(response)


def prepared(path: str) -> bytes:
    """The picture without metadata, after a full decode that proves it whole. Raises ValueError, OSError."""
    data = Path(path).read_bytes()
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if max(image.size) > MAX_SIDE:
            raise ValueError(f"{path} is larger than these programs send")
        image.load()
    return without_metadata(data)


def without_metadata(data: bytes) -> bytes:
    """A JPEG without its application segments and comments, its pixels untouched. Raises ValueError."""
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xD9:
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            following = _AFTER_SCAN.search(data, end)
            end = following.start() if following else len(data)
        if not (0xE1 <= marker <= 0xEF or marker == 0xFE):
            kept.append(data[at:end])
        at = end
    if data[at : at + 2] != b"\xff\xd9":
        raise ValueError("the picture has no end")
    return b"".join((*kept, b"\xff\xd9"))
