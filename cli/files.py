"""From the PATHs of a command to the media files below them, each with its kind; the rest is counted and named.

Kinds follow from the bytes, never from names, with one exception: an empty file tells nothing, so its name decides
whether somebody took it for media and has to hear that it is empty.
"""

import hashlib
import mimetypes
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.exits import CommandError, Exit
from media.outbound.target import redacted
from media.sniff import HEAD_BYTES, describe, sniff
from media.source import scheme_of
from tasks.registry import KIND_OF_FAMILY
from worker.submit import local_source

SIDECAR_ENDINGS = (".txt", ".srt", ".xmp")
_KIND_OF_NAME = {"image": "caption", "audio": "transcribe", "video": "transcribe"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaFile:
    """A file that becomes a job."""

    path: str
    """Absolute."""
    kind: str
    size_bytes: int
    modified_ns: int

    def key(self, prefix: str) -> str:
        """The same for the same bytes at the same place, as far as size and time of change tell."""
        words = f"{prefix}\0{self.path}\0{self.size_bytes}\0{self.modified_ns}"
        return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What lies below the PATHs."""

    media: tuple[MediaFile, ...]
    """Sorted by path, each file once."""
    skipped: tuple[tuple[str, str], ...]
    """Path and reason."""


def find_media(paths: Sequence[str], *, kind: str = "auto", own_files: Iterable[str] = ()) -> Found:
    """Walk the paths. `own_files` (what this program writes) are not looked at.

    Raises CommandError naming the first path that does not exist, or is none.
    """
    for path in paths:
        if scheme_of(path) is not None:
            words = (
                "is an address; run takes files of this machine, and submit takes addresses: mediascribe submit --wait"
            )
            raise CommandError(Exit.USAGE, f"{redacted(path)} {words}")
        if not Path(path).exists():
            raise CommandError(Exit.NOT_FOUND, f"{path} does not exist; nothing was accepted")
    own = {local_source(path) for path in own_files}
    files = {file for path in paths for file in _files_below(local_source(path))} - own
    media: list[MediaFile] = []
    skipped: list[tuple[str, str]] = []
    for file in sorted(files):
        found = _look_at(file, kind)
        if isinstance(found, MediaFile):
            media.append(found)
        else:
            skipped.append((file, found))
    other_kinds = {file for file, reason in skipped if reason == _not_for(kind)}
    sidecars = {file + ending for file in {*other_kinds, *(file.path for file in media)} for ending in SIDECAR_ENDINGS}
    return Found(media=tuple(media), skipped=tuple(item for item in skipped if item[0] not in sidecars))


def kind_of_file(path: str) -> str:
    """The kind of work that fits this file. Raises ValueError in words why none does, OSError."""
    if not stat.S_ISREG(Path(path).stat().st_mode):  # to open a pipe would wait for ever
        raise ValueError("no regular file")
    with Path(path).open("rb") as file:
        head = file.read(HEAD_BYTES)
    media_type = sniff(head)
    if media_type is not None:
        return KIND_OF_FAMILY[media_type.family]
    if head:
        raise ValueError(f"no media, but {describe(head)}")
    guessed = mimetypes.guess_type(path)[0] or ""
    if guessed.partition("/")[0] not in _KIND_OF_NAME:
        raise ValueError("empty")
    return _KIND_OF_NAME[guessed.partition("/")[0]]


def kind_of_address(address: str) -> str:
    """The kind of work that fits a URL, as its name tells; its bytes are elsewhere. Raises CommandError(USAGE)."""
    guessed = mimetypes.guess_type(address.partition("?")[0])[0] or ""
    kind = _KIND_OF_NAME.get(guessed.partition("/")[0])
    if kind is None:
        words = "does not say by its name what it is; give --kind caption or --kind transcribe"
        raise CommandError(Exit.USAGE, f"{redacted(address)} {words}")
    return kind


def _files_below(path: str) -> Iterator[str]:
    """The file itself, or every regular file below the folder; hidden ones and links to folders are left out."""
    if not Path(path).is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = (Path(folder, name) for name in names if not name.startswith("."))
        yield from (str(file) for file in files if file.is_file())  # no sockets, pipes, devices or dangling links


def _look_at(path: str, kind: str) -> MediaFile | str:
    """The file as a job, or why it is none."""
    try:
        path.encode()
        found = kind_of_file(path)
        facts = Path(path).stat()
    except UnicodeEncodeError:
        return "its name is not valid Unicode: rename it"
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if kind not in ("auto", found):
        return _not_for(kind)
    return MediaFile(path=path, kind=found, size_bytes=facts.st_size, modified_ns=facts.st_mtime_ns)


def _not_for(kind: str) -> str:
    return f"not for --kind {kind}"
