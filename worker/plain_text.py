"""Captions and transcripts as plain text, for people; and the words of both without what no file for people wants."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from models.store.queries import JobView
from worker.cue_lines import SPACES, UNSPACED

PAUSE_SECONDS = 2.0
"""Somebody who is silent for so long begins a new paragraph."""
LONG_PARAGRAPH_CHARS = 700
"""A paragraph that has so many characters ends at the next segment."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def txt(view: JobView) -> str:
    """A caption with the words in the picture below it, or a transcript with a paragraph for each turn of a speaker.

    Ends in a line break; empty where there is no output.
    """
    output = view.output
    if output is None:
        return ""
    paragraphs = _transcript(output) if "segments" in output else [output["caption"], output["text"]]
    return "\n".join(printable(paragraph) + "\n" for paragraph in paragraphs if paragraph)


def printable(text: str) -> str:
    """The text without control characters; tabs and line breaks stay."""
    return _CONTROLS.sub("", text)


def on_one_line(text: str) -> str:
    """The same with single spaces between its words."""
    flat: str = SPACES.sub(" ", printable(text))
    return flat.strip()


def clock(seconds: float) -> str:
    """A moment of a recording as players show it: `0:12:34`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def is_dialogue(output: Mapping[str, Any]) -> bool:
    """Do several people speak, so that it has to be said who?"""
    return len({segment["speaker"] for segment in output.get("segments", ()) if segment["speaker"]}) > 1


def _transcript(output: Mapping[str, Any]) -> list[str]:
    """The paragraphs, and one that says what is missing."""
    named = is_dialogue(output)
    if output["no_speech"]:
        return ["[no speech]"]
    gaps = [f"[missing: {clock(gap['start'])} to {clock(gap['end'])}, {gap['code']}]" for gap in output["missing"]]
    return [*(_paragraph(turn, named=named) for turn in _turns(output["segments"])), "\n".join(gaps)]


def _turns(segments: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Segments that follow each other without a change of speaker, a pause or too much text."""
    turn: list[Mapping[str, Any]] = []
    chars = 0
    for segment in segments:
        if turn and (
            segment["speaker"] != turn[-1]["speaker"]
            or segment["start"] - turn[-1]["end"] >= PAUSE_SECONDS
            or chars >= LONG_PARAGRAPH_CHARS
        ):
            yield turn
            turn, chars = [], 0
        turn.append(segment)
        chars += len(segment["text"])
    if turn:
        yield turn


def _paragraph(turn: Sequence[Mapping[str, Any]], *, named: bool) -> str:
    text = ""
    for more in filter(None, (on_one_line(segment["text"]) for segment in turn)):
        space = " " if text and not (UNSPACED.match(text[-1]) and UNSPACED.match(more)) else ""
        text += space + more
    speaker = on_one_line(turn[0]["speaker"] or "")
    return f"{speaker}: {text}" if named and speaker else text
