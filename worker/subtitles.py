"""Transcripts as subtitle files: SubRip and WebVTT. What stands in a cue, and when, is decided in `worker.cues`."""

from collections.abc import Mapping
from typing import Any

import pysubs2

from models.store.queries import JobView
from worker.cues import cues_of
from worker.plain_text import clock, is_dialogue


def srt(view: JobView) -> str:
    """The transcript as SubRip subtitles; empty where nothing is said."""
    return _file(view).to_string("srt")


def vtt(view: JobView) -> str:
    """The transcript as WebVTT subtitles. A note at the top names each stretch that is missing.

    An ampersand begins an escape there, so it is written as one (https://www.w3.org/TR/webvtt1/#webvtt-cue-text-span).
    """
    file = _file(view)
    for event in file:
        event.text = event.text.replace("&", "&amp;")
    heading, _, cues = file.to_string("vtt").partition("\n\n")
    notes = [_note(gap) for gap in (view.output or {}).get("missing", ())]
    return "\n\n".join([heading.strip(), *notes, cues])


def _file(view: JobView) -> pysubs2.SSAFile:
    output = view.output or {}
    file = pysubs2.SSAFile()
    for cue in cues_of(output.get("segments", ()), named=is_dialogue(output)):
        event = pysubs2.SSAEvent(start=cue.start_ms, end=cue.end_ms)
        event.plaintext = "\n".join(cue.lines)
        file.append(event)
    return file


def _note(gap: Mapping[str, Any]) -> str:
    return f"NOTE missing: {clock(gap['start'])} to {clock(gap['end'])}, {gap['code']}"
