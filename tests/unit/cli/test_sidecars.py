"""What is written beside the media, and what is never written over."""

import os
from pathlib import Path
from typing import Any

import pytest

from cli.sidecars import write_sidecars
from tests.unit.cli.jobs import CAPTION, segment, transcript, view

FORMATS = ("txt", "srt", "xmp")
DARKTABLE = '<?xml version="1.0"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2"/>'


def picture(folder: Path, **changes: Any) -> Any:
    return view(source=str(folder / "photo.jpg"), output=CAPTION | changes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_kind_has_the_files_that_fit_it(tmp_path: Path) -> None:
    talk = view(source=str(tmp_path / "talk.mp3"), kind="transcribe", output=transcript(segment(0, 1, "Hi.")).output)
    assert write_sidecars([picture(tmp_path), talk], FORMATS).count == 4
    assert names(tmp_path) == ["photo.jpg.txt", "photo.jpg.xmp", "talk.mp3.srt", "talk.mp3.txt"]


def test_our_own_xmp_file_is_replaced(tmp_path: Path) -> None:
    write_sidecars([picture(tmp_path)], ["xmp"])
    written = write_sidecars([picture(tmp_path, caption="A blue house.")], ["xmp"])
    assert (written.count, written.failed) == (1, ())
    assert "A blue house." in (tmp_path / "photo.jpg.xmp").read_text()


def test_a_xmp_file_of_another_program_is_left_and_named_and_the_others_are_written(tmp_path: Path) -> None:
    theirs = tmp_path / "photo.jpg.xmp"
    theirs.write_text(DARKTABLE)
    before = theirs.stat()
    other = view(source=str(tmp_path / "other.jpg"))
    written = write_sidecars([picture(tmp_path), other], ["xmp"])
    assert written.count == 1
    assert written.failed == ((str(theirs), "it is not as mediascribe wrote it, and was left as it is"),)
    assert theirs.read_text() == DARKTABLE
    assert theirs.stat().st_mtime_ns == before.st_mtime_ns
    assert names(tmp_path) == ["other.jpg.xmp", "photo.jpg.xmp"]


def test_our_file_that_somebody_added_to_is_theirs_from_then_on(tmp_path: Path) -> None:
    write_sidecars([picture(tmp_path)], ["xmp"])
    file = tmp_path / "photo.jpg.xmp"
    edited = file.read_text().replace("<dc:subject>", "<xmp:Rating>5</xmp:Rating>\n<dc:subject>")
    file.write_text(edited)
    assert write_sidecars([picture(tmp_path, caption="Another.")], ["xmp"]).count == 0
    assert file.read_text() == edited


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: Path(path).write_bytes(b" " * (1 << 20) + b"x")])
def test_what_is_no_file_of_ours_is_not_waited_for(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "photo.jpg.xmp")
    assert len(write_sidecars([picture(tmp_path)], ["xmp"]).failed) == 1
