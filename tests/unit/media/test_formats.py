"""What is said to be readable is what can be read."""

from collections.abc import Mapping

import av
import pytest

from media.formats import CLOCKED, DECODERS, DEMUXERS, ESTIMATING, FRAMED, readable_formats


def missing(families: Mapping[str, Mapping[str, bool]]) -> list[str]:
    return [name for formats in families.values() for name, is_readable in formats.items() if not is_readable]


def test_this_installation_reads_every_format_that_is_promised() -> None:
    formats = readable_formats()
    assert sum(map(len, formats.values())) > 30
    assert missing(formats) == []


def test_a_missing_decoder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"opus"})
    assert missing(readable_formats()) == ["Matroska", "Ogg (Opus, Vorbis, FLAC, Speex)", "WebM"]


def test_every_name_is_one_that_ffmpeg_knows() -> None:
    known = {name for names in av.formats_available for name in names.split(",")}
    assert set(DEMUXERS.values()) <= known
    assert av.codecs_available >= DECODERS
    assert set(DEMUXERS.values()) >= CLOCKED | ESTIMATING | FRAMED


def test_no_demuxer_follows_names_to_other_files() -> None:
    """Lists, image sequences, scripts and streams from the network."""
    followers = {"concat", "hls", "dash", "image2", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp", "webm_dash_manifest"}
    assert not set(DEMUXERS.values()) & followers
