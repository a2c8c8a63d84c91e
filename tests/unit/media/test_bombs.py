"""Small files that would fill the memory or the day are refused from their headers, or read within bounds."""

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from media.png import strip_ancillary
from models.failures import FailureCode
from tests.unit.media import pictures
from tests.unit.media.pictures import after_header, bomb_text, chunk, encoded, png_head, scene, webp_head
from tests.unit.media.preparing import code_of, looks_like_scene, prepared

TOO_LARGE, CORRUPT = FailureCode.MEDIA_TOO_LARGE, FailureCode.MEDIA_CORRUPT
MAX_GROWTH_BYTES = 40 << 20
MAX_CPU_SECONDS = 5.0


def one_colour_png(side: int) -> bytes:
    rows = zlib.compress(bytes(1 + 3 * side) * 100, 9)
    return png_head(side, side) + chunk(b"IDAT", rows) + chunk(b"IEND")


def with_size(data: bytes, mark: bytes, skip: int, side: int, *, form: str) -> bytes:
    """The file with this side written where its header says how large it is."""
    at, size = data.index(mark) + skip, struct.pack(form, side, side)
    return data[:at] + size + data[at + len(size) :]


def bmp(side: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def tiff(side: int) -> bytes:
    page = dict(pair[::2] for pair in pictures.grey_page(8)) | {256: side, 257: side, 278: side}
    return pictures.tiff([(tag, 4, value) for tag, value in page.items()])


JPEG, AVIF, HEIC, GIF = encoded(scene(), "JPEG"), encoded(scene(), "AVIF"), pictures.heic(scene()), pictures.gif(2)
GROWING_GIF = GIF[:-1] + b"\x2c" + struct.pack("<HHHHB", 65_000, 65_000, 2, 2, 0) + b"\x02\x03\x44\x02\x05\0;"
LARGE = {
    "PNG of 30,000": one_colour_png(30_000),
    "PNG of 65,535": one_colour_png(65_535),
    "PNG of 10,001": one_colour_png(10_001),
    "JPEG of 65,535": with_size(JPEG, b"\xff\xc0", 5, 65_535, form=">HH"),
    "GIF of 65,535": with_size(GIF, b"GIF89a", 6, 65_535, form="<HH"),
    "GIF that grows": GROWING_GIF,
    "BMP of 65,535": bmp(65_535),
    "TIFF of 60,000": tiff(60_000),
    "WEBP of 10,001": webp_head(10_001, 10_001),
    "WEBP of 16,777,216": webp_head(1 << 24, 1 << 24),
    "AVIF of 16,000": with_size(AVIF, b"ispe", 8, 16_000, form=">II"),
    "HEIC of 60,000": with_size(HEIC, b"ispe", 8, 60_000, form=">II"),
}
UNPACKING = {
    "profile of 500 MB": after_header(encoded(scene(), "PNG"), bomb_text(b"iCCP", b"k", 500)),
    "EXIF of 60 MB": after_header(encoded(scene(), "PNG"), bomb_text(b"zTXt", b"Raw profile type exif", 60)),
    "HEIC of less than it says": with_size(HEIC, b"ispe", 8, 9_000, form=">II"),
    "AVIF of more than there can be": with_size(AVIF, b"ispe", 8, 60_000, form=">II"),
}


@pytest.mark.parametrize("data", LARGE.values(), ids=LARGE)
def test_what_has_too_many_pixels_is_refused(tmp_path: Path, data: bytes) -> None:
    assert code_of(tmp_path, data) == TOO_LARGE


@pytest.mark.parametrize("data", UNPACKING.values(), ids=UNPACKING)
def test_what_unpacks_to_more_than_it_may_is_refused(tmp_path: Path, data: bytes) -> None:
    assert code_of(tmp_path, data) == CORRUPT


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt"])
def test_texts_in_a_png_are_never_unpacked(tmp_path: Path, name: bytes) -> None:
    texts = bomb_text(name, b"Comment", 20) * 5
    assert looks_like_scene(prepared(tmp_path, after_header(encoded(scene(), "PNG"), texts)))


MEASURED = """
import json, pathlib, sys, time
from media.image import PictureLimits, prepare_picture
from models.failures import FailureError
def most(): return int(pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
folder = pathlib.Path(sys.argv[1])
prepare_picture(str(folder / "warm"), PictureLimits())
for path in sorted(folder.glob("bomb*")):
    memory, began = most(), time.process_time()
    try:
        prepare_picture(str(path), PictureLimits())
    except FailureError:
        pass
    print(json.dumps([path.name, most() - memory, time.process_time() - began]))
"""


def test_bombs_take_neither_memory_nor_time(tmp_path: Path) -> None:
    (tmp_path / "warm").write_bytes(JPEG)
    bombs = {**LARGE, **UNPACKING, "frames": pictures.gif(100_000)}
    for number, data in enumerate(bombs.values()):
        (tmp_path / f"bomb{number:02}").write_bytes(data)
    done = subprocess.run([sys.executable, "-c", MEASURED, str(tmp_path)], check=True, capture_output=True, text=True)
    measured = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(measured) == len(bombs)
    assert not [row for row in measured if row[1] > MAX_GROWTH_BYTES or row[2] > MAX_CPU_SECONDS]


def test_a_png_with_many_profiles_costs_no_more_than_one(tmp_path: Path) -> None:
    data = after_header(encoded(scene(), "PNG"), bomb_text(b"iCCP", b"k", 8) * 200)
    assert len(strip_ancillary(data)) < len(data) / 50
    assert looks_like_scene(prepared(tmp_path, data))
