"""Options are checked by name, and a question's hash tells equal questions from different ones."""

from dataclasses import replace
from typing import Any

import pytest

from media.sniff import Family
from models.failures import FailureCode, FailureError
from tasks.base import Clip, Kind, Options, clean_text, hash_clip, hash_question, read_options
from tasks.caption import CAPTION
from tasks.registry import KIND_OF_FAMILY, KINDS, find_kind
from tasks.transcribe import TRANSCRIBE

BYTES = "a" * 64


def refusal(kind: Kind[Any], options: dict[str, Any]) -> FailureError:
    with pytest.raises(FailureError) as caught:
        read_options(kind, options)
    assert caught.value.failure.code is FailureCode.INVALID_OPTIONS
    return caught.value


@pytest.mark.parametrize("kind", [CAPTION, TRANSCRIBE], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "english please"),
        ("language", "de\n"),
        ("language", ""),
        ("language", 5),
        ("prompt", "x" * 8_001),
        ("prompt", ["a"]),
        ("prompt", "half of a pair \ud83d"),
        ("no_such_option", 1),
    ],
)
def test_a_bad_option_is_refused_and_named(kind: Kind[Any], field: str, value: object) -> None:
    error = refusal(kind, {field: value})
    assert error.failure.detail["field"] == field
    assert repr(field) in error.failure.message
    assert "language" in error.failure.message  # what there is to choose from


@pytest.mark.parametrize(
    ("field", "value"), [("max_alt_text_chars", 19), ("max_alt_text_chars", 2_001), ("max_tags", -1), ("max_tags", 51)]
)
def test_a_number_out_of_range_is_refused_and_named(field: str, value: int) -> None:
    assert refusal(CAPTION, {field: value}).failure.detail["field"] == field


@pytest.mark.parametrize("language", ["de", "pt-BR", "zh-Hant-TW", "gsw"])
def test_language_tags_are_taken(language: str) -> None:
    assert read_options(CAPTION, {"language": language}).language == language


def test_options_of_another_kind_are_refused() -> None:
    assert refusal(TRANSCRIBE, {"max_tags": 3}).failure.detail["field"] == "max_tags"


def test_options_given_as_their_defaults_ask_the_same_question() -> None:
    spelt_out = read_options(CAPTION, {"max_tags": 10, "max_alt_text_chars": 125, "language": None})
    assert asked(options=spelt_out) == asked()


def asked(
    kind: Kind[Any] = CAPTION, options: Options | None = None, *, model: str = "m", media_sha256: str = BYTES
) -> str:
    return hash_question(kind, options or read_options(CAPTION, {}), model=model, media_sha256=media_sha256)


OTHER_OPTIONS: dict[str, dict[str, Any]] = {
    "caption": {"language": "de", "prompt": "Be brief.", "max_alt_text_chars": 80, "max_tags": 3, "detail": "high"},
    "transcribe": {
        "language": "de", "prompt": "Be exact.", "speakers": True, "words": True, "vocabulary": ["Umlaut"],
        "translate_to": "en", "track": 2, "channels": "separate",
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_ingredient_of_a_question_changes_its_hash(kind: Kind[Any]) -> None:
    other = OTHER_OPTIONS[kind.name]
    assert set(other) == set(kind.options.model_fields)
    newer = replace(kind, version=kind.version + 1)
    plain = read_options(kind, {})
    hashes = [
        asked(kind, plain),
        *(asked(other_kind, read_options(other_kind, {})) for other_kind in KINDS.values() if other_kind is not kind),
        asked(newer, plain),
        asked(kind, plain, model="n"),
        asked(kind, plain, media_sha256="b" * 64),
        *(asked(kind, read_options(kind, {name: value})) for name, value in other.items()),
    ]
    assert len(set(hashes)) == len(hashes)
    assert asked(kind, plain) == asked(kind, plain)


def test_a_clip_is_known_by_its_question_and_its_bounds_alone() -> None:
    clip = Clip(index=1, mime_type="audio/flac", start_seconds=10.0, end_seconds=20.0, path="/a/1.flac")
    moved = Clip(index=7, mime_type="audio/flac", start_seconds=10.0, end_seconds=20.0, path="/b/7.flac")
    channel = Clip(index=1, mime_type="audio/flac", start_seconds=10.0, end_seconds=20.0, channel=2, path="/a/1.flac")
    longer = Clip(index=1, mime_type="audio/flac", start_seconds=10.0, end_seconds=20.001, path="/a/1.flac")
    assert hash_clip("q", clip) == hash_clip("q", moved)
    assert len({hash_clip("q", clip), hash_clip("q", longer), hash_clip("p", clip), hash_clip("q", channel)}) == 4


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [("a\x00b", "ab"), ("\ud83d caf\u00e9 \udc00", "caf\u00e9"), (" \n a b \t", "a b"), ("\U0001f408", "\U0001f408")],
    ids=["nul", "lone surrogates", "blanks", "emoji"],
)
def test_text_is_cleaned_of_what_no_database_stores(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


def test_kinds_are_found_by_name_and_by_what_a_file_is() -> None:
    assert {name: find_kind(name).name for name in KINDS} == {"caption": "caption", "transcribe": "transcribe"}
    assert KIND_OF_FAMILY == {Family.PICTURE: "caption", Family.RECORDING: "transcribe"}


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(FailureError, match="caption, transcribe") as caught:
        find_kind("summarise")
    assert caught.value.failure.detail["field"] == "kind"


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("language", "Deutsch", "such as de or pt-BR"),
        ("translate_to", "klingon", "such as de or pt-BR"),
        ("track", 0, "number of a sound track from 1"),
        ("track", "x y", "number of a sound track from 1"),
    ],
)
def test_a_refusal_says_what_an_option_takes_instead(field: str, value: object, hint: str) -> None:
    error = refusal(TRANSCRIBE, {field: value})
    assert error.failure.detail["field"] == field
    assert hint in error.failure.message
