"""The table of what models take and make use of: well-formed rows, and an answer for every name."""

import re
from datetime import date

import pytest

from gemini.abilities import (
    Detail,
    Generation,
    Transcriber,
    abilities,
    audio_ability,
    generation_of,
    picture_ability,
    tiers_of,
    transcriber,
)
from gemini.price_files import load_prices
from models.tier import ServiceTier

ROWS = abilities()
PRICED = {price.model for price in load_prices().prices}


@pytest.mark.parametrize("row", ROWS.generations, ids=lambda row: row.prefix)
def test_every_generation_has_a_source_a_way_to_think_less_and_pictures_of_rising_cost(row: Generation) -> None:
    assert row.source.startswith("https://ai.google.dev/")
    assert row.thinking in {"level", "budget"}
    levels = [row.picture[detail] for detail in (Detail.LOW, Detail.MEDIUM, Detail.HIGH)]
    assert [level.resolution for level in levels] == [f"MEDIA_RESOLUTION_{name}" for name in ("LOW", "MEDIUM", "HIGH")]
    assert 0 < levels[0].tokens < levels[1].tokens < levels[2].tokens
    assert 0 < levels[0].max_pixels < levels[1].max_pixels < levels[2].max_pixels
    assert 0 < row.audio.least_tokens <= row.audio.most_tokens


@pytest.mark.parametrize("row", ROWS.transcribers.values(), ids=lambda row: row.model)
def test_every_transcriber_has_a_source_limits_that_make_sense_and_a_price(row: Transcriber) -> None:
    assert row.source.startswith("https://ai.google.dev/")
    assert 0 < row.max_seconds_with_times <= row.max_seconds
    assert 0 < row.audio.least_tokens <= row.audio.most_tokens
    assert 0 < row.best_vocabulary <= row.max_vocabulary
    assert row.max_speakers > 0
    assert row.model in PRICED


def test_every_resolution_is_one_that_google_genai_knows() -> None:
    from google.genai.types import MediaResolution

    asked = {ability.resolution for row in ROWS.generations for ability in row.picture.values()}
    assert asked <= {resolution.value for resolution in MediaResolution}


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        ("gemini-2.5-pro", "gemini-2"),
        ("gemini-2.5-flash-lite", "gemini-2"),
        ("models/gemini-2.0-flash", "gemini-2"),
        ("gemini-3.8-flash", "gemini-3"),
        ("gemini-3-pro-preview", "gemini-3"),
        ("models/gemini-3.5-transcribe", "gemini-3"),
        ("gemini-4-argon", "gemini-3"),
        ("gemini-30-flash", "gemini-3"),
        ("a-tuned-model", "gemini-3"),
        ("", "gemini-3"),
    ],
)
def test_a_name_belongs_to_the_generation_it_begins_with_and_an_unknown_one_to_the_newest(
    model: str, prefix: str
) -> None:
    assert generation_of(model).prefix == prefix


def test_no_generation_hides_a_later_one_and_the_newest_comes_last() -> None:
    prefixes = [row.prefix for row in ROWS.generations]
    for number, prefix in enumerate(prefixes):
        assert not any(later.startswith(prefix) for later in prefixes[number + 1 :])
    numbers = [float(found.group()) for prefix in prefixes if (found := re.search(r"[0-9.]+", prefix))]
    assert numbers == sorted(numbers)
    assert len(numbers) == len(prefixes)


def test_a_transcriber_is_known_by_its_whole_name_only() -> None:
    found = transcriber("models/gemini-3.5-transcribe")
    assert found is not None
    assert found == transcriber("gemini-3.5-transcribe")
    assert (found.max_seconds, found.max_seconds_with_times, found.vocabulary_with_times) == (3600, 1800, False)
    assert transcriber("gemini-3.5-transcribe-live") is None
    assert transcriber("gemini-3.8-flash") is None


def test_a_transcriber_counts_sound_by_its_own_row() -> None:
    assert audio_ability("gemini-3.5-transcribe").most_tokens == 25
    assert audio_ability("gemini-3.8-flash").most_tokens == 32


def test_what_a_picture_costs_follows_the_model() -> None:
    assert picture_ability("gemini-2.5-flash", Detail.LOW).tokens == 64
    assert picture_ability("gemini-3.8-flash", Detail.LOW).tokens == 280


def test_general_models_have_every_tier_and_the_transcriber_the_standard_one_alone() -> None:
    assert tiers_of("gemini-2.5-pro") == tiers_of("models/gemini-3.8-flash") == tiers_of("new") == set(ServiceTier)
    assert tiers_of("models/gemini-3.5-transcribe") == {ServiceTier.STANDARD}


@pytest.mark.parametrize("row", [*ROWS.generations, *ROWS.transcribers.values()], ids=lambda row: row.source)
def test_every_tier_that_a_model_has_has_a_price(row: Generation | Transcriber) -> None:
    names = [row.model] if isinstance(row, Transcriber) else [m for m in PRICED if m.startswith(row.prefix)]
    for name in names:
        assert all(load_prices().knows(name, date(2026, 12, 1), tier) for tier in tiers_of(name))
