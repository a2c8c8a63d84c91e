"""Text files beside the media: `photo.jpg.txt`; `talk.mp3.txt` and `talk.mp3.srt`. Files of these names are replaced."""

from collections.abc import Iterable
from dataclasses import dataclass

from cli.writing import write_whole
from models.store.queries import JobView
from worker.outputs import srt, txt


@dataclass(frozen=True, kw_only=True, slots=True)
class SidecarsWritten:
    """How many files were written, and which could not be."""

    count: int
    failed: tuple[tuple[str, str], ...]
    """Path and reason."""


def write_sidecars(views: Iterable[JobView]) -> SidecarsWritten:
    """The sidecars of all jobs that have an output; one that cannot be written does not stop the others."""
    count = 0
    failed: list[tuple[str, str]] = []
    for view in views:
        for path, text in sidecars_of(view):
            try:
                write_whole(path, [text])
                count += 1
            except OSError as error:
                failed.append((path, error.strerror or str(error)))
    return SidecarsWritten(count=count, failed=tuple(failed))


def sidecars_of(view: JobView) -> list[tuple[str, str]]:
    """Path and content of each."""
    if view.output is None:
        return []
    texts = [(view.source + ".txt", txt(view))]
    if "segments" in view.output:
        texts.append((view.source + ".srt", srt(view)))
    return texts
