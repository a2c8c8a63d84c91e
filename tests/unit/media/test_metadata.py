"""Nothing but the picture is sent: where it was taken, by whom, and what was written about it stays here."""

import io
import struct
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from media.image import PictureLimits
from media.png import strip_ancillary
from tests.unit.media.pictures import D65_IN_D50, after_header, animation, chunk, encoded, matrix_profile, photo, scene
from tests.unit.media.preparing import prepared

SECRET = b"SECRET48.2082N16.3738E"
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><secret>" + SECRET + b"</secret></x:xmpmeta>"
PROFILE = matrix_profile(D65_IN_D50, 2.2, name=SECRET.decode())
CONTAINERS = [b"Exif", b"xmpmeta", b"ICC_PROFILE", b"ICCP", b"EXIF", b"XMP ", b"Photoshop", b"iCCP", b"eXIf", SECRET]


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F], tags[0x8298] = SECRET.decode(), SECRET.decode()
    tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 29: SECRET.decode()})
    return tags


def tagged(file_format: str, picture: Image.Image) -> bytes:
    """The picture in a file with a secret in everything that the format has room for."""
    if file_format == "HEIC":
        target = io.BytesIO()
        file = pillow_heif.from_pillow(picture)
        file.save(target, quality=90, exif=exif().tobytes(), xmp=XMP, icc_profile=PROFILE)
        return target.getvalue()
    if file_format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Comment", SECRET.decode())
        texts.add_text("Author", SECRET.decode(), zip=True)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        return encoded(picture, "PNG", exif=exif(), icc_profile=PROFILE, pnginfo=texts)
    if file_format == "GIF":
        return encoded(picture, "GIF", comment=SECRET, xmp=XMP)
    if file_format == "JPEG":
        data = encoded(picture, "JPEG", exif=exif(), icc_profile=PROFILE, xmp=XMP, comment=SECRET)
        resources = b"Photoshop 3.0\0" + SECRET
        return data[:2] + b"\xff\xed" + struct.pack(">H", len(resources) + 2) + resources + data[2:] + SECRET
    return encoded(picture, file_format, exif=exif(), icc_profile=PROFILE, xmp=XMP)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIC"])
@pytest.mark.parametrize("picture", [photo(64, 48), scene(), photo(300, 200)], ids=["photo", "drawing", "large"])
def test_no_metadata_of_any_container_is_sent(tmp_path: Path, file_format: str, picture: Image.Image) -> None:
    data = tagged(file_format, picture)
    assert SECRET in data
    sent = prepared(tmp_path, data, PictureLimits(max_sent_pixels=10_000)).data
    assert not [known for known in CONTAINERS if known in sent]


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_no_metadata_is_sent_with_the_further_frames(tmp_path: Path, file_format: str) -> None:
    frames = [photo(96, 64), scene()]
    for frame in frames:
        frame.info.update({"comment": SECRET, "exif": exif().tobytes(), "icc_profile": PROFILE})
    picture = prepared(tmp_path, animation(frames, file_format))
    assert picture.more
    for sent in (picture.data, *picture.more):
        assert not [known for known in CONTAINERS if known in sent]


def test_of_a_png_only_what_shapes_its_pixels_is_read() -> None:
    plain = encoded(scene(), "PNG")
    shaping = chunk(b"gAMA", struct.pack(">I", 45_455))
    others = chunk(b"tEXt", b"Comment\0secret") + chunk(b"tIME", bytes(7)) + chunk(b"prIV", b"secret")
    spoilt = chunk(b"gAMA", bytes(4))[:-1] + b"?"
    assert strip_ancillary(after_header(plain, shaping + others + spoilt) + b"junk") == after_header(plain, shaping)
