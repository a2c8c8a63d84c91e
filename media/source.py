"""From the path that names a source to one regular, bounded, hashed file on this machine.

Nothing is trusted: the name may point at a device, a pipe that never ends, a directory, or a file that changes
while it is read. What comes back was read to its end once, so its size and hash are those of the bytes themselves.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from media.outbound.errors import OutboundError, Reason
from media.outbound.target import redacted
from media.sniff import HEAD_BYTES, MediaType, describe, sniff
from models.failures import FailureCode, FailureError, Nature, failure

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_READ_BYTES = 1024 * 1024

_OPEN_FAILURES = {
    errno.ENOENT: FailureCode.SOURCE_NOT_FOUND,
    errno.ENOTDIR: FailureCode.SOURCE_NOT_FOUND,
    errno.ELOOP: FailureCode.SOURCE_NOT_FOUND,
    errno.ENAMETOOLONG: FailureCode.SOURCE_NOT_FOUND,
    errno.EACCES: FailureCode.SOURCE_FORBIDDEN,
    errno.EPERM: FailureCode.SOURCE_FORBIDDEN,
    errno.ENXIO: FailureCode.SOURCE_FORBIDDEN,
}
"""What the reasons for which a file does not open mean; any other may pass by itself."""


_MEANINGS: Mapping[Reason, tuple[FailureCode, Nature]] = {
    Reason.NOT_ALLOWED: (FailureCode.SOURCE_FORBIDDEN, Nature.PERMANENT),
    Reason.UNREACHABLE: (FailureCode.SOURCE_UNREACHABLE, Nature.TRANSIENT),
    Reason.ENDLESS: (FailureCode.SOURCE_UNREACHABLE, Nature.PERMANENT),
    Reason.TOO_LARGE: (FailureCode.MEDIA_TOO_LARGE, Nature.PERMANENT),
    Reason.UNREADABLE: (FailureCode.MEDIA_UNSUPPORTED, Nature.PERMANENT),
    Reason.STOPPED: (FailureCode.SOURCE_UNREACHABLE, Nature.INTERRUPTED),
}
"""What the guarded client's reasons mean for a source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalFile:
    """A media file on this machine, read once to its end."""

    path: Path
    size_bytes: int
    sha256: str
    """Hexadecimal, of the whole content."""
    media_type: MediaType
    modified_ns: int
    """When it was last changed, as the file system says."""
    name: str
    """What it is called in messages: its path, or the address it was copied from, without secrets."""


def check_unchanged(file: LocalFile) -> None:
    """Refuse a file that is another one by now, as far as size and time of change tell. Raises FailureError(source_changed)."""
    try:
        now = file.path.stat()
    except OSError as error:
        raise _not_opened(file.name, error) from error
    if (now.st_size, now.st_mtime_ns) != (file.size_bytes, file.modified_ns):
        words = "changed while it was worked on; try again when it is complete"
        raise refusal(FailureCode.SOURCE_CHANGED, file.name, words)


def open_local(source: str, *, max_bytes: int, name: str | None = None) -> LocalFile:
    """Find, check and hash the file that a path or a `file://` URL names; `name` is what messages call it, if not by its path.

    Raises FailureError: source_not_found; source_forbidden (no permission, not a regular file, another machine's);
    source_unreachable (the disk or the mount does not answer); source_changed (while it was read); media_empty;
    media_too_large (over max_bytes); media_unsupported (neither picture nor sound).
    """
    path = _path_of(source)
    called = name or source
    try:
        _check_regular(called, path.stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold us up
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            return replace(_read(called, path, file.fileno(), max_bytes), name=name or str(path))
    except ValueError as error:
        raise refusal(FailureCode.SOURCE_NOT_FOUND, redacted(called), "is not a name that a file can have") from error
    except OSError as error:
        raise _not_opened(called, error) from error


def _path_of(source: str) -> Path:
    if scheme_of(source) is None:
        return Path(source)
    parts = urlsplit(source)
    if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
        raise refusal(FailureCode.SOURCE_FORBIDDEN, redacted(source), "is not on this machine; name a file that is")
    return Path(unquote(parts.path))


def scheme_of(source: str) -> str | None:
    """Such as `https`; None where the source is a path."""
    scheme = _SCHEME.match(source)
    return scheme and scheme[1].lower()


def _check_regular(source: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        is_folder = stat.S_ISDIR(status.st_mode)
        words = "is a folder; name the files in it" if is_folder else "is a device, pipe or socket; name a plain file"
        raise refusal(FailureCode.SOURCE_FORBIDDEN, source, words)


def _read(source: str, path: Path, descriptor: int, max_bytes: int) -> LocalFile:
    before = os.fstat(descriptor)
    _check_regular(source, before)
    _check_size(source, before.st_size, max_bytes)
    head, size_bytes, sha256 = _digest(descriptor, before.st_size)
    after = os.fstat(descriptor)
    if size_bytes != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise refusal(FailureCode.SOURCE_CHANGED, source, "changed while it was read; try again when it is complete")
    return LocalFile(
        path=path, size_bytes=size_bytes, sha256=sha256, media_type=sniffed(source, head),
        modified_ns=after.st_mtime_ns, name=str(path),
    )  # fmt: skip


def sniffed(name: str, head: bytes) -> MediaType:
    """What the file is, from its first bytes. Raises FailureError(media_unsupported)."""
    media_type = sniff(head)
    if media_type is None:
        words = f"is neither a picture nor a recording: it looks like {describe(head)}"
        raise refusal(FailureCode.MEDIA_UNSUPPORTED, name, words)
    return media_type


def _check_size(source: str, size_bytes: int, max_bytes: int) -> None:
    if size_bytes == 0:
        raise refusal(FailureCode.MEDIA_EMPTY, source, "is empty (0 bytes); copy or record it again")
    if size_bytes > max_bytes:
        words = f"has {size_bytes} bytes, more than the {max_bytes} allowed; make it smaller or raise the limit"
        raise refusal(FailureCode.MEDIA_TOO_LARGE, source, words)


def _digest(descriptor: int, expected_bytes: int) -> tuple[bytes, int, str]:
    """Head, size and hash of the content; stops soon after the expected size, for a file may grow for ever."""
    digest, head, size_bytes = hashlib.sha256(), b"", 0
    while size_bytes <= expected_bytes and (block := os.read(descriptor, _READ_BYTES)):
        if len(head) < HEAD_BYTES:
            head = (head + block)[:HEAD_BYTES]
        digest.update(block)
        size_bytes += len(block)
    return head, size_bytes, digest.hexdigest()


def _not_opened(source: str, error: OSError) -> FailureError:
    code = _OPEN_FAILURES.get(error.errno or 0, FailureCode.SOURCE_UNREACHABLE)
    words = {
        FailureCode.SOURCE_NOT_FOUND: "does not exist; check the name and the folder it is relative to",
        FailureCode.SOURCE_FORBIDDEN: "may not be read by this user; change its permissions",
    }.get(code, f"could not be read ({error.strerror}); check the disk")
    return refusal(code, source, words)


def refusal(code: FailureCode, source: str, words: str) -> FailureError:
    """The failure of a source, in words that follow its name."""
    return FailureError(failure(code, f"{source} {words}."))


def unanswered(error: OutboundError, name: str) -> FailureError:
    """What the reason means for the source of this name."""
    code, nature = _MEANINGS[error.reason]
    return FailureError(failure(code, f"{name} {error.words}.", nature=nature))
