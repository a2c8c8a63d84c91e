"""Sound without a header, told by its frames: MP3, MP2, AAC (ADTS) and AC-3, after whatever junk comes first.

A frame begins with a few fixed bits and says how long it is: two in a row are no chance.
"""

import re
from collections.abc import Callable

_MP3_BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second of layer III, MPEG 1 and MPEG 2/2.5 (ISO 11172-3, 13818-3)."""
_MP2_BIT_RATES = {
    True: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    False: _MP3_BIT_RATES[False],
}
"""Kilobits a second of layer II."""
_MPEG_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_AC3_BIT_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_SAMPLE_RATES = (48000, 44100, 32000)
"""ETSI TS 102 366, 4.4.1."""
_SYNC = re.compile(rb"\xff[\xe0-\xff]|\x0b\x77")


def frames_in(head: bytes) -> str | None:
    """Which of `aac`, `mp3`, `mp2`, `ac3`, `eac3` these bytes have two frames of in a row, or one at their beginning."""
    syncs = [sync.start() for sync in _SYNC.finditer(head)]
    return next(
        (name for name, length_of in _LENGTHS.items() if any(_follow(head, at, length_of) for at in syncs)), None
    )


def _follow(head: bytes, at: int, length_of: Callable[[bytes], int]) -> bool:
    length = length_of(head[at : at + 7])
    if not length:
        return False
    following = head[at + length : at + length + 7]
    if len(following) < 7:
        return at == 0  # a single short frame, or one that outlasts the head, is believed at the very start only
    return length_of(following) > 0


def _mp3_length(header: bytes) -> int:
    """Bytes of the layer III frame that begins with this header; 0 where it is none."""
    return _mpeg_length(header, layer=1)


def _mp2_length(header: bytes) -> int:
    return _mpeg_length(header, layer=2)


def _mpeg_length(header: bytes, *, layer: int) -> int:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0 or header[1] >> 1 & 3 != layer:
        return 0
    version, rate_index, pitch_index = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or rate_index in {0, 15} or pitch_index == 3:
        return 0
    is_first = version == 3
    bit_rate = (_MP3_BIT_RATES if layer == 1 else _MP2_BIT_RATES)[is_first][rate_index] * 1000
    sample_rate = _MPEG_SAMPLE_RATES[version][pitch_index]
    return (144 if is_first or layer == 2 else 72) * bit_rate // sample_rate + (header[2] >> 1 & 1)


def _adts_length(header: bytes) -> int:
    """Bytes of the ADTS frame that begins with this header; 0 where it is none (ISO 13818-7, 6.2)."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _ac3_length(header: bytes) -> int:
    """Bytes of the AC-3 frame that begins with this header; 0 where it is none (ETSI TS 102 366, 4.3)."""
    if len(header) < 6 or header[:2] != b"\x0b\x77" or header[5] >> 3 > 10:
        return 0
    pitch_index, size_index = header[4] >> 6, header[4] & 0x3F
    if pitch_index == 3 or size_index >= 2 * len(_AC3_BIT_RATES):
        return 0
    words = 96_000 * _AC3_BIT_RATES[size_index >> 1] // _AC3_SAMPLE_RATES[pitch_index]
    return 2 * (words + (size_index & 1 if pitch_index == 1 else 0))


def _eac3_length(header: bytes) -> int:
    """Bytes of the E-AC-3 frame that begins with this header; 0 where it is none (ETSI TS 102 366, E.1.2)."""
    if len(header) < 6 or header[:2] != b"\x0b\x77" or not 11 <= header[5] >> 3 <= 16:
        return 0
    return 2 * (((header[2] & 7) << 8 | header[3]) + 1)


_LENGTHS: dict[str, Callable[[bytes], int]] = {
    "aac": _adts_length,
    "mp3": _mp3_length,
    "mp2": _mp2_length,
    "ac3": _ac3_length,
    "eac3": _eac3_length,
}
