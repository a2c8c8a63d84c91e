"""The formats and codecs that are read, as FFmpeg names them: a file is opened as what its bytes say and nothing else.

FFmpeg's own guessing is never asked: it would take a list of other files for a recording. The codecs are those in
which people really have speech; decoders that nobody needs are only a way in.
"""

import importlib.util
from collections.abc import Mapping

DEMUXERS: Mapping[str, str] = {
    "3gp": "mov",
    "aac": "aac",
    "ac3": "ac3",
    "aiff": "aiff",
    "amr": "amr",
    "ape": "ape",
    "asf": "asf",
    "au": "au",
    "avi": "avi",
    "caf": "caf",
    "eac3": "eac3",
    "flac": "flac",
    "flv": "flv",
    "m4a": "mov",
    "mkv": "matroska",
    "mov": "mov",
    "mp2": "mp3",
    "mp3": "mp3",
    "mp4": "mov",
    "mpeg": "mpeg",
    "mpegts": "mpegts",
    "ogg": "ogg",
    "tta": "tta",
    "w64": "w64",
    "wav": "wav",
    "webm": "matroska",
    "wv": "wv",
}
"""The demuxer for each type of recording that `media.sniff` tells."""

_NAMES = (
    "aac aac_latm ac3 alac amrnb amrwb ape dca eac3 flac g722 g726 gsm gsm_ms ilbc mp1 mp1float mp2 mp2float mp3 mp3float "
    "nellymoser opus speex truehd tta vorbis wavpack wmalossless wmapro wmav1 wmav2 wmavoice "
    "adpcm_ima_qt adpcm_ima_wav adpcm_ms adpcm_swf adpcm_yamaha "
    "pcm_alaw pcm_bluray pcm_dvd pcm_f32be pcm_f32le pcm_f64be pcm_f64le pcm_mulaw pcm_s16be pcm_s16le pcm_s24be "
    "pcm_s24le pcm_s32be pcm_s32le pcm_s64be pcm_s64le pcm_s8 pcm_u16be pcm_u16le pcm_u24be pcm_u24le pcm_u32be "
    "pcm_u32le pcm_u8"
)
DECODERS = frozenset(_NAMES.split())
"""The only decoders that are ever started."""

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Samples a second. Others are lies, and cost much time to bring to 16 kHz."""

CLOCKED = frozenset({"flac", "flv", "matroska", "mov", "mpeg", "mpegts", "ogg"})
"""Demuxers whose timestamps come from the file and can be trusted where a stretch is missing."""

FRAMED = frozenset({"ac3", "eac3", "mp3"})
"""Demuxers of frames of about one size, one after the other: the bytes that do not decode tell the time that is lost."""

ESTIMATING = frozenset({"aac", "ac3", "amr", "eac3", "mp3", "mpeg", "mpegts"})
"""Demuxers that guess the duration, from the size or from the last timestamp."""

_SOUND: Mapping[str, tuple[str, str]] = {
    "3GP (AMR)": ("mov", "amrnb amrwb"),
    "AAC": ("aac", "aac"),
    "AC-3, E-AC-3": ("ac3", "ac3 eac3"),
    "AIFF": ("aiff", "pcm_s16be"),
    "ALAC": ("mov", "alac"),
    "AMR": ("amr", "amrnb amrwb"),
    "APE": ("ape", "ape"),
    "AU": ("au", "pcm_mulaw"),
    "AVI": ("avi", "mp3float"),
    "CAF": ("caf", "alac"),
    "DVD and MPEG video": ("mpeg", "mp2 ac3"),
    "Flash video": ("flv", "aac nellymoser speex"),
    "FLAC": ("flac", "flac"),
    "M4A, MP4, QuickTime": ("mov", "aac"),
    "Matroska": ("matroska", "aac ac3 dca flac mp3float opus vorbis"),
    "MP2": ("mp3", "mp2"),
    "MP3": ("mp3", "mp3float"),
    "MPEG transport stream": ("mpegts", "aac ac3 mp2"),
    "Ogg (Opus, Vorbis, FLAC, Speex)": ("ogg", "opus vorbis flac speex"),
    "TTA": ("tta", "tta"),
    "Wave64": ("w64", "pcm_s16le"),
    "WavPack": ("wv", "wavpack"),
    "WAV": ("wav", "pcm_s16le pcm_f32le pcm_alaw pcm_mulaw adpcm_ms adpcm_ima_wav gsm_ms g722"),
    "WebM": ("matroska", "opus vorbis"),
    "Windows Media": ("asf", "wmav1 wmav2 wmapro wmavoice wmalossless"),
}
"""What is promised of sound: the demuxer and the decoders that each takes."""

_PILLOW = {
    "AVIF": "avif", "BMP": "", "GIF": "", "JPEG": "jpg", "PNG": "zlib", "TIFF": "libtiff", "WebP": "webp",
}  # fmt: skip
"""What is promised of pictures: the part of Pillow that each takes beside Pillow itself."""


def readable_formats() -> Mapping[str, Mapping[str, bool]]:
    """Of `pictures` and of `recordings`: for each format that is promised, whether this installation reads it.

    Belongs into a decoding process.
    """
    import av
    from PIL import features

    demuxers = {name for names in av.formats_available for name in names.split(",")}
    sound = {
        name: demuxer in demuxers and set(decoders.split()) <= av.codecs_available
        for name, (demuxer, decoders) in _SOUND.items()
    }
    pictures = {name: not part or bool(features.check(part)) for name, part in _PILLOW.items()}
    heic = importlib.util.find_spec("pillow_heif") is not None
    return {"pictures": pictures | {"HEIC": heic}, "recordings": sound}
