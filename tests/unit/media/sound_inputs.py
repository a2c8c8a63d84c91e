"""What happens to each kind of recording that people have: one row each, proved by `test_sound_inputs`."""

import struct
from collections.abc import Callable
from pathlib import Path

import av

from models.failures import FailureCode
from tests.unit.media.inputs import Input
from tests.unit.media.sounds import (
    Samples,
    SoundTrack,
    add_picture_track,
    buzz,
    interleaved,
    noise,
    silence,
    speech,
    write_sound,
    write_tracks,
)

SECONDS = 4

READ = "is read to its end"
_CUT = "what decodes is kept, and the result is marked degraded"


def _coded(container: str, codec: str, rate: int, layout: str = "mono", **options: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        channels = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}[layout]
        sound = interleaved(*[speech(SECONDS, rate=rate)] * channels)
        track = SoundTrack(samples=sound, codec=codec, rate=rate, layout=layout)
        return write_tracks(folder / "a.bin", container, track, options=options)

    return make


CODED: tuple[tuple[str, Callable[[Path], Path]], ...] = (
    ("WAV, 8-bit", _coded("wav", "pcm_u8", 8_000)),
    ("WAV, 16-bit", _coded("wav", "pcm_s16le", 44_100, "stereo")),
    ("WAV, 24-bit", _coded("wav", "pcm_s24le", 96_000)),
    ("WAV, 32-bit, 192 kHz, 8 channels (extensible)", _coded("wav", "pcm_s32le", 192_000, "7.1")),
    ("WAV, 32-bit float", _coded("wav", "pcm_f32le", 48_000, "stereo")),
    ("WAV, 64-bit float", _coded("wav", "pcm_f64le", 48_000)),
    ("WAV, A-law", _coded("wav", "pcm_alaw", 8_000)),
    ("WAV, µ-law", _coded("wav", "pcm_mulaw", 8_000)),
    ("WAV, Microsoft ADPCM", _coded("wav", "adpcm_ms", 22_050)),
    ("WAV, IMA ADPCM", _coded("wav", "adpcm_ima_wav", 22_050)),
    ("WAV, G.726", _coded("wav", "g726", 8_000)),
    ("WAV, G.722", _coded("wav", "g722", 16_000)),
    ("WAV with MP3 inside", _coded("wav", "libmp3lame", 44_100)),
    ("WAV, 5.1", _coded("wav", "pcm_s16le", 48_000, "5.1")),
    ("RF64", _coded("wav", "pcm_s16le", 48_000, rf64="always")),
    ("Wave64", _coded("w64", "pcm_s16le", 44_100)),
    ("AU", _coded("au", "pcm_mulaw", 8_000)),
    ("AIFF", _coded("aiff", "pcm_s24be", 44_100)),
    ("CAF", _coded("caf", "alac", 44_100)),
    ("FLAC", _coded("flac", "flac", 44_100, "stereo")),
    ("WavPack", _coded("wv", "wavpack", 44_100)),
    ("TTA", _coded("tta", "tta", 44_100)),
    ("MP3", _coded("mp3", "libmp3lame", 44_100, "stereo")),
    ("MP3 without the header that tells its length", _coded("mp3", "libmp3lame", 44_100, write_xing="0")),
    ("MP2", _coded("mp2", "mp2", 48_000)),
    ("AAC", _coded("adts", "aac", 48_000)),
    ("AC-3", _coded("ac3", "ac3", 48_000)),
    ("E-AC-3", _coded("eac3", "eac3", 48_000)),
    ("AMR", _coded("amr", "libopencore_amrnb", 8_000)),
    ("M4A", _coded("ipod", "aac", 44_100)),
    ("M4A, ALAC", _coded("ipod", "alac", 44_100)),
    ("M4A, fragmented", _coded("mp4", "aac", 44_100, movflags="frag_keyframe+empty_moov+default_base_moof")),
    ("3GP", _coded("3gp", "libopencore_amrnb", 8_000)),
    ("MP4 with AC-3", _coded("mp4", "ac3", 48_000, "5.1")),
    ("QuickTime", _coded("mov", "pcm_s16le", 48_000)),
    ("Ogg, Opus", _coded("ogg", "libopus", 48_000)),
    ("Ogg, Vorbis", _coded("ogg", "vorbis", 44_100, "stereo")),
    ("Ogg, FLAC", _coded("ogg", "flac", 44_100)),
    ("Matroska", _coded("matroska", "libmp3lame", 44_100)),
    ("WebM", _coded("webm", "libopus", 48_000)),
    ("WebM from a browser, without duration", _coded("webm", "libopus", 48_000, live="1")),
    ("Windows Media", _coded("asf", "wmav2", 44_100, "stereo")),
    ("AVI", _coded("avi", "libmp3lame", 44_100)),
    ("Flash video", _coded("flv", "aac", 44_100)),
    ("MPEG transport stream", _coded("mpegts", "aac", 48_000)),
    ("DVD video", _coded("vob", "ac3", 48_000, "stereo")),
    ("MPEG program stream", _coded("mpeg", "mp2", 48_000)),
)


def _wav(folder: Path, change: Callable[[bytearray], object], samples: "Samples | None" = None) -> Path:
    path = write_sound(folder / "a.wav", speech(SECONDS) if samples is None else samples)
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def _field(name: bytes, offset: int, value: bytes) -> Callable[[Path], Path]:
    """A WAV in which this many bytes after the name of a chunk other bytes stand."""

    def change(data: bytearray) -> None:
        at = data.index(name) + offset
        data[at : at + len(value)] = value

    return lambda folder: _wav(folder, change)


def _sizes(value: int) -> Callable[[Path], Path]:
    def change(data: bytearray) -> None:
        at = data.index(b"data") + 4
        data[at : at + 4] = data[4:8] = struct.pack("<I", value)

    return lambda folder: _wav(folder, change)


def _changed(
    container: str, codec: str, rate: int, change: Callable[[bytes], bytes], **options: str
) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = _coded(container, codec, rate, **options)(folder)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def _zeroed(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + bytes(third // 2) + data[third + third // 2 :]


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _tagged(data: bytes) -> bytes:
    """With an ID3 tag that holds a cover of 2 MB."""
    picture = b"\0image/jpeg\0\x03\0" + b"\xff\xd8\xff\xe0" + bytes(2_000_000)
    frame = b"APIC" + struct.pack(">I", len(picture)) + bytes(2) + picture
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + frame + data


def _text(text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "a.mp3"
        path.write_text(text)
        return path

    return make


def _pcm(samples: Samples, layout: str = "mono") -> Callable[[Path], Path]:
    return lambda folder: write_sound(folder / "a.wav", samples, layout=layout)


def _emptied(data: bytearray) -> None:
    del data[data.index(b"data") + 8 :]
    data[-4:] = bytes(4)
    data[4:8] = struct.pack("<I", len(data) - 8)


def _rf64_of_5_gb(folder: Path) -> Path:
    path = _coded("wav", "pcm_s16le", 48_000, rf64="always")(folder)
    data = bytearray(path.read_bytes())
    at = data.index(b"ds64") + 8
    data[at : at + 16] = struct.pack("<QQ", 5_000_000_080, 5_000_000_000)
    path.write_bytes(data)
    return path


def _too_long(folder: Path) -> Path:
    return write_sound(folder / "a.wav", silence(3_700, 1_000), rate=1_000)


def _film_without_sound(folder: Path) -> Path:
    path = folder / "a.mp4"
    with av.open(str(path), "w") as out:
        add_picture_track(out)
    return path


_LYING: tuple[tuple[str, str, Callable[[Path], Path], FailureCode | None], ...] = (
    ("WAV that says it holds nothing", READ, _sizes(0), None),
    ("WAV that was streamed (largest size there is)", READ, _sizes(0xFFFFFFFF), None),
    ("WAV that says too much", _CUT, _sizes(9_000_000), None),
    ("RF64 that says it holds 5 GB", _CUT, _rf64_of_5_gb, None),
    ("WAV with a sample rate of 1,358,970,496", "is refused", _field(b"fmt ", 12, struct.pack("<I", 1_358_970_496)), FailureCode.MEDIA_UNSUPPORTED),
    ("WAV of an odd size", READ, lambda folder: _wav(folder, lambda data: data.append(7)), None),
    ("WAV with a sample rate of 1", "is refused", _field(b"fmt ", 12, struct.pack("<I", 1)), FailureCode.MEDIA_UNSUPPORTED),
    ("WAV with a sample rate of 4,000,000,000", "is refused", _field(b"fmt ", 12, struct.pack("<I", 4_000_000_000)), FailureCode.MEDIA_CORRUPT),
    ("WAV with 255 channels", "is refused", _field(b"fmt ", 10, struct.pack("<H", 255)), FailureCode.MEDIA_UNSUPPORTED),
    ("WAV with blocks of no length", READ, _field(b"fmt ", 20, bytes(2)), None),
    ("WAV in an unknown codec", "is refused", _field(b"fmt ", 8, b"\x77\x77"), FailureCode.MEDIA_UNSUPPORTED),
    ("MP3 with a cover of 2 MB", READ, _changed("mp3", "libmp3lame", 44_100, _tagged), None),
    ("AAC with a cover of 2 MB", READ, _changed("adts", "aac", 44_100, _tagged), None),
    ("MP3 after 3,000 bytes of junk", READ, _changed("mp3", "libmp3lame", 44_100, lambda data: b"junk\xff\0" * 500 + data), None),
    ("MP3 cut off", "what is there is kept; nothing tells that there was more", _changed("mp3", "libmp3lame", 44_100, _half), None),
    ("FLAC cut off", _CUT, _changed("flac", "flac", 44_100, _half), None),
    ("M4A cut off", "is refused: its index came last", _changed("ipod", "aac", 44_100, _half), FailureCode.MEDIA_CORRUPT),
    ("Matroska cut off", _CUT, _changed("matroska", "flac", 44_100, _half), None),
    ("MP3 with zeroes in the middle", _CUT, _changed("mp3", "libmp3lame", 44_100, _zeroed), None),
    ("FLAC with zeroes in the middle", _CUT, _changed("flac", "flac", 44_100, _zeroed), None),
    ("M4A, encrypted", "is refused", _coded("mp4", "aac", 44_100, encryption_scheme="cenc-aes-ctr", encryption_key="76a6c65c5ea762046bd749a2e632ccbb", encryption_kid="a7e61c373e219033c21091fa607bf3b8"), FailureCode.MEDIA_UNSUPPORTED),
    ("M4A from a shop, protected", "is refused", _changed("ipod", "aac", 44_100, lambda data: data.replace(b"mp4a", b"drms")), FailureCode.MEDIA_UNSUPPORTED),
    ("Playlist named as MP3", "is refused", _text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1/a.ts\n#EXT-X-ENDLIST\n"), FailureCode.MEDIA_UNSUPPORTED),
    ("List of files named as MP3", "is refused", _text("ffconcat version 1.0\nfile 'a.wav'\n"), FailureCode.MEDIA_UNSUPPORTED),
)  # fmt: skip

INPUTS: tuple[Input, ...] = (
    *(Input(name=name, says=READ, make=make, ends=None) for name, make in CODED),
    *(Input(name=name, says=says, make=make, ends=ends) for name, says, make, ends in _LYING),
    Input(name="Silence", says="ends at once as speechless, with no call", make=_pcm(silence(30)), ends=None),
    Input(name="Steady noise of -60 dBFS", says="ends at once as speechless, with no call", make=_pcm(noise(30, dbfs=-60)), ends=None),
    Input(name="A film without sound", says="is refused", make=_film_without_sound, ends=FailureCode.MEDIA_NO_AUDIO),
    Input(name="Sound of 0.2 s", says="is sent as it is", make=_pcm(buzz(0.2)), ends=None),
    Input(name="Sound of 0.05 s", says="is refused", make=_pcm(buzz(0.05)), ends=FailureCode.MEDIA_TOO_SHORT),
    Input(name="No sound at all (0 samples)", says="is refused", make=lambda folder: _wav(folder, _emptied), ends=FailureCode.MEDIA_EMPTY),
    Input(name="Longer than allowed", says="is refused", make=_too_long, ends=FailureCode.MEDIA_TOO_LONG),
)  # fmt: skip
