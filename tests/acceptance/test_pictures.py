"""Pictures from the command line: each is seen upright, whatever container it came in and however it lay there.

The pictures carry a mark, four quarters of four colours, and the simulator says which colour it sees in which corner.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.people import person, read_jsonl
from tests.services.simulator import simulator
from tests.unit.media.pictures import TURNS, animation, encoded, heic, oriented, scene, stored

UPRIGHT = "red, green, blue and yellow corners (top left, top right, bottom left, bottom right)"
WIDTH, HEIGHT = 320, 200


def _with_exif(file_format: str, **options: object) -> Callable[[Image.Image, int], bytes]:
    return lambda picture, orientation: encoded(
        stored(picture, orientation), file_format, exif=oriented(orientation), **options
    )


CONTAINERS: dict[str, Callable[[Image.Image, int], bytes]] = {
    "jpg": _with_exif("JPEG", quality=95),
    "png": _with_exif("PNG"),
    "webp": _with_exif("WEBP", lossless=True),
    "avif": _with_exif("AVIF", quality=95),
    "tif": _with_exif("TIFF"),
    "heic": lambda picture, orientation: heic(stored(picture, orientation), orientation=orientation),
}


def test_every_picture_is_seen_upright_in_every_container(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, made in CONTAINERS.items():
        for orientation in TURNS:
            (folder / f"{orientation}.{name}").write_bytes(made(scene(WIDTH, HEIGHT), orientation))
    with simulator() as gemini:
        ran = person(tmp_path, gemini).runs("run", "photos", "--out", "out.jsonl")
        assert ran.returncode == 0, ran.stderr
    jobs = {Path(job["source"]).name: job["output"] for job in read_jsonl(tmp_path / "out.jsonl")}
    assert len(jobs) == len(CONTAINERS) * len(TURNS)
    assert {name: output["caption"] for name, output in jobs.items() if UPRIGHT not in output["caption"]} == {}
    sizes = {name: (output["width"], output["height"]) for name, output in jobs.items()}
    assert {name: size for name, size in sizes.items() if size != (WIDTH, HEIGHT)} == {}


@pytest.mark.long
def test_the_frames_of_an_animation_are_seen_in_their_order(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    for frame in frames:
        frame.paste("white", (5, 5, 20, 15))  # what is of one colour all over shows nothing
    (tmp_path / "moving.gif").write_bytes(animation(frames, "GIF"))
    with simulator() as gemini:
        ran = person(tmp_path, gemini).runs("run", "moving.gif", "--out", "out.jsonl")
        assert ran.returncode == 0, ran.stderr
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    caption = job["output"]["caption"]
    assert caption.index("red") < caption.index("green") < caption.index("blue")
    assert (job["output"]["animated"], job["output"]["frames"]) == (True, 3)


@pytest.mark.long
def test_a_closer_look_costs_more_and_a_caption_is_in_the_language_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(encoded(scene(2_400, 1_600), "PNG"))
    tokens = {}
    with simulator() as gemini:
        somebody = person(tmp_path, gemini)
        for detail in ("low", "high"):
            ran = somebody.runs(
                "run", "scan.png", "--out", "out.jsonl", "--detail", detail, "--language", "ja", "--xmp"
            )
            assert ran.returncode == 0, ran.stderr
            (job,) = read_jsonl(tmp_path / "out.jsonl")
            tokens[detail] = job["usage"]["input_tokens"]
    assert tokens["low"] < tokens["high"]
    (job,) = read_jsonl(tmp_path / "out.jsonl")
    assert job["output"]["language"] == "ja"
    sidecar = ET.parse(tmp_path / "scan.png.xmp")  # noqa: S314 - written by the command under test
    texts = [element.text for element in sidecar.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")]
    assert job["output"]["caption"] in texts
