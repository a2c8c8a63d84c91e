import os
from pathlib import Path

import pytest

from cli.exits import CommandError, Exit
from cli.files import MediaFile, find_media, kind_of_address, kind_of_file
from tests.unit.media.pictures import encoded, scene
from tests.unit.media.sounds import tone, write_sound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures and a recording under misleading names, among other things."""
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("z.jpg", "b/a.txt", ".hidden/c.jpg", ".d.jpg"):
        (tmp_path / name).write_bytes(encoded(scene(), "JPEG"))
    write_sound(tmp_path / "talk.wav", tone(0.2)).rename(tmp_path / "talk.jpg")
    (tmp_path / "notes.md").write_text("words")
    return tmp_path


def names(folder: Path, files: tuple[MediaFile, ...]) -> list[tuple[str, str]]:
    return [(str(Path(file.path).relative_to(folder)), file.kind) for file in files]


def test_kinds_follow_from_bytes_and_files_are_sorted_and_met_once(folder: Path) -> None:
    found = find_media([str(folder), str(folder / "b"), str(folder / "z.jpg")])
    assert names(folder, found.media) == [("b/a.txt", "caption"), ("talk.jpg", "transcribe"), ("z.jpg", "caption")]
    assert [(Path(path).name, reason) for path, reason in found.skipped] == [("notes.md", "no media, but text")]


def test_a_kind_that_is_asked_for_leaves_out_the_other(folder: Path) -> None:
    found = find_media([str(folder)], kind="transcribe")
    assert names(folder, found.media) == [("talk.jpg", "transcribe")]


def test_what_we_wrote_ourselves_is_not_reported(folder: Path) -> None:
    for name in ("z.jpg.txt", "talk.jpg.srt", "talk.jpg.txt", "out.csv"):
        (folder / name).write_text("ours")
    found = find_media([str(folder)], own_files=[str(folder / "out.csv")])
    assert [Path(path).name for path, _ in found.skipped] == ["notes.md"]


def test_what_we_wrote_beside_files_of_another_kind_is_not_reported_either(folder: Path) -> None:
    ours = folder / "z.jpg.txt"
    ours.write_text("ours")
    found = find_media([str(folder)], kind="transcribe")
    assert str(ours) not in [path for path, _ in found.skipped]
    assert str(folder / "z.jpg") in [path for path, _ in found.skipped]


def test_an_empty_file_counts_as_what_its_name_says(tmp_path: Path) -> None:
    for name in ("a.wav", "b.png", "c.mp4", "d.txt"):
        (tmp_path / name).touch()
    found = find_media([str(tmp_path)])
    assert [kind for _, kind in names(tmp_path, found.media)] == ["transcribe", "caption", "transcribe"]
    assert [reason for _, reason in found.skipped] == ["empty"]


def test_a_path_that_does_not_exist_is_named(folder: Path) -> None:
    with pytest.raises(CommandError, match="nowhere") as caught:
        find_media([str(folder), "nowhere"])
    assert caught.value.code is Exit.NOT_FOUND


def test_circles_pipes_and_dangling_links_are_passed_by(folder: Path) -> None:
    (folder / "circle").symlink_to(folder)
    (folder / "nothing.jpg").symlink_to(folder / "gone.jpg")
    os.mkfifo(folder / "pipe.jpg")
    assert len(find_media([str(folder)]).media) == 3


def test_a_name_that_is_not_unicode_is_skipped_with_a_word(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(encoded(scene(), "JPEG"))
    found = find_media([str(tmp_path)])
    assert found.media == ()
    assert "not valid Unicode" in found.skipped[0][1]


def test_the_key_changes_with_place_size_time_and_batch() -> None:
    file = MediaFile(path="a", kind="caption", size_bytes=1, modified_ns=2)
    others = [
        MediaFile(path="b", kind="caption", size_bytes=1, modified_ns=2),
        MediaFile(path="a", kind="caption", size_bytes=2, modified_ns=2),
        MediaFile(path="a", kind="caption", size_bytes=1, modified_ns=3),
    ]
    assert len({file.key("k"), file.key("l"), *(other.key("k") for other in others)}) == 5
    assert file.key("k") == file.key("k")


def test_no_media_says_what_it_is(tmp_path: Path) -> None:
    page = tmp_path / "a.jpg"
    page.write_text("<html>")
    with pytest.raises(ValueError, match="an HTML page"):
        kind_of_file(str(page))


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://example.org/a.JPG?size=large.mp3", "caption"),
        ("s3://bucket/a/b.mp3", "transcribe"),
        ("gs://bucket/film.mp4", "transcribe"),
        ("file:///srv/a.png", "caption"),
    ],
)
def test_the_kind_of_an_address_follows_from_its_ending(address: str, kind: str) -> None:
    assert kind_of_address(address) == kind


@pytest.mark.parametrize("address", ["https://ada:secret@example.org/photo?sig=secret", "s3://bucket/page.html"])
def test_an_address_whose_ending_says_nothing_needs_a_kind(address: str) -> None:
    with pytest.raises(CommandError, match="--kind caption or --kind transcribe") as caught:
        kind_of_address(address)
    assert caught.value.code is Exit.USAGE
    assert "secret" not in str(caught.value)


def test_run_takes_no_addresses_and_says_what_does() -> None:
    with pytest.raises(CommandError, match="mediascribe submit") as caught:
        find_media(["https://example.org/a.jpg?sig=secret"])
    assert caught.value.code is Exit.USAGE
    assert "secret" not in str(caught.value)
