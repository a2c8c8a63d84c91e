"""Results as files: JSON lines, CSV, plain text, subtitles. Pure functions of finished jobs; nobody writes here.

What is written into a file that a spreadsheet or a terminal opens came from pictures and recordings: cells that a
spreadsheet would run as formulas are defused, and control characters are left out of texts.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pysubs2

from models.store.queries import JobView
from worker.shapes import job_shape, rfc3339, usd

CSV_COLUMNS = (
    "id", "kind", "state", "source", "caption", "alt_text", "tags", "text", "language", "duration", "width", "height",
    "degraded", "error_code", "error_message", "attempts", "model_version", "input_tokens", "output_tokens",
    "thinking_tokens", "cost_usd", "finished_at", "client_ref",
)  # fmt: skip
"""The flat form of a job. Columns may be added at the end."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_INERT = str.maketrans({"{": "(", "}": ")", "\\": "/", "<": "(", ">": ")"})
"""Brackets and backslashes are commands in subtitles, and `-->` stands between two times."""
_FORMULA = re.compile(r"[=+\-@\t\r]")


def jsonl_lines(views: Iterable[JobView]) -> Iterator[str]:
    """Each job in its shape, one line each."""
    for view in views:
        yield json_line(job_shape(view))


def json_line(shape: Mapping[str, Any]) -> str:
    """A shape as one line of JSON."""
    return json.dumps(shape, ensure_ascii=False) + "\n"


def json_pieces(views: Iterable[JobView]) -> Iterator[str]:
    """All jobs as one document `{"jobs": […]}`, in pieces."""
    yield '{"jobs":['
    for position, view in enumerate(views):
        yield ("," if position else "") + json.dumps(job_shape(view), ensure_ascii=False)
    yield "]}\n"


def csv_lines(views: Iterable[JobView]) -> Iterator[str]:
    """A heading and one record a job (RFC 4180), in `CSV_COLUMNS`."""
    yield _csv_record(CSV_COLUMNS)
    for view in views:
        yield _csv_record([_cell(value) for value in _flat(view)])


def _flat(view: JobView) -> list[object]:
    output = view.output or {}
    known: dict[str, object] = {
        **{name: output.get(name) for name in CSV_COLUMNS},
        **{name: getattr(view, name) for name in CSV_COLUMNS if hasattr(view, name)},
        "tags": ", ".join(output.get("tags") or ()),
        "cost_usd": usd(view.cost_usd),
        "finished_at": rfc3339(view.finished_at),
    }
    return [known[name] for name in CSV_COLUMNS]


def _cell(value: object) -> object:
    """A value that a spreadsheet shows and does not run."""
    if not isinstance(value, str):
        return value
    text = _CONTROLS.sub("", value) if not _FORMULA.match(value) else "'" + _CONTROLS.sub("", value)
    return text.encode("utf-8", "replace").decode()


def _csv_record(cells: Iterable[object]) -> str:
    target = io.StringIO()
    csv.writer(target).writerow(cells)
    return target.getvalue()


def txt(view: JobView) -> str:
    """A caption with the words in the picture below it, or a transcript with a line for each segment.

    Ends in a line break; empty where there is no output.
    """
    output = view.output
    if output is None:
        return ""
    paragraphs = _transcript(output) if "segments" in output else [output["caption"], output["text"]]
    return "".join(_printable(paragraph) + "\n" for paragraph in _with_gaps([part for part in paragraphs if part]))


def _with_gaps(paragraphs: list[str]) -> list[str]:
    """A blank line between paragraphs."""
    return [line for paragraph in paragraphs for line in (paragraph, "")][:-1]


def _transcript(output: Mapping[str, Any]) -> list[str]:
    """One paragraph of lines, and one that says what is missing."""
    named = _is_dialogue(output)
    lines = [_spoken(segment, named=named) for segment in output["segments"]]
    gaps = [f"[missing: {gap['start']:g} s to {gap['end']:g} s, {gap['code']}]" for gap in output["missing"]]
    return ["\n".join(lines), "\n".join(gaps)]


def srt(view: JobView) -> str:
    """The transcript as SubRip subtitles; empty where nothing is said."""
    return _subtitles(view, "srt")


def vtt(view: JobView) -> str:
    """The transcript as WebVTT subtitles."""
    return _subtitles(view, "vtt")


def _subtitles(view: JobView, name: str) -> str:
    output = view.output or {}
    named = _is_dialogue(output)
    file = pysubs2.SSAFile()
    for segment in output.get("segments", ()):
        start, end = pysubs2.make_time(s=segment["start"]), pysubs2.make_time(s=segment["end"])
        event = pysubs2.SSAEvent(start=start, end=max(end, start + 1))
        event.plaintext = _inert(_spoken(segment, named=named))
        file.append(event)
    return file.to_string(name)


def _is_dialogue(output: Mapping[str, Any]) -> bool:
    """Do several people speak, so that each line has to say who?"""
    return len({segment["speaker"] for segment in output.get("segments", ()) if segment["speaker"]}) > 1


def _spoken(segment: Mapping[str, Any], *, named: bool) -> str:
    text = " ".join(_printable(segment["text"]).split())
    return f"{_printable(segment['speaker'])}: {text}" if named and segment["speaker"] else text


def _inert(text: str) -> str:
    """Text in which players see neither override tags nor the arrow between two times."""
    return text.translate(_INERT)


def _printable(text: str) -> str:
    return _CONTROLS.sub("", text)


STREAMS: Mapping[str, Callable[[Iterable[JobView]], Iterator[str]]] = {
    "jsonl": jsonl_lines,
    "csv": csv_lines,
    "json": json_pieces,
}
"""Formats of many jobs."""

TEXTS: Mapping[str, Callable[[JobView], str]] = {"txt": txt, "srt": srt, "vtt": vtt}
"""Formats of one job."""
