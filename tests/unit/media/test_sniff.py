"""Bytes, not names, tell what a file is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sniff import HEAD_BYTES, Family, describe, sniff, sniff_file, sniff_sound
from tests.unit.media.pictures import encoded, scene
from tests.unit.media.samples import EXAMPLES
from tests.unit.media.sounds import tone, write_sound


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_picture_format_is_known(name: str) -> None:
    known = sniff(encoded(scene(), name))
    assert known is not None
    assert (known.name, known.mime_type, known.family) == (name.lower(), f"image/{name.lower()}", Family.PICTURE)


@pytest.mark.parametrize(
    ("container", "codec", "name"),
    [
        ("wav", "pcm_s16le", "wav"),
        ("mp3", "libmp3lame", "mp3"),
        ("ipod", "aac", "m4a"),
        ("mp4", "aac", "mp4"),
        ("mov", "aac", "mov"),
        ("ogg", "libopus", "ogg"),
        ("flac", "flac", "flac"),
        ("webm", "libopus", "webm"),
        ("matroska", "flac", "mkv"),
        ("adts", "aac", "aac"),
        ("aiff", "pcm_s16be", "aiff"),
        ("caf", "pcm_s16be", "caf"),
        ("mp2", "mp2", "mp2"),
        ("ac3", "ac3", "ac3"),
        ("eac3", "eac3", "eac3"),
        ("tta", "tta", "tta"),
        ("wv", "wavpack", "wv"),
        ("w64", "pcm_s16le", "w64"),
        ("au", "pcm_s16be", "au"),
        ("avi", "libmp3lame", "avi"),
        ("mpegts", "aac", "mpegts"),
        ("vob", "ac3", "mpeg"),
    ],
)
def test_every_sound_format_is_known(tmp_path: Path, container: str, codec: str, name: str) -> None:
    path = write_sound(tmp_path / "wrong.txt", tone(0.5, rate=48_000), codec, container_format=container, rate=48_000)
    known = sniff_file(path)
    assert known is not None
    assert (known.name, known.family) == (name, Family.RECORDING)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"#!AMR\n" + bytes(40), "amr"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"\0\0\0\x14ftyp3gp4\0\0\0\0isom", "3gp"),
        (b"\0\0\x01\0moov" + bytes(40), "mov"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"ID3\x04\0\0" + bytes(40), "mp3"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"),
        (b"FLV\x01\x05\0\0\0\x09", "flv"),
        (b"MAC \x96\x0f\0\0", "ape"),
        (b"#!AMR-WB\n" + bytes(40), "amr"),
        ((b"\0\0\0\0" + b"\x47\x40\0\x10".ljust(188, b"\xff")) * 5, "mpegts"),
    ],
)
def test_rarer_heads_are_known(head: bytes, name: str) -> None:
    known = sniff(head)
    assert known is not None
    assert known.name == name


def test_junk_before_mp3_frames_is_stepped_over(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(1), "libmp3lame")
    frames = path.read_bytes()
    frames = frames[frames.index(b"\xff\xf3") :]
    known = sniff(b"\xff\xf3 junk \0" * 20 + frames)
    assert known is not None
    assert known.name == "mp3"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "text"),
        (b"\n<!DOCTYPE html><title>404</title>", "an HTML page"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "an SVG drawing"),
        (b"%PDF-1.7", "a PDF document"),
        (b"#EXTM3U\nhttp://internal/a.ts", "a playlist"),
        ("Grüße".encode(), "text"),
        (b"\xff\xd8", "data of an unknown kind"),
        (b"G" * 4096, "text"),
        (b".RMF\0\0\0\x12", "a RealMedia file"),
        (b"MThd\0\0\0\x06", "MIDI notes, which are no recording"),
        (b"ffconcat version 1.0\n", "a playlist"),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1", "a description of a network stream"),
        (b"BM plainly a note", "text"),
        (bytes(range(256)) * 16, "data of an unknown kind"),
    ],
)
def test_strangers_are_refused_and_described(head: bytes, words: str) -> None:
    assert sniff(head) is None
    assert describe(head) == words


def test_only_the_head_counts() -> None:
    assert sniff(bytes(HEAD_BYTES) + encoded(scene(), "JPEG")) is None


def test_heic_example_is_a_picture() -> None:
    known = sniff_file(EXAMPLES / "boat.heic")
    assert known is not None
    assert (known.name, known.family) == ("heic", Family.PICTURE)


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"ID3", b"RIFF1234WAVE", b"\xff\xfb\x90", b"\0\0\0\x18ftyp", b"\x0b\x77", b"G"]),
)
def test_any_bytes_are_told_or_described(data: bytes, start: bytes) -> None:
    known = sniff(start + data)
    assert known is None or known.mime_type.partition("/")[0] in {"image", "audio", "video"}
    assert describe(start + data)


@pytest.mark.parametrize(("behind", "name"), [("adts", "aac"), ("flac", "flac"), ("mp3", "mp3"), ("wav", "wav")])
def test_sound_behind_a_tag_is_told_whatever_the_size_of_the_tag(tmp_path: Path, behind: str, name: str) -> None:
    codec = {"adts": "aac", "flac": "flac", "mp3": "libmp3lame", "wav": "pcm_s16le"}[behind]
    sound = write_sound(
        tmp_path / "a.bin", tone(1, rate=48_000), codec, container_format=behind, rate=48_000
    ).read_bytes()
    for size in (10, 5_000, 3_000_000):
        length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
        path = tmp_path / "tagged.bin"
        path.write_bytes(b"ID3\x03\0\0" + length + bytes(size) + sound)
        known = sniff_sound(path)
        assert known is not None
        assert known.name == name


def test_a_tag_that_lies_about_its_size_is_mp3_still(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    for head in (b"ID3", b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + bytes(50), b"ID3\x03\0\0\0\0\0\0" * 9 + b"\xff\xd8\xff"):
        path.write_bytes(head)
        known = sniff_sound(path)
        assert known is not None
        assert known.family is Family.RECORDING
