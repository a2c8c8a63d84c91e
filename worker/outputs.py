"""Results as files: JSON lines, CSV, and by name the formats of one job. Pure functions; nobody writes here.

What is written into a file that a spreadsheet or a terminal opens came from pictures and recordings: cells that a
spreadsheet would run as formulas are defused, and control characters are left out of texts.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from models.store.queries import JobView
from worker.plain_text import printable, txt
from worker.shapes import job_shape, rfc3339, usd
from worker.subtitles import srt, vtt
from worker.xmp import xmp

CSV_COLUMNS = (
    "id", "kind", "state", "source", "caption", "alt_text", "tags", "text", "language", "duration", "width", "height",
    "degraded", "error_code", "error_message", "attempts", "model_version", "input_tokens", "output_tokens",
    "thinking_tokens", "cost_usd", "finished_at", "client_ref", "animated", "frames", "channels", "missing",
)  # fmt: skip
"""The flat form of a job. Columns may be added at the end."""

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
        "missing": len(output["missing"]) if "missing" in output else None,
        "cost_usd": usd(view.cost_usd),
        "finished_at": rfc3339(view.finished_at),
    }
    return [known[name] for name in CSV_COLUMNS]


def _cell(value: object) -> object:
    """A value that a spreadsheet shows and does not run."""
    if not isinstance(value, str):
        return value
    text = ("'" if _FORMULA.match(value) else "") + printable(value)
    return text.encode("utf-8", "replace").decode()


def _csv_record(cells: Iterable[object]) -> str:
    target = io.StringIO()
    csv.writer(target).writerow(cells)
    return target.getvalue()


STREAMS: Mapping[str, Callable[[Iterable[JobView]], Iterator[str]]] = {
    "jsonl": jsonl_lines,
    "csv": csv_lines,
    "json": json_pieces,
}
"""Formats of many jobs."""

TEXTS: Mapping[str, Callable[[JobView], str]] = {"txt": txt, "srt": srt, "vtt": vtt, "xmp": xmp}
"""Formats of one job."""

_NEEDED: Mapping[str, str] = {"srt": "segments", "vtt": "segments", "xmp": "caption"}


def fits(name: str, output: Mapping[str, Any]) -> bool:
    """Is this the format of such an output? Subtitles are of recordings, XMP of pictures, plain text of both."""
    return name not in _NEEDED or _NEEDED[name] in output
