"""Results of one job, in every format."""

from collections.abc import Mapping
from enum import StrEnum

from api.problems import FieldError, ProblemCode, ProblemError
from models.state import FINAL
from models.store.queries import JobView
from worker.outputs import TEXTS, fits, json_line


class ResultFormat(StrEnum):
    """What a result can be written as."""

    JSON = "json"
    TXT = "txt"
    SRT = "srt"
    VTT = "vtt"
    XMP = "xmp"

    @property
    def media_type(self) -> str:
        """With the charset, as it is sent."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Mapping[ResultFormat, str] = {
    ResultFormat.JSON: "application/json",
    ResultFormat.TXT: "text/plain",
    ResultFormat.SRT: "application/x-subrip",
    ResultFormat.VTT: "text/vtt",
    ResultFormat.XMP: "application/rdf+xml",
}


def result_of(view: JobView, form: ResultFormat) -> bytes:
    """The result. Raises ProblemError: no_result, invalid_request where this is no format of such a result."""
    if view.output is None:
        is_live = view.state not in FINAL
        why = f"is {view.state}; there is no result yet" if is_live else f"has none: {view.error_message or view.state}"
        headers = {"Retry-After": "1"} if is_live else {}
        raise ProblemError(ProblemCode.NO_RESULT, f"{view.id} {why}", retryable=is_live, headers=headers)
    if not fits(form, view.output):
        words = f"{form} is no format of a {view.kind} result; take txt or json"
        raise ProblemError(
            ProblemCode.INVALID_REQUEST, words, errors=[FieldError(field="format", detail=words, code="no_such_format")]
        )
    text = json_line(view.output) if form is ResultFormat.JSON else TEXTS[form](view)
    return text.encode("utf-8", "replace")
