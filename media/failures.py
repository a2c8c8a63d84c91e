"""The one table of what the exceptions of Pillow, PyAV and pydub mean for the file that was being decoded.

Only code that reads foreign bytes belongs under `translated`: there a ValueError is the file's fault. Elsewhere it
is a bug, passes through, and ends as `internal`. Imports the decoders, so only decoding processes import this.
"""

import builtins
import contextlib
import struct
import zlib
from collections.abc import Iterator

import av.error
from PIL import Image, UnidentifiedImageError

from models.failures import FailureCode, FailureError, failure

_DAMAGED = "is damaged and cannot be decoded; copy or export it again"

TABLE: tuple[tuple[type[BaseException], FailureCode, str], ...] = (
    (Image.DecompressionBombError, FailureCode.MEDIA_TOO_LARGE, "has too many pixels; make it smaller"),
    (builtins.MemoryError, FailureCode.MEDIA_TOO_LARGE, "needs more memory than a decoder may use; make it smaller"),
    (UnidentifiedImageError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (av.error.DecoderNotFoundError, FailureCode.MEDIA_UNSUPPORTED, "uses a codec that is not known; convert it"),
    (av.error.DemuxerNotFoundError, FailureCode.MEDIA_UNSUPPORTED, "is in a format that is not known; convert it"),
    (av.error.PatchWelcomeError, FailureCode.MEDIA_UNSUPPORTED, "uses a codec that is not known; convert it"),
    (av.error.FFmpegError, FailureCode.MEDIA_CORRUPT, _DAMAGED),  # before what FFmpeg's errors are made to resemble
    (builtins.FileNotFoundError, FailureCode.SOURCE_NOT_FOUND, "is gone since it was submitted; put it back"),
    (builtins.PermissionError, FailureCode.SOURCE_FORBIDDEN, "may not be read by this user; change its permissions"),
    (builtins.EOFError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (SyntaxError, FailureCode.MEDIA_CORRUPT, _DAMAGED),  # so Pillow calls a broken PNG
    (ValueError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (ArithmeticError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (LookupError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (RuntimeError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (struct.error, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (zlib.error, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (TypeError, FailureCode.MEDIA_CORRUPT, _DAMAGED),
    (AssertionError, FailureCode.MEDIA_CORRUPT, _DAMAGED),  # Pillow, about a palette that is not there
)
"""First match wins. Pillow's plain OSError is read apart: with an error number it is the machine's, not the file's."""


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn whatever decoding this file raises into a FailureError that names it."""
    try:
        yield
    except FailureError:
        raise
    except Exception as error:
        reason = _meaning(error)
        if reason is None:
            raise
        code, words = reason
        raise FailureError(failure(code, f"{path} {words}.", cause=f"{type(error).__name__}: {error}")) from error


def _meaning(error: Exception) -> tuple[FailureCode, str] | None:
    for kind, code, words in TABLE:
        if isinstance(error, kind):
            return code, words
    if isinstance(error, OSError) and error.errno is None:
        return FailureCode.MEDIA_CORRUPT, _DAMAGED
    return None
