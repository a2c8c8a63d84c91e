"""Scratch folders: one for each process, private, and gone when their process is."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from models.ids import new_id
from worker.scratch import make_scratch


def ended_process() -> int:
    """The id of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def left_behind(root: Path, pid: object) -> Path:
    folder = root / f"mediascribe-{pid}-{new_id('wrk')}"
    (folder / "job").mkdir(parents=True)
    (folder / "job" / "clip-0000.flac").write_bytes(b"fLaC")
    return folder


def test_a_folder_is_new_and_for_its_own_user_alone(tmp_path: Path) -> None:
    first, second = (make_scratch(new_id("wrk"), root=tmp_path / "new") for _ in range(2))
    assert first != second
    assert list(first.iterdir()) == []
    assert stat.S_IMODE(first.stat().st_mode) == 0o700


def test_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    dead = left_behind(tmp_path, ended_process())
    make_scratch(new_id("wrk"), root=tmp_path)
    assert not dead.exists()


def test_what_a_live_process_uses_is_kept(tmp_path: Path) -> None:
    own, first = left_behind(tmp_path, os.getpid()), left_behind(tmp_path, 1)
    make_scratch(new_id("wrk"), root=tmp_path)
    assert own.exists()
    assert first.exists()  # the machine's first process is not ours to signal, but it lives


@pytest.mark.parametrize("name", ["mediascribe-notes", "mediascribe-x-wrk_1", "mediascribe--wrk_", "other-1-wrk_1"])
def test_what_is_not_surely_a_dead_process_own_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    make_scratch(new_id("wrk"), root=tmp_path)
    assert (tmp_path / name).exists()


def test_a_number_that_no_process_can_have_keeps_no_worker_from_starting(tmp_path: Path) -> None:
    left_behind(tmp_path, 10**30)
    assert make_scratch(new_id("wrk"), root=tmp_path).exists()
