"""Writing files so that a reader sees the old one or the new one, whole: a neighbour is written and then renamed."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cli.exits import CommandError, Exit


def write_whole(path: str | Path, pieces: Iterable[str]) -> None:
    """Replace the file by these pieces. Raises OSError; the old file then stays as it was."""
    target = Path(os.path.realpath(path))
    descriptor, name = tempfile.mkstemp(prefix=".mediascribe-", dir=target.parent)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        written.chmod(_mode_of(target))
        written.replace(target)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def _mode_of(target: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file gets."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def check_writable(path: str, *, endings: tuple[str, ...]) -> None:
    """Before anything is paid for: can this file be written? Raises CommandError(USAGE) with what to do."""
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise CommandError(Exit.USAGE, f"--out {path}: the name has to end in {' or '.join(endings)}")
    if target.is_dir():
        raise CommandError(Exit.USAGE, f"--out {path} is a folder; name a file in it")
    folder = Path(os.path.realpath(target)).parent
    if not folder.is_dir():
        raise CommandError(Exit.USAGE, f"--out {path}: the folder {folder} does not exist; make it first")
    if not os.access(folder, os.W_OK):
        raise CommandError(Exit.USAGE, f"--out {path}: no permission to write in {folder}")
