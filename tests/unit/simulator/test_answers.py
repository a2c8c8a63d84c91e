"""What a valid call is answered with: the media are looked at, the schema is followed, the sums are right."""

import base64
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import av
import pillow_heif
import pytest
from PIL import Image

CAPTION = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("caption", "alt_text", "text", "language")},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["caption"],
}
SEGMENT = {
    "type": "object",
    "properties": {
        **{name: {"type": "number"} for name in ("start", "end")},
        **{name: {"type": "string"} for name in ("speaker", "text")},
    },
}
TRANSCRIPT = {
    "type": "object",
    "properties": {
        "language": {"type": "string"},
        "no_speech": {"type": "boolean"},
        "segments": {"type": "array", "items": SEGMENT},
    },
}

Make = Callable[..., Any]


def as_json(schema: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {"responseMimeType": "application/json", "responseJsonSchema": schema, **config}


def encoded(wav: bytes, container: str, codec: str) -> bytes:
    target = io.BytesIO()
    with av.open(io.BytesIO(wav), mode="r") as source, av.open(target, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=16_000)
        for frame in source.decode(audio=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target.getvalue()


def test_a_caption_says_that_it_is_simulated_and_what_the_picture_is(
    simulator: Any, picture: Make, request_with: Make
) -> None:
    answer = json.loads(simulator.ask(request_with(picture(), generationConfig=as_json(CAPTION))).text)
    assert answer == {
        "caption": "Simulated caption, not Gemini: a JPEG picture of 640 x 480 pixels, mostly blue.",
        "alt_text": "Simulated: a JPEG picture of 640 x 480 pixels, mostly blue.",
        "text": "",
        "language": "en",
        "tags": ["simulated", "jpeg", "landscape", "blue"],
    }


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("colour", ["red", "orange", "yellow", "green", "blue", "purple", "white", "black", "grey"])
def test_the_colour_and_the_size_are_seen_in_every_format(
    simulator: Any, picture: Make, request_with: Make, name: str, colour: str
) -> None:
    data = picture(name, (40, 90), colour)
    answer = simulator.ask(request_with(data, f"image/{name.lower()}"))
    assert f"a {name} picture of 40 x 90 pixels, mostly {colour}" in answer.text


def test_a_picture_that_still_has_an_exif_orientation_is_seen_lying(
    simulator: Any, picture: Make, request_with: Make
) -> None:
    assert "lying on its side (its EXIF orientation is 6)" in simulator.ask(request_with(picture(orientation=6))).text
    assert "orientation" not in simulator.ask(request_with(picture(orientation=1))).text


QUARTERS = ("red", "green", "blue", "yellow")


def quartered(colours: Sequence[str], size: tuple[int, int], name: str) -> bytes:
    picture = Image.new("RGB", size)
    width, height = size
    for place, colour in enumerate(colours):
        picture.paste(colour, (place % 2 * width // 2, place // 2 * height // 2, width, height))
    stream = io.BytesIO()
    picture.save(stream, name)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(96, 64), (1201, 1999), (33, 31)])
def test_the_corners_of_a_marked_picture_are_told(
    simulator: Any, request_with: Make, size: tuple[int, int], name: str
) -> None:
    places = "corners (top left, top right, bottom left, bottom right)"
    upright = simulator.ask(request_with(quartered(QUARTERS, size, name), f"image/{name.lower()}")).text
    turned = simulator.ask(request_with(quartered(QUARTERS[::-1], size, name), f"image/{name.lower()}")).text
    assert f", with red, green, blue and yellow {places}" in upright
    assert f", with yellow, blue, green and red {places}" in turned


@pytest.mark.parametrize("colours", [("red", "red", "blue", "yellow"), ("red", "green", "blue", "white"), ("red",) * 4])
def test_a_picture_without_the_mark_has_no_corners(simulator: Any, request_with: Make, colours: Sequence[str]) -> None:
    assert "corners" not in simulator.ask(request_with(quartered(colours, (96, 64), "PNG"), "image/png")).text


def test_several_pictures_are_spoken_of_in_order(simulator: Any, picture: Make) -> None:
    frames = [picture(colour="red"), quartered(QUARTERS, (96, 64), "JPEG"), picture(colour="blue")]
    parts = [{"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(frame).decode()}} for frame in frames]
    text = simulator.ask({"contents": [{"parts": parts}]}).text
    assert text.index("mostly red and a JPEG") < text.index("red, green, blue and yellow") < text.index("mostly blue")


def test_a_transcript_has_one_segment_for_each_voiced_stretch(simulator: Any, sound: Make, request_with: Make) -> None:
    wav = sound(6, (0.4, 2.1), (3, 4.5))
    answer = json.loads(simulator.ask(request_with(wav, "audio/wav", generationConfig=as_json(TRANSCRIPT))).text)
    assert answer["no_speech"] is False
    assert [(item["start"], item["end"]) for item in answer["segments"]] == [(0.4, 2.1), (3.0, 4.5)]
    assert answer["segments"][0]["text"] == "Simulated transcript, not Gemini: sound from 0.4 to 2.1 s."


CONTAINERS = {
    "audio/flac": ("flac", "flac"),
    "audio/mp3": ("mp3", "libmp3lame"),
    "audio/mpeg": ("mp3", "libmp3lame"),
    "audio/aac": ("adts", "aac"),
    "audio/ogg": ("ogg", "libopus"),
    "audio/aiff": ("aiff", "pcm_s16be"),
}


@pytest.mark.parametrize("mime_type", CONTAINERS)
def test_sound_is_heard_in_every_accepted_container(
    simulator: Any, sound: Make, request_with: Make, mime_type: str
) -> None:
    data = encoded(sound(3, (1, 2)), *CONTAINERS[mime_type])
    answer = json.loads(simulator.ask(request_with(data, mime_type, generationConfig=as_json(TRANSCRIPT))).text)
    ((start, end),) = [(item["start"], item["end"]) for item in answer["segments"]]
    assert (start, end) == (pytest.approx(1, abs=0.12), pytest.approx(2, abs=0.12))


def test_silence_is_no_speech(simulator: Any, sound: Make, request_with: Make) -> None:
    body = request_with(sound(2), "audio/wav", generationConfig=as_json(TRANSCRIPT))
    assert json.loads(simulator.ask(body).text) == {"language": "und", "no_speech": True, "segments": []}


def test_an_openapi_schema_is_followed_like_a_json_schema(simulator: Any, picture: Make, request_with: Make) -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "caption": {"type": "STRING", "maxLength": 9},
            "count": {"type": "INTEGER", "minimum": 3},
            "boxes": {"type": "ARRAY", "min_items": 2, "items": {"type": "BOOLEAN"}},
            "mood": {"type": "STRING", "enum": ["calm", "loud"]},
        },
    }
    config = {"responseMimeType": "application/json", "response_schema": schema}
    answer = json.loads(simulator.ask(request_with(picture(), generationConfig=config)).text)
    assert answer == {"caption": "Simulated", "count": 3, "boxes": [False, False], "mood": "calm"}


def test_a_schema_that_refers_to_itself_is_answered(simulator: Any, picture: Make, request_with: Make) -> None:
    names = "abcdefghij"
    schema = {"type": "object", "properties": {name: {"$ref": "#"} for name in names}}
    answer = simulator.ask(request_with(picture(), generationConfig=as_json(schema)))
    assert sorted(json.loads(answer.text)) == sorted(names)


def test_the_same_request_gets_the_same_answer(simulator: Any, picture: Make, request_with: Make) -> None:
    first, second = (simulator.ask(request_with(picture())).json for _ in range(2))
    assert first.pop("responseId") != second.pop("responseId")
    assert first == second


def test_usage_counts_each_modality(simulator: Any, picture: Make, sound: Make) -> None:
    parts = [
        {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(picture()).decode()}},
        {"inlineData": {"mimeType": "audio/wav", "data": base64.b64encode(sound(2, (0, 1))).decode()}},
        {"text": "x" * 40},
    ]
    usage = simulator.ask({"contents": [{"parts": parts}]}).json["usageMetadata"]
    counted = {item["modality"]: item["tokenCount"] for item in usage["promptTokensDetails"]}
    assert counted == {"TEXT": 10, "IMAGE": 1120, "AUDIO": 64}
    assert usage["promptTokenCount"] == 1194
    parts_of_total = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    assert usage["totalTokenCount"] == sum(usage[name] for name in parts_of_total)


@pytest.mark.parametrize(("size", "tokens"), [((384, 384), 258), ((960, 540), 6 * 258), ((4032, 3024), 4 * 258)])
def test_a_2_5_model_counts_pictures_in_tiles(
    simulator: Any, picture: Make, request_with: Make, size: tuple[int, int], tokens: int
) -> None:
    usage = simulator.ask(request_with(picture(size=size)), model="gemini-2.5-flash").json["usageMetadata"]
    assert {"modality": "IMAGE", "tokenCount": tokens} in usage["promptTokensDetails"]


@pytest.mark.parametrize(("level", "tokens"), [("LOW", 64), ("MEDIUM", 256), ("HIGH", 6 * 258)])
def test_a_2_5_model_can_be_asked_for_fewer_tokens(
    simulator: Any, picture: Make, request_with: Make, level: str, tokens: int
) -> None:
    body = request_with(picture(size=(960, 540)), generationConfig={"mediaResolution": f"MEDIA_RESOLUTION_{level}"})
    counted = simulator.ask(body, model="gemini-2.5-flash").json["usageMetadata"]["promptTokensDetails"]
    assert {"modality": "IMAGE", "tokenCount": tokens} in counted


def test_an_answer_longer_than_max_output_tokens_is_cut(simulator: Any, picture: Make, request_with: Make) -> None:
    config = as_json(CAPTION, maxOutputTokens=10, thinkingConfig={"thinkingLevel": "MINIMAL"})
    answer = simulator.ask(request_with(picture(), generationConfig=config))
    assert answer.json["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert len(answer.text) == 40


def test_thinking_can_eat_the_whole_budget(simulator: Any, picture: Make, request_with: Make) -> None:
    answer = simulator.ask(request_with(picture(), generationConfig={"maxOutputTokens": 12})).json
    assert answer["candidates"] == [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}]
    assert answer["usageMetadata"]["thoughtsTokenCount"] == 12


@pytest.mark.parametrize(("level", "tokens"), [("LOW", 280), ("MEDIUM", 560), ("HIGH", 1120), ("ULTRA_HIGH", 2240)])
def test_a_part_s_media_resolution_sets_its_tokens(
    simulator: Any, picture: Make, request_with: Make, level: str, tokens: int
) -> None:
    body = request_with(picture(), generationConfig={"mediaResolution": "MEDIA_RESOLUTION_LOW"})
    body["contents"][0]["parts"][0]["mediaResolution"] = {"level": f"MEDIA_RESOLUTION_{level}"}
    counted = simulator.ask(body).json["usageMetadata"]["promptTokensDetails"]
    assert {"modality": "IMAGE", "tokenCount": tokens} in counted


def test_heif_is_measured_and_not_decoded(simulator: Any, request_with: Make) -> None:
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (320, 200), "red")).save(stream)
    assert "a HEIF picture of 320 x 200 pixels" in simulator.ask(request_with(stream.getvalue(), "image/heic")).text


@pytest.mark.parametrize(("language", "letter"), [("de", "S"), ("ja", "\u3053"), ("ru-RU", "\u042d"), ("zh", "\u8fd9")])
def test_the_answer_is_in_the_language_that_is_asked_for(
    simulator: Any, picture: Make, request_with: Make, language: str, letter: str
) -> None:
    body = request_with(picture(), text=f"Answer in the language {language}.", generationConfig=as_json(CAPTION))
    said = json.loads(simulator.ask(body).text)
    assert said["language"] == language
    assert said["caption"].startswith(letter)
    assert "imulated caption, not Gemini" in said["caption"]
