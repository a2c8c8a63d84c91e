"""Files at Gemini, against the simulator: whole or not at all, whatever breaks on the way."""

import hashlib

import pytest

from gemini.files import PIECE_BYTES
from gemini.rest import GoneError
from models.failures import FailureCode, FailureError
from tests.integration.door import Door, rule
from tests.services.simulator import Rule


@pytest.mark.parametrize(
    "faults",
    [
        (),
        (rule("file_upload", "cut", 1, 3),),
        (rule("file_upload", "reset", 2),),
        (rule("file_upload", "503", 1, 2),),
        (rule("file_upload", "503_html", 3),),
    ],
    ids=["all well", "cut twice", "last answer lost", "overloaded", "a page of a proxy"],
)
def test_a_file_arrives_whole_whatever_breaks_on_the_way(
    door: Door, faults: tuple[Rule, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemini.files.PAUSES_SECONDS", (0.0,) * 5)
    door.gemini.set_faults(faults)
    path = door.folder / "large.jsonl"
    data = bytes(range(256)) * (PIECE_BYTES // 256) + b"the rest"
    path.write_bytes(data)
    file = door.files.upload(path, display_name="mediascribe-large")
    assert (file.state, file.size_bytes, file.display_name) == ("ACTIVE", len(data), "mediascribe-large")
    assert door.sha256_of(file.name) == hashlib.sha256(data).digest()
    assert [found.name for found in door.files.ours("mediascribe-")] == [file.name]


def test_an_upload_that_never_gets_on_ends(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemini.files.PAUSES_SECONDS", (0.0,) * 3)
    door.gemini.set_faults([rule("file_upload", "503")])
    path = door.folder / "a.jsonl"
    path.write_bytes(b"a")
    with pytest.raises(FailureError) as raised:
        door.files.upload(path, display_name="a")
    assert raised.value.failure.code is FailureCode.GEMINI_UNAVAILABLE
    assert list(door.files.ours("")) == []


def test_our_files_are_told_by_their_names_and_deleted_once_or_twice(door: Door) -> None:
    path = door.folder / "empty.jsonl"
    path.write_bytes(b"")
    for number in range(4):
        door.files.upload(path, display_name=f"{'ours' if number % 2 else 'theirs'}-{number}")
    ours = [file.name for file in door.files.ours("ours-")]
    assert len(ours) == 2
    for name in ours * 2:
        door.files.delete(name)
    assert list(door.files.ours("ours-")) == []
    with pytest.raises(GoneError):
        door.files.get(ours[0])


def test_a_download_is_whole_or_not_at_all(door: Door) -> None:
    output = door.finished().output_file or ""
    path = door.folder / "answers.jsonl"
    with pytest.raises(FailureError) as raised:
        door.files.download(output, path, max_bytes=100)
    assert raised.value.failure.code is FailureCode.GEMINI_INVALID_OUTPUT
    door.gemini.set_faults([rule("file_download", "reset")])
    with pytest.raises(FailureError) as raised:
        door.files.download(output, path, max_bytes=1_000_000)
    assert raised.value.failure.code is FailureCode.GEMINI_UNAVAILABLE
    door.files.delete(output)
    with pytest.raises(GoneError):
        door.files.download(output, path, max_bytes=1_000_000)
    assert {item.name for item in door.folder.iterdir()} == {"rows.jsonl"}
