"""The form of one job: its file goes to the storage while it comes, its other fields are kept until all are there."""

import difflib
import json
from typing import Any

from pydantic import ValidationError

from api.bodies import NewJobBody
from api.errors import invalid, validation_errors
from api.forms import PartBegins, PartEnds, PartGoesOn, Piece
from api.parts import Parts
from api.problems import FieldError, ProblemCode, ProblemError
from api.uploads import FIELD, Upload
from models.store.uploads import NewUpload

DOCUMENTS = ("options", "metadata")
"""Fields that are JSON documents; the others are plain text."""
TEXTS = frozenset(NewJobBody.model_fields) - {"source"}


class JobForm:
    """What has come of a form. For one task at a time."""

    def __init__(self, parts: Parts, owner: str) -> None:
        self._parts = parts
        self._owner = owner
        self.texts: dict[str, str] = {}
        self.upload: Upload | None = None
        self._file: NewUpload | None = None
        self._name = ""
        self._text = bytearray()
        self._texts_bytes = 0

    async def take(self, piece: Piece) -> None:
        """The next piece. Raises ProblemError naming the field, and what uploads raise."""
        if self.upload is not None:
            await self.upload.renew()  # also while the fields behind the file come
        match piece:
            case PartBegins():
                await self._begin(piece)
            case PartGoesOn() if self._name == FIELD:
                assert self.upload is not None
                await self.upload.take(piece.data)
            case PartGoesOn():
                self._go_on(piece.data)
            case PartEnds() if self._name == FIELD:
                assert self.upload is not None
                self._file = await self.upload.finish()
            case PartEnds():
                self.texts[self._name] = self._decoded()

    def file(self) -> NewUpload:
        """The file, when all has come. Raises ProblemError(invalid_request) where there is none."""
        if self._file is None:
            raise _wrong(FIELD, "file is missing; send the picture or recording in it", code="missing")
        return self._file

    def body(self, *, source: str) -> NewJobBody:
        """The job that the fields describe. Raises ProblemError(invalid_request) naming each that is wrong."""
        values: dict[str, Any] = {**self.texts, "source": source}
        for name in DOCUMENTS:
            if name in values:
                values[name] = _document(name, values[name])
        try:
            return NewJobBody.model_validate(values)
        except ValidationError as error:
            raise invalid(validation_errors(error)) from error

    async def drop(self) -> None:
        """Leave nothing of it."""
        if self.upload is not None:
            await self.upload.drop()

    async def _begin(self, part: PartBegins) -> None:
        self._check_name(part.name)
        self._name = part.name
        self._text.clear()
        if part.name == FIELD:
            self.upload = Upload(self._parts, self._owner, part.filename)
            await self.upload.begin()

    def _check_name(self, name: str) -> None:
        if name == FIELD and self.upload is not None:
            raise _wrong(FIELD, "file is there twice; a job has one, so send two requests", code="duplicate")
        if name in self.texts:
            raise _wrong(name, f"{name} is there twice", code="duplicate")
        if name == "source":
            raise _wrong(name, "source does not go with a file; send either", code="unknown_field")
        if name not in TEXTS and name != FIELD:
            near = difflib.get_close_matches(name, TEXTS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(TEXTS))} and {FIELD}"
            shown = name[:100]
            raise _wrong(shown, f"there is no field {shown!r}; {hint}", code="unknown_field")

    def _go_on(self, data: bytes) -> None:
        self._text += data
        self._texts_bytes += len(data)
        most = self._parts.settings.api_max_body_bytes
        if self._texts_bytes > most:
            words = f"{self._name} is too long: the fields beside the file may have {most:,} bytes together"
            raise ProblemError(ProblemCode.TOO_LARGE, words, errors=[FieldError(field=self._name, detail=words)])

    def _decoded(self) -> str:
        try:
            return self._text.decode()
        except UnicodeDecodeError as error:
            raise _wrong(self._name, f"{self._name} is not UTF-8", code="unicode") from error


def _document(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(name, f"{name} must be a JSON object", code="json_invalid") from error


def _wrong(field: str, words: str, *, code: str) -> ProblemError:
    error = FieldError(field=field, code=code, detail=words)
    return ProblemError(ProblemCode.INVALID_REQUEST, words, errors=[error])
