"""What happens to each kind of picture: the rows that the tests prove and that docs/reference/media.md prints."""

import struct
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops

from models.failures import FailureCode
from tests.unit.media import pictures
from tests.unit.media.inputs import Input
from tests.unit.media.pictures import (
    animation,
    encoded,
    grey_page,
    heic,
    matrix_profile,
    oriented,
    photo,
    png,
    scene,
    stored,
    tiff,
)

REFUSED = FailureCode.MEDIA_UNSUPPORTED


def _file(name: str, data: Callable[[], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data())
        return path

    return make


def _flat(mode: str, colour: float | tuple[int, ...]) -> Image.Image:
    return Image.new(mode, (64, 64), colour)


def _story() -> list[Image.Image]:
    return [scene(), photo(96, 64), scene().transpose(Image.Transpose.ROTATE_180)]


def _turned(file_format: str) -> Callable[[], bytes]:
    return lambda: encoded(stored(scene(), 6), file_format, exif=oriented(6))


def _mirrored(file_format: str) -> Callable[[], bytes]:
    return lambda: encoded(stored(scene(), 2), file_format, exif=oriented(2))


def _other_inks() -> bytes:
    return pictures.without_adobe(encoded(ImageChops.invert(_flat("CMYK", (0, 255, 255, 0))), "JPEG"))


def _pages() -> bytes:
    return encoded(scene(), "TIFF", save_all=True, append_images=_story(), compression="tiff_lzw")


def _raw() -> bytes:
    return tiff([*grey_page(1_000), (50706, 1, 0x0401)]).ljust(1_000, b"\0") + bytes(64)


def _bomb() -> bytes:
    return pictures.png_head(30_000, 30_000) + pictures.chunk(b"IDAT", bytes(9)) + pictures.chunk(b"IEND")


def _profiled() -> bytes:
    return encoded(photo(), "JPEG", icc_profile=matrix_profile(pictures.DISPLAY_P3, 2.2))


SIXTEEN_BITS = png(40, 40, struct.pack(">3H", 0x8000, 0x4000, 0xFFFF) * 40, depth=16)

INPUTS = [
    Input(
        name="JPEG that fits",
        says="Sent with its compressed data untouched, without its metadata.",
        make=_file("photo.jpg", lambda: encoded(photo(), "JPEG", exif=oriented(1))),
    ),
    Input(
        name="Large JPEG",
        says="Scaled down to what the model makes use of at the detail asked for.",
        make=_file("large.jpg", lambda: encoded(photo(1_600, 1_200), "JPEG")),
    ),
    Input(
        name="Phone photo on its side (EXIF orientation 2 to 8)",
        says="Turned and mirrored upright, once; `width` and `height` are those of the upright picture.",
        make=_file("phone.jpg", _turned("JPEG")),
    ),
    Input(
        name="PNG, WEBP or AVIF with an orientation",
        says="Turned and mirrored upright, once.",
        make=_file("turned.png", _mirrored("PNG")),
    ),
    Input(
        name="TIFF with an orientation",
        says="Turned upright, once, each page by its own.",
        make=_file("turned.tif", _turned("TIFF")),
    ),
    Input(
        name="HEIC",
        says="Decoded and turned as the container says; its EXIF alone turns nothing.",
        make=_file("phone.heic", lambda: heic(stored(scene(), 6), orientation=6)),
    ),
    Input(
        name="Burst or live photo (HEIC, MPO)",
        says="The primary picture is sent, the others are not.",
        make=_file("burst.jpg", lambda: encoded(photo(), "MPO", save_all=True, append_images=[scene(200, 150)])),
    ),
    Input(
        name="AVIF",
        says="Decoded.",
        make=_file("picture.avif", lambda: encoded(scene(), "AVIF")),
    ),
    Input(
        name="BMP",
        says="Decoded.",
        make=_file("picture.bmp", lambda: encoded(scene(), "BMP")),
    ),
    Input(
        name="Animated GIF, WEBP, PNG or AVIF",
        says="Up to four frames that differ are sent, in order, sharing the pixels of one picture; `animated` is true, "
        "`frames` counts all.",
        make=_file("moving.gif", lambda: animation(_story(), "GIF")),
    ),
    Input(
        name="TIFF of several pages",
        says="The first four pages are sent, in order, each in full size; `frames` counts all, `animated` is false.",
        make=_file("pages.tif", _pages),
    ),
    Input(
        name="CMYK JPEG, as Adobe and as others store it, and YCCK",
        says="Converted to sRGB, by its profile if it has one; never a negative.",
        make=_file("print.jpg", _other_inks),
    ),
    Input(
        name="Picture with a colour profile (Display P3, Adobe RGB, grey, CMYK)",
        says="Converted to sRGB. A profile that cannot be read is left out and `degraded` is true.",
        make=_file("wide.jpg", _profiled),
    ),
    Input(
        name="Sixteen bits a channel",
        says="Scaled to eight bits, not clipped; twelve bits in sixteen are known as such.",
        make=_file("deep.png", lambda: SIXTEEN_BITS),
    ),
    Input(
        name="Floating-point or 32-bit grey TIFF",
        says="Stretched from black to white between its lowest and highest value.",
        make=_file("measured.tif", lambda: encoded(Image.linear_gradient("L").convert("F"), "TIFF")),
    ),
    Input(
        name="Transparency of any kind",
        says="Laid on white.",
        make=_file("clear.png", lambda: encoded(_flat("RGBA", (255, 0, 0, 0)), "PNG")),
    ),
    Input(
        name="Banner or strip",
        says="Scaled by its area, so that the short side stays as long as the pixels allow; at most 8,192 pixels long.",
        make=_file("strip.png", lambda: encoded(_flat("RGB", (9, 9, 9)).resize((20_000, 40)), "PNG")),
    ),
    Input(
        name="File whose name does not say what it is",
        says="Taken for what its bytes are.",
        make=_file("picture.jpg", lambda: encoded(scene(), "PNG")),
    ),
    Input(
        name="PNG with bytes after its end, texts of any size, or a wrong checksum on a chunk it can do without",
        says="Accepted; texts are never unpacked.",
        make=_file(
            "texts.png", lambda: pictures.after_header(encoded(scene(), "PNG"), pictures.bomb_text(b"zTXt", b"k", 40))
        ),
    ),
    Input(
        name="Picture that is cut off or damaged",
        says="Refused.",
        make=_file("cut.jpg", lambda: encoded(photo(), "JPEG")[:-2]),
        ends=FailureCode.MEDIA_CORRUPT,
    ),
    Input(
        name="Picture of more pixels than allowed, whatever its bytes",
        says="Refused from its header, before any memory is taken.",
        make=_file("bomb.png", _bomb),
        ends=FailureCode.MEDIA_TOO_LARGE,
    ),
    Input(
        name="Picture with a side of one pixel",
        says="Refused.",
        make=_file("dot.png", lambda: encoded(Image.new("RGB", (1, 1)), "PNG")),
        ends=REFUSED,
    ),
    Input(
        name="Empty file",
        says="Refused.",
        make=_file("empty.jpg", bytes),
        ends=FailureCode.MEDIA_EMPTY,
    ),
    Input(
        name="Raw file of a camera (DNG, CR2, NEF, ARW)",
        says="Refused: export it as JPEG. Its small preview is not taken for it.",
        make=_file("raw.dng", _raw),
        ends=REFUSED,
    ),
    Input(
        name="TIFF of floating-point colours, or in a compression that is not read",
        says="Refused.",
        make=_file("light.tif", lambda: tiff([row if row[0] != 259 else (259, 3, 34_712) for row in grey_page(8)])),
        ends=REFUSED,
    ),
    *(
        Input(
            name=name,
            says="Refused.",
            make=_file(f"picture.{ending}", data),
            ends=REFUSED,
        )
        for name, ending, data in (
            ("SVG", "svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
            ("PDF", "pdf", lambda: encoded(scene(), "PDF")),
            ("ICO", "ico", lambda: encoded(scene(), "ICO")),
            ("JPEG 2000", "jp2", lambda: encoded(scene(), "JPEG2000")),
            ("PSD", "psd", lambda: b"8BPS\0\1" + bytes(60)),
            ("HTML page with the name of a picture", "jpg", lambda: b"<!doctype html><title>404</title>"),
            ("Text with the name of a picture", "png", lambda: b"not found"),
        )
    ),
]
