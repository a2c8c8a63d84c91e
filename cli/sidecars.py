"""Files beside the media: `photo.jpg.txt`, `photo.jpg.xmp`; `talk.mp3.txt` and `talk.mp3.srt`.

Texts of these names are replaced. An XMP sidecar is replaced if it is as we wrote it: other programs keep there what
people did by hand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.writing import write_whole
from models.store.queries import JobView
from worker.outputs import TEXTS, fits
from worker.xmp import MOST_BYTES, is_ours


class ForeignFileError(OSError):
    """There is a file that is not ours to replace."""

    def __init__(self, path: str) -> None:
        super().__init__(None, "it is not as mediascribe wrote it, and was left as it is", path)


@dataclass(frozen=True, kw_only=True, slots=True)
class SidecarsWritten:
    """How many files were written, and which could not be."""

    count: int
    failed: tuple[tuple[str, str], ...]
    """Path and reason."""


def write_sidecars(views: Iterable[JobView], formats: Sequence[str] = ("txt", "srt")) -> SidecarsWritten:
    """The sidecars of all jobs that have an output; one that cannot be written does not stop the others."""
    count = 0
    failed: list[tuple[str, str]] = []
    for view in views:
        for path, text in sidecars_of(view, formats):
            try:
                write_sidecar(path, text)
                count += 1
            except OSError as error:
                failed.append((path, error.strerror or str(error)))
    return SidecarsWritten(count=count, failed=tuple(failed))


def sidecars_of(view: JobView, formats: Sequence[str]) -> list[tuple[str, str]]:
    """Path and content of each."""
    output = view.output
    if output is None:
        return []
    return [(f"{view.source}.{name}", TEXTS[name](view)) for name in formats if fits(name, output)]


def write_sidecar(path: str, text: str) -> None:
    """Write or replace the file. Raises OSError; ForeignFileError where an XMP file is not ours."""
    if path.lower().endswith(".xmp"):
        check_ours(path)
    write_whole(path, [text])


def check_ours(path: str) -> None:
    """Raises ForeignFileError where there is something that is not as we wrote it; OSError."""
    target = Path(path)
    if not target.exists():
        return
    if not target.is_file():  # to open a pipe would wait for ever
        raise ForeignFileError(path)
    with target.open("rb") as file:
        document = file.read(MOST_BYTES)
    if not is_ours(document):
        raise ForeignFileError(path)
