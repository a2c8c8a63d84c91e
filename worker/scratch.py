"""Folders for what is needed only while a job runs: one for each process, removed with it.

A process that was killed cannot tidy up; the next one to start does it for all that are gone.
"""

import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "mediascribe-"


def make_scratch(worker_id: str, *, root: Path | None = None) -> Path:
    """A new folder for this process, after removing those of processes that are gone."""
    root = root or Path(tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    for folder in root.glob(f"{_PREFIX}*-wrk_*"):
        if not _alive(folder):
            shutil.rmtree(folder, ignore_errors=True)
    scratch = root / f"{_PREFIX}{os.getpid()}-{worker_id}"
    scratch.mkdir(mode=0o700)
    return scratch


def _alive(folder: Path) -> bool:
    """Does the process that made the folder still run? If in doubt, yes."""
    pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
    return not pid.isdecimal() or is_running(int(pid))


def is_running(pid: int) -> bool:
    """Is there a process with this id on this machine, whoever's it is?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
