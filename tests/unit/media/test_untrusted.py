"""A recording cannot make the decoder open anything else, nor hold it up."""

import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from media.audio import Recording, RecordingLimits, SoundWish, prepare_recording
from media.tracks import open_track
from models.failures import FailureCode, FailureError
from tests.unit.media.inputs import Input
from tests.unit.media.samples import damaged
from tests.unit.media.sound_inputs import INPUTS
from tests.unit.media.sounds import add_picture_track, buzz, made, speech, write_sound

LIMITS = RecordingLimits(max_seconds=3_600)
ALLOWED = {
    FailureCode.MEDIA_CORRUPT,
    FailureCode.MEDIA_EMPTY,
    FailureCode.MEDIA_NO_AUDIO,
    FailureCode.MEDIA_TOO_LARGE,
    FailureCode.MEDIA_TOO_LONG,
    FailureCode.MEDIA_TOO_SHORT,
    FailureCode.MEDIA_UNSUPPORTED,
}


def prepared(path: Path, wish: SoundWish = SoundWish()) -> Recording:  # noqa: B008 - a value
    folder = path.parent / "clips"
    folder.mkdir(exist_ok=True)
    return prepare_recording(str(path), str(folder), LIMITS, wish)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A pipe that tells afterwards whether anybody opened it to read."""
    path = tmp_path / "canary.mov"
    os.mkfifo(path)
    opened = threading.Event()

    def watch() -> None:
        with path.open("wb"):  # waits for a reader
            opened.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    yield path
    was_opened = opened.is_set()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # open until the watcher, who may not wait yet, has ended
    watcher.join()
    os.close(reader)
    assert not was_opened


@contextmanager
def listening() -> Iterator[tuple[str, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.ts", server


def playlists(target: str) -> dict[str, str]:
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "dash": f"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period><BaseURL>{target}</BaseURL></Period></MPD>",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\na=control:{target}\n",
        "real": f"rtsptext\n{target}\n",
        "pls": f"[playlist]\nFile1={target}\n",
    }


@pytest.mark.parametrize("kind", playlists(""))
@pytest.mark.parametrize(
    "dressed", [b"", b"ID3\x03\0\0\0\0\0\0", b"\xff\xfb\x90\x00" * 3], ids=["plain", "tagged", "framed"]
)
def test_lists_of_other_files_are_not_followed(tmp_path: Path, canary: Path, kind: str, dressed: bytes) -> None:
    with listening() as (address, server):
        for target in (str(canary), canary.name, f"file:{canary}", address, f"concat:{canary}", f"data:,{address}"):
            path = tmp_path / "a.mp3"
            path.write_bytes(dressed + playlists(target)[kind].encode())
            with pytest.raises(FailureError) as raised:
                prepared(path)
            assert raised.value.failure.code in ALLOWED
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_name_that_is_a_protocol_opens_a_file_of_that_name_only(tmp_path: Path, canary: Path) -> None:
    for name in (f"concat:{canary}", f"subfile,,start,0,end,9,,:{canary}", "http://127.0.0.1:9/a.wav", "pipe:0"):
        with pytest.raises(FailureError) as raised:
            prepare_recording(name, str(tmp_path), LIMITS)
        assert raised.value.failure.code == FailureCode.SOURCE_NOT_FOUND


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def rebuilt(data: bytes, replacement: bytes) -> bytes:
    """The same film, the data of whose tracks is said to lie in other files."""
    found, at = b"", 0
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + length]
        if kind == b"dref":
            content = struct.pack(">II", 0, 1) + replacement
        elif kind in {b"moov", b"trak", b"mdia", b"minf", b"dinf"}:
            content = rebuilt(content, replacement)
        found += box(kind, content)
        at += length
    return found


def test_a_film_that_names_other_files_reads_none_of_them(tmp_path: Path, canary: Path) -> None:
    film = write_sound(tmp_path / "a.mov", buzz(2, rate=48_000), "pcm_s16le", rate=48_000).read_bytes()
    with listening() as (address, server):
        for target in (str(canary), canary.name, address):
            name = target.encode()
            alias = (
                bytes(14 + 28 + 12)
                + bytes([len(canary.name)])
                + canary.name.encode().ljust(63, b"\0")
                + bytes(16)
                + struct.pack(">HH", 1, 1)
                + bytes(16)
            )
            paths = struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">H", 0xFFFF)
            for entry in (box(b"url ", bytes(4) + name + b"\0"), box(b"alis", alias + paths)):
                path = tmp_path / "crafted.mov"
                path.write_bytes(rebuilt(film, entry))
                with suppress(FailureError):
                    prepared(path)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "row", [row for row in INPUTS if row.ends is None and "192 kHz" not in row.name], ids=lambda row: row.name
)
def test_damage_ends_with_a_code_or_is_survived(tmp_path: Path, row: Input) -> None:
    path = row.make(tmp_path)
    data = path.read_bytes()[:30_000]
    for seed in range(5):
        path.write_bytes(damaged(data, random.Random(seed)))
        wish = SoundWish(channels="separate" if seed % 2 else "mix")
        try:
            prepared(path, wish)
        except FailureError as error:
            assert error.failure.code in ALLOWED, (seed, error.failure)  # noqa: PT017


def test_the_decoder_of_the_picture_of_a_film_is_not_started(tmp_path: Path) -> None:
    """FFmpeg looks into every track when it opens a file, and only decoders find out how pixels are arranged."""
    path = write_sound(tmp_path / "a.mkv", buzz(2), "flac", also=add_picture_track)
    with closing(open_track(str(path)).container) as container:
        assert [stream.format for stream in container.streams.video] == [None]


def test_a_recording_cut_into_too_many_clips_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path, "wav", speech(40, rate=44_100))
    limits = RecordingLimits(clip_seconds=2, search_seconds=1, overlap_seconds=0.5, gap_seconds=2, max_clips=5)
    with pytest.raises(FailureError, match="more than 5 clips") as raised:
        prepare_recording(str(path), str(tmp_path), limits)
    assert raised.value.failure.code == FailureCode.MEDIA_TOO_LARGE
