"""Draws and speaks the sample media in `examples/media/`: run it to make them anew.

The outputs are committed, because speaking needs the program `espeak-ng`, which users need not have.
    python examples/make_media.py
"""

import array
import shutil
import subprocess
import tempfile
from pathlib import Path

import av
import pillow_heif
from av.audio.stream import AudioStream
from PIL import Image, ImageDraw, ImageFont
from pydub import AudioSegment

FOLDER = Path(__file__).parent / "media"
RATE = 22_050
ORIENTATION_TAG = 0x0112

Line = tuple[str, str]
"""Who speaks (a voice of espeak-ng), and what."""

ANNA, BEN = "en-us+f3", "en-gb+m3"
ORDER: list[Line] = [
    (ANNA, "Good morning, garden centre, Anna speaking. How can I help?"),
    (BEN, "Hello. I would like to order twelve rose bushes for the fifth of May."),
    (ANNA, "Twelve roses for the fifth of May. Red or white?"),
    (BEN, "Six of each, please."),
]
NOTE: list[Line] = [(BEN, "Note to myself. The train to Bristol leaves at nine forty from platform three.")]
FORECAST: list[Line] = [
    (ANNA, "Here is the weather. Rain in the morning, sunshine after lunch."),
    (BEN, "And at the coast, strong wind until the evening."),
]


def main() -> None:
    """Write every sample."""
    FOLDER.mkdir(exist_ok=True)
    write_pictures()
    write_recording(FOLDER / "order.mp3", "libmp3lame", spoken(ORDER, pause_ms=700), bit_rate=32_000)
    write_recording(FOLDER / "note.wav", "pcm_s16le", spoken(NOTE, pause_ms=0))
    write_recording(FOLDER / "forecast.m4a", "aac", spoken(FORECAST, pause_ms=2500), bit_rate=32_000)


def write_pictures() -> None:
    """A JPEG that lies on its side, as phones store them, and one picture of each other common format."""
    sideways = Image.Exif()
    sideways[ORIENTATION_TAG] = 6
    house().transpose(Image.Transpose.ROTATE_90).save(FOLDER / "house.jpg", quality=85, exif=sideways)
    chart().save(FOLDER / "chart.png", optimize=True)
    sign().save(FOLDER / "sign.webp", quality=85)
    frames = [ball(step) for step in range(4)]
    frames[0].save(FOLDER / "ball.gif", save_all=True, append_images=frames[1:], duration=150, loop=0)
    pillow_heif.from_pillow(boat()).save(FOLDER / "boat.heic", quality=70)


def house() -> Image.Image:
    """A house with a red roof under a sun; taller than wide."""
    picture = Image.new("RGB", (480, 640), "#9fd3f5")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 460, 480, 640), fill="#6aa84f")
    pen.ellipse((340, 40, 440, 140), fill="#ffd34d")
    pen.rectangle((110, 300, 370, 520), fill="#f3e3c3", outline="#5b4a32", width=4)
    pen.polygon(((80, 300), (240, 160), (400, 300)), fill="#b5402f")
    pen.rectangle((210, 400, 275, 520), fill="#7a4a26")
    for left in (135, 295):
        pen.rectangle((left, 340, left + 55, 395), fill="#bfe3ff", outline="#5b4a32", width=4)
    return picture


def chart() -> Image.Image:
    """Four labelled bars."""
    picture = Image.new("RGB", (640, 420), "white")
    pen = ImageDraw.Draw(picture)
    pen.text((320, 24), "Umbrellas sold", font=ImageFont.load_default(28), fill="black", anchor="ma")
    bars = (
        ("Spring", 120, "#4c8bf5"),
        ("Summer", 45, "#f5b94c"),
        ("Autumn", 210, "#c4572e"),
        ("Winter", 160, "#5b6abf"),
    )
    for place, (label, value, colour) in enumerate(bars):
        left = 70 + place * 140
        pen.rectangle((left, 370 - value, left + 80, 370), fill=colour)
        pen.text((left + 40, 362 - value), str(value), font=ImageFont.load_default(20), fill="black", anchor="mb")
        pen.text((left + 40, 378), label, font=ImageFont.load_default(20), fill="black", anchor="ma")
    pen.line((50, 370, 610, 370), fill="black", width=3)
    return picture


def sign() -> Image.Image:
    """A blue sign with three lines of text."""
    picture = Image.new("RGB", (640, 400), "#d8d8d2")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((300, 300, 340, 400), fill="#6e6e6e")
    pen.rounded_rectangle((60, 40, 580, 310), radius=24, fill="#1d4f91", outline="white", width=8)
    for top, text, size in (
        (75, "CITY LIBRARY", 56),
        (155, "Open 9 to 18, closed on Sunday", 30),
        (220, "Please be quiet", 40),
    ):
        pen.text((320, top), text, font=ImageFont.load_default(size), fill="white", anchor="ma")
    return picture


def ball(step: int) -> Image.Image:
    """One frame of a red ball that falls."""
    picture = Image.new("RGB", (240, 240), "#eef2f5")
    pen = ImageDraw.Draw(picture)
    pen.line((0, 220, 240, 220), fill="#333333", width=4)
    pen.ellipse((90, 20 + step * 45, 150, 80 + step * 45), fill="#d0342c")
    return picture


def boat() -> Image.Image:
    """A boat with a white sail on the sea."""
    picture = Image.new("RGB", (640, 480), "#cfe8fa")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 320, 640, 480), fill="#2a6f97")
    pen.polygon(((180, 330), (460, 330), (410, 390), (230, 390)), fill="#8c5a2b")
    pen.line((310, 100, 310, 330), fill="#5b3a1a", width=8)
    pen.polygon(((320, 110), (320, 300), (450, 300)), fill="white", outline="#999999")
    return picture


def spoken(lines: list[Line], *, pause_ms: int) -> AudioSegment:
    """The lines one after the other, with a pause between them."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise SystemExit("espeak-ng is not installed; it speaks the sample recordings")
    speech = AudioSegment.silent(300, frame_rate=RATE)
    with tempfile.TemporaryDirectory() as folder:
        for number, (voice, text) in enumerate(lines):
            path = Path(folder) / f"{number}.wav"
            subprocess.run([program, "-v", voice, "-s", "150", "-w", str(path), text], check=True)
            pause = AudioSegment.silent(pause_ms if number else 0, frame_rate=RATE)
            speech += pause + AudioSegment.from_wav(path)
    return speech.set_channels(1).set_frame_rate(RATE)


def write_recording(path: Path, codec: str, speech: AudioSegment, *, bit_rate: int | None = None) -> None:
    """Encode one channel of 16-bit samples; the container follows from the name."""
    samples = array.array("h", speech.raw_data)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        for start in range(0, len(samples), RATE):
            block = samples[start : start + RATE]
            frame = av.AudioFrame(format="s16", layout="mono", samples=len(block))
            frame.sample_rate, frame.pts = RATE, start
            frame.planes[0].update(block.tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
