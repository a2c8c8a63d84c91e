"""Pictures made by code: by Pillow, and byte by byte what Pillow does not write."""

import io
import random
import struct
import zlib
from collections.abc import Iterable, Sequence

import pillow_heif
from PIL import Image

CORNERS = ((255, 0, 0), (0, 160, 0), (0, 0, 255), (250, 220, 0))
"""Colours of the four quarters of `scene`: top left, top right, bottom left, bottom right."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored under each orientation."""

D65_IN_D50 = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141))
"""Red, green and blue of sRGB as profiles give them."""
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Four coloured quarters, so that every turn and mirroring shows."""
    picture = Image.new("RGB", (width, height))
    for place, colour in enumerate(CORNERS):
        left, top = (place % 2) * width // 2, (place // 2) * height // 2
        picture.paste(colour, (left, top, left + width // 2, top + height // 2))
    return picture


def photo(width: int = 200, height: int = 150) -> Image.Image:
    """Something with more colours than a drawing."""
    coarse = Image.frombytes("RGB", (16, 12), random.Random(7).randbytes(16 * 12 * 3))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """The picture as the bytes of a file."""
    target = io.BytesIO()
    picture.save(target, file_format, **options)
    return target.getvalue()


def corners(picture: Image.Image) -> list[tuple[int, int, int]]:
    """The colours in the middle of the four quarters."""
    return [colour_at(picture, picture.width * x // 4, picture.height * y // 4) for y in (1, 3) for x in (1, 3)]


def colour_at(picture: Image.Image, x: int, y: int) -> tuple[int, int, int]:
    """Red, green and blue of one pixel."""
    red, green, blue = picture.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes()
    return red, green, blue


def is_close(one: Iterable[int], other: Iterable[int], tolerance: int = 12) -> bool:
    """Are two colours the same to the eye?"""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def stored(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture as it is stored to be seen upright under this orientation."""
    turn = TURNS[orientation]
    return picture if turn is None else picture.transpose(turn)


def oriented(orientation: int) -> Image.Exif:
    """EXIF with an orientation, a camera and a place."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x0110] = "Camera of Ann"
    tags.get_ifd(0x8825)[1] = "N"
    return tags


def heic(picture: Image.Image, *, orientation: int = 1, **options: object) -> bytes:
    """A HEIC whose own boxes turn it, as a phone writes it, with the same in its EXIF."""
    target = io.BytesIO()
    exif = oriented(orientation).tobytes()
    pillow_heif.from_pillow(picture).save(target, quality=95, exif=exif, **options)
    return target.getvalue()


def chunk(name: bytes, payload: bytes = b"") -> bytes:
    """A chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", zlib.crc32(name + payload))


def png_head(width: int, height: int, *, depth: int = 8, colour_type: int = 2) -> bytes:
    """Signature and header of a PNG."""
    return PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))


def png(width: int, height: int, row: bytes, *, depth: int = 8, colour_type: int = 2, extra: bytes = b"") -> bytes:
    """A PNG of equal rows; `extra` are further chunks before the pixels."""
    pixels = zlib.compress((b"\0" + row) * height)
    head = png_head(width, height, depth=depth, colour_type=colour_type)
    return head + extra + chunk(b"IDAT", pixels) + chunk(b"IEND")


def after_header(data: bytes, extra: bytes) -> bytes:
    """A PNG with further chunks after its header."""
    return data[:33] + extra + data[33:]


def bomb_text(name: bytes, keyword: bytes, megabytes: int) -> bytes:
    """A compressed chunk that unpacks to so many megabytes."""
    return chunk(name, keyword + b"\0\0" + zlib.compress(bytes(megabytes << 20), 9))


def tiff(*directories: Sequence[tuple[int, int, int]], chain_to: int | None = None) -> bytes:
    """A little-endian TIFF of directories with (tag, type, value) entries; the last leads to `chain_to`, a place."""
    data = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for number, entries in enumerate(directories):
        end = len(data) + 2 + 12 * len(entries) + 4
        following = end if number < len(directories) - 1 else (chain_to or 0)
        packed = b"".join(struct.pack("<HHII", tag, form, 1, value) for tag, form, value in entries)
        data += struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)
    return bytes(data)


def grey_page(at: int, side: int = 8, *, subfile: int = 0) -> list[tuple[int, int, int]]:
    """The entries of a page of 8-bit grey whose pixels begin at that place."""
    return [
        (254, 4, subfile), (256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, at),
        (277, 3, 1), (278, 4, side), (279, 4, side * side),
    ]  # fmt: skip


def gif(frames: int, *, size: int = 2) -> bytes:
    """A GIF of that many black and white frames of 2 x 2 pixels."""
    head = b"GIF89a" + struct.pack("<HHBBB", size, size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    place = b"\x2c" + struct.pack("<HHHHB", 0, 0, 2, 2, 0)
    frame = b"\x21\xf9\x04\0\x01\0\0\0" + place + b"\x02\x03\x44\x02\x05\0"
    return head + frame * frames + b";"


def animation(frames: Sequence[Image.Image], file_format: str, *, milliseconds: int = 100) -> bytes:
    """The frames as an animation in GIF, WEBP, PNG or AVIF."""
    return encoded(
        frames[0], file_format, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0,
        lossless=file_format == "WEBP", quality=90,
    )  # fmt: skip


def webp_head(width: int, height: int) -> bytes:
    """An extended WebP that has a canvas of this size and nothing on it."""
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


def matrix_profile(primaries: Sequence[Sequence[float]], gamma: float, *, name: str = "test") -> bytes:
    """An ICC profile of three primaries, given in XYZ under D50, and one gamma."""
    tags = {
        tag: _xyz(values) for tag, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    } | {tag: _gamma(gamma) for tag in (b"rTRC", b"gTRC", b"bTRC")}  # fmt: skip
    return _profile(b"RGB ", b"XYZ ", tags, name)


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey with a gamma."""
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)}, "grey")


def ink_profile(corners: dict[tuple[int, int, int, int], tuple[int, int, int]]) -> bytes:
    """An ICC profile for CMYK: what each full or absent ink shows, in Lab; black where nothing is given."""
    identity = bytes(range(256))
    table = b"".join(
        bytes(corners.get((c, m, y, k), (0, 128, 128)))
        for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)
    )  # fmt: skip
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + identity * 4 + table + identity * 3
    return _profile(b"CMYK", b"Lab ", {b"A2B0": lut}, "inks", device=b"prtr")


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], name: str, *, device: bytes = b"mntr") -> bytes:
    """Version 2 (ICC.1:2001-04): header, table of tags, tags."""
    said = name.encode() + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(said)) + said + bytes(8 + 3 + 67)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz((0.9642, 1, 0.8249))} | tags
    at = 128 + 4 + 12 * len(tags)
    table, payload = struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", tag, at + len(payload), len(content))
        payload += padded
    head = struct.pack(
        ">I4sI4s4s4s12s4s", at + len(payload), b"none", 0x02400000, device, space, connection, bytes(12), b"acsp"
    )
    illuminant = struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1, 0.8249)))
    return head + bytes(68 - len(head)) + illuminant + bytes(48) + table + payload


def without_adobe(data: bytes) -> bytes:
    """The JPEG without the segment by which Adobe says how colours are stored."""
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
