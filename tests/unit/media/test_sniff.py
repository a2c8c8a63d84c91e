"""Bytes, not names, tell what a file is."""

from pathlib import Path

import pytest

from media.sniff import HEAD_BYTES, Family, describe, sniff, sniff_file
from tests.unit.media.samples import EXAMPLES, encoded, scene, tone, write_sound


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
