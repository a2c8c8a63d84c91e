"""What the generated reference pages say beyond what the code itself says. A test holds the tables complete."""

from collections.abc import Mapping

from models.failures import FailureCode

UNITS: Mapping[str, str] = {
    "_seconds": "seconds",
    "_bytes": "bytes",
    "_pixels": "pixels",
    "_usd": "US dollars",
    "_dbfs": "dBFS",
}
"""Ending of a setting's name -> its unit."""

COMPUTED_DEFAULTS: Mapping[str, str] = {"decoder_processes": "number of processors, at most 8"}
"""Settings whose default depends on the machine."""

GOOGLE_VARIABLES: Mapping[str, str] = {
    "GEMINI_API_KEY": "Key of the Gemini API, or of Vertex with a key.",
    "GOOGLE_API_KEY": "The same; wins where both are set.",
    "GOOGLE_GEMINI_BASE_URL": "Another address in place of Google's, such as that of the simulator.",
    "GOOGLE_VERTEX_BASE_URL": "The same for Vertex.",
    "GOOGLE_GENAI_USE_VERTEXAI": "`true` or `1`: ask Vertex instead of the Gemini API.",
    "GOOGLE_GENAI_USE_ENTERPRISE": "The newer name of the same.",
    "GOOGLE_GENAI_API_VERSION": "Version of the API; `v1`, with Vertex `v1beta1`, if not given.",
    "GOOGLE_CLOUD_PROJECT": "Project for Vertex; credentials are found by Google's own lookup. Wins over a key.",
    "GOOGLE_CLOUD_LOCATION": "Location for Vertex; `global` if not given.",
}

_FILE = "Correct the file, the path or the address, then retry."
_ITSELF = "Nothing: it is tried again by itself. If it stays, look at `mediascribe jobs show ID`."
_MODEL = "Retry; if it stays, another model or prompt may help."

FAILURES: Mapping[FailureCode, tuple[str, str]] = {
    FailureCode.SOURCE_NOT_FOUND: (
        "There is no file at the path, seen from the worker; the address or the object does not exist.",
        _FILE,
    ),
    FailureCode.SOURCE_FORBIDDEN: (
        "The worker may not read it, its server or store refuses it, it is no regular file, or no address that is asked.",
        "Give the worker the right to read it, or allow the address ([Sources](../how-to/sources.md)); then retry.",
    ),
    FailureCode.SOURCE_UNREACHABLE: (
        "The disk, the mount, the server or the store did not answer, broke off or took too long; or there was no room for a copy.",
        _ITSELF,
    ),
    FailureCode.SOURCE_EXPIRED: (
        "The address was signed for a time that is over.",
        "Sign it anew, for longer than the queue may last, and submit that.",
    ),
    FailureCode.SOURCE_CHANGED: ("The file changed while it was read.", "Nothing, if its writer finishes soon."),
    FailureCode.MEDIA_EMPTY: ("The file has no bytes, or the recording no samples.", "Copy or record it again."),
    FailureCode.MEDIA_UNSUPPORTED: (
        "Neither a known picture nor a known recording, or not of the kind that was asked for.",
        "Convert it, or ask for the other kind.",
    ),
    FailureCode.MEDIA_CORRUPT: ("The file is damaged and cannot be decoded.", "Copy or export it again."),
    FailureCode.MEDIA_TOO_LARGE: (
        "More bytes or pixels than allowed, or more memory needed than a decoder may use.",
        "Make it smaller, or raise `MEDIASCRIBE_MAX_SOURCE_BYTES`, `_MAX_PICTURE_PIXELS`, `_DECODER_MEMORY_BYTES`.",
    ),
    FailureCode.MEDIA_TOO_LONG: (
        "The recording is longer than allowed.",
        "Cut it, or raise `MEDIASCRIBE_MAX_RECORDING_SECONDS`.",
    ),
    FailureCode.MEDIA_TOO_SHORT: ("The recording lasts less than a tenth of a second.", "Record it again."),
    FailureCode.MEDIA_NO_AUDIO: ("The file has no sound track.", "Nothing: there is nothing to transcribe."),
    FailureCode.DECODER_CRASHED: (
        "The decoding process died on this item.",
        "Convert the item if it stays; report it.",
    ),
    FailureCode.DECODER_TIMEOUT: (
        "Decoding took longer than allowed.",
        "Raise `MEDIASCRIBE_DECODER_TIMEOUT_SECONDS`, or convert the item.",
    ),
    FailureCode.GEMINI_REJECTED: (
        "Gemini refused the request as it was.",
        "Read what Gemini said in the message; correct the item or its options and submit anew.",
    ),
    FailureCode.GEMINI_AUTH: (
        "The key, the project, its billing or its region is refused. The lane pauses; no job fails.",
        "Set the right key; one call every five minutes finds out, and so does a worker that is started. See `lanes list`.",
    ),
    FailureCode.GEMINI_MODEL_NOT_FOUND: (
        "There is no such model under this address and version. The lane pauses; no job fails.",
        "Correct the model's name; cancel the jobs that name the wrong one. One call every five minutes tries the lane.",
    ),
    FailureCode.GEMINI_QUOTA: (
        "A quota, the day's requests, credits or a spend limit is used up. The lane pauses; no attempt is spent.",
        "See `lanes list`, which says what is used up and until when. Limits as your tier has them (`lanes set`) avoid it.",
    ),
    FailureCode.GEMINI_UNAVAILABLE: ("Gemini or the way to it is down or overloaded.", _ITSELF),
    FailureCode.GEMINI_TIMEOUT: (
        "No answer came in time.",
        "Raise `MEDIASCRIBE_CALL_TIMEOUT_SECONDS`, or shorten `MEDIASCRIBE_CLIP_SECONDS`, if it stays.",
    ),
    FailureCode.GEMINI_PENDING: (
        "The question is in a batch at Gemini (economy tier), whose answers take up to a day.",
        "Nothing: the job goes on when the batch is over.",
    ),
    FailureCode.GEMINI_BLOCKED: ("Gemini withholds an answer about this item.", "Nothing: it will not answer."),
    FailureCode.GEMINI_RECITATION: ("The answer came too close to a known work, and was stopped.", _MODEL),
    FailureCode.GEMINI_TRUNCATED: (
        "The answer ended before it was complete.",
        "Shorten `MEDIASCRIBE_CLIP_SECONDS` if it stays.",
    ),
    FailureCode.GEMINI_EMPTY: ("The answer has no text.", _MODEL),
    FailureCode.GEMINI_INVALID_OUTPUT: ("The answer is not of the form that was asked for.", _MODEL),
    FailureCode.GEMINI_DEGENERATE: ("The answer repeats itself without end.", _MODEL),
    FailureCode.GEMINI_NOT_HEARD: (
        "Gemini answered without having taken in the sound; such a transcript is invented.",
        _MODEL,
    ),
    FailureCode.BUDGET_EXCEEDED: (
        "A spend limit is reached.",
        "Raise the limit: the same command with a higher `--budget`. The jobs wait, and no attempt is spent.",
    ),
    FailureCode.DEADLINE_EXCEEDED: (
        "The job did not begin before its deadline.",
        "Deadlines cannot be set in this version.",
    ),
    FailureCode.WORKER_LOST: (
        "The worker process died while it ran the job, five times, the last three with the job alone in it.",
        "Look at the media item and at the memory of the machine before you retry.",
    ),
    FailureCode.INVALID_OPTIONS: (
        "An option is unknown or out of range; the message names it.",
        "Correct it and submit anew.",
    ),
    FailureCode.INTERNAL: ("A fault of mediascribe.", "Report it with the worker's log."),
}
"""What happened, and what to do."""
