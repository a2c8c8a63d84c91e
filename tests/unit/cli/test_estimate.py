"""What a run would come to: the tokens by the table, the answers by those of the past, and what the limits make of it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.estimate import Share, estimate, estimate_lines, estimate_shape, expected_shares
from cli.files import MediaFile
from cli.pace import least_time, passed_caps
from cli.past import ASSUMED, LEAST, habits
from gemini.abilities import Detail
from models.moves import Record, succeeded
from models.store.lanes import set_limits
from models.store.record import record
from models.tier import ServiceTier
from tests.contracts.jobs import TRANSIENT, claim_one, new_call
from tests.services.databases import migrated
from worker.settings import Settings

MODEL = "gemini-3.8-flash"
STANDARD, FLEX = ServiceTier.STANDARD, ServiceTier.FLEX
PICTURE = MediaFile(kind="caption", path="/media/cat.jpg", size_bytes=1_000_000, modified_ns=0)


def shares(pictures: int, lengths: list[float], **changes: Any) -> list[Share]:
    return expected_shares(
        pictures, lengths, **{"clip_seconds": 600.0, "model": MODEL, "habit": ASSUMED, **changes}
    )  # fmt: skip


def settings(home: Path, **changes: Any) -> Settings:
    return Settings(home=home, **changes)


def fill(home: Path, outputs: list[int], *, failed: bool = False) -> None:
    """A database with good answers of so many output tokens."""
    database = migrated(f"sqlite:///{home}/mediascribe.db")
    for output in outputs:
        job = claim_one(database, model=MODEL)
        call = replace(
            new_call(failed=TRANSIENT if failed else None), model=MODEL, output_tokens=output, thinking_tokens=7
        )
        ending = succeeded({"caption": "a"}, question_hash="q" * 64, model_version=MODEL)
        record(database, [Record(job=job, ending=ending, calls=(call,))])
    database.close()


def test_pictures_and_sound_have_their_tokens() -> None:
    pictures, sound = shares(3, [60.0])
    assert (pictures.calls, sound.calls) == (3, 1)
    assert pictures.expected.input_by_modality == {"IMAGE": 3 * 560, "TEXT": 3 * 250}
    assert sound.expected.input_by_modality == {"AUDIO": 60 * 32, "TEXT": 250}
    assert pictures.expected.input_tokens == sum(pictures.expected.input_by_modality.values())
    assert (pictures.expected.output_tokens, sound.expected.output_tokens) == (3 * 150, 60 * 6)


def test_long_recordings_are_several_calls_and_older_models_see_fewer_tokens() -> None:
    assert shares(0, [1_201.0, 1.0])[1].calls == 4
    assert shares(1, [], model="gemini-2.5-pro")[0].expected.input_by_modality["IMAGE"] == 256


def test_a_closer_look_costs_more() -> None:
    assert shares(2, [], detail=Detail.HIGH)[0].expected.input_by_modality["IMAGE"] == 2 * 1_120


def test_what_was_answered_in_the_past_says_what_answers_take_and_how_they_differ(tmp_path: Path) -> None:
    fill(tmp_path, [*range(100, 201, 10)])
    made = estimate([PICTURE] * 10, settings(tmp_path), model=MODEL)
    assert made.answers == {"caption": 11}
    assert (made.low.output_tokens, made.high.output_tokens) == (1_100, 1_900)
    assert made.expected.output_tokens == 1_500
    assert made.expected.thinking_tokens == 70
    assert made.expected.input_tokens == 10 * (560 + 6)
    assert made.low.cost_usd is not None
    assert made.expected.cost_usd is not None
    assert made.high.cost_usd is not None
    assert made.low.cost_usd < made.expected.cost_usd < made.high.cost_usd
    shape = estimate_shape(made)
    assert shape["cost_usd_low"] < shape["cost_usd"] < shape["cost_usd_high"]
    assert "by the last 11 caption answers" in "\n".join(estimate_lines(made))


def test_an_estimate_is_by_the_prices_of_the_tier_that_it_names(tmp_path: Path) -> None:
    dear, cheap = (estimate([PICTURE] * 10, settings(tmp_path), model=MODEL, tier=tier) for tier in (STANDARD, FLEX))
    assert dear.expected.cost_usd is not None
    assert cheap.expected.cost_usd is not None
    assert dear.expected.cost_usd == 2 * cheap.expected.cost_usd > 0
    assert (estimate_shape(dear)["service_tier"], estimate_shape(cheap)["service_tier"]) == ("standard", "flex")
    assert f"10 to {MODEL}, flex" in "\n".join(estimate_lines(cheap))
    unknown = estimate([PICTURE], settings(tmp_path), model="gemini-3.5-transcribe", tier=FLEX)
    assert unknown.expected.cost_usd is None


def test_one_answer_that_is_far_off_does_not_put_the_expected_outside_the_range(tmp_path: Path) -> None:
    fill(tmp_path, [100] * 20 + [9_000])
    spread = habits(settings(tmp_path), model=MODEL)["caption"].output_tokens
    assert spread.low <= spread.expected <= spread.high


@pytest.mark.parametrize(("answers", "failed"), [(LEAST - 1, False), (LEAST, True)])
def test_few_answers_or_bad_ones_say_nothing(answers: int, failed: bool, tmp_path: Path) -> None:  # noqa: FBT001
    fill(tmp_path, [100] * answers, failed=failed)
    assert habits(settings(tmp_path), model=MODEL) == ASSUMED


def test_another_model_s_answers_say_nothing(tmp_path: Path) -> None:
    fill(tmp_path, [100] * LEAST)
    assert habits(settings(tmp_path), model="gemini-2.5-pro") == ASSUMED


def test_an_estimate_makes_no_database(tmp_path: Path) -> None:
    estimate([PICTURE], settings(tmp_path), model=MODEL)
    assert list(tmp_path.iterdir()) == []


def test_many_short_prompts_are_not_billed_as_a_long_one(tmp_path: Path) -> None:
    few, many = (estimate([PICTURE] * count, settings(tmp_path), model="gemini-2.5-pro") for count in (1, 1_000))
    assert few.expected.cost_usd is not None
    assert many.expected.cost_usd == 1_000 * few.expected.cost_usd


@pytest.mark.parametrize(
    ("limits", "limit", "words"),
    [
        ({"rpm": 1_000}, "rpm", "at least 2 h 10 min (1,000 requests a minute)"),
        ({"rpm": 1_000, "tpm": 1_000_000}, "tpm", "at least 4 h 20 min (1,000,000 input tokens a minute)"),
        ({"rpm": 1_000, "rpd": 50_000}, "rpd", "3 days (50,000 requests a day)"),
        ({"rpm": 1_000, "rpd": 130_000}, "rpm", "at least 2 h 10 min (1,000 requests a minute)"),
        ({"rpm": 1_000_000}, "rpm", "less than a minute (1,000,000 requests a minute)"),
    ],
)
def test_the_limit_that_takes_longest_decides(limits: dict[str, int], limit: str, words: str, tmp_path: Path) -> None:
    pace = least_time(130_000, 260_000_000, settings(tmp_path, **limits))
    assert pace is not None
    assert pace.limit == limit
    assert words in pace.words


def test_a_lane_s_own_limits_decide_how_long_a_run_takes(tmp_path: Path) -> None:
    database = migrated(f"sqlite:///{tmp_path}/mediascribe.db")
    set_limits(database, MODEL, {"requests_per_minute": 10})
    database.close()
    made = estimate([PICTURE] * 30, settings(tmp_path, rpm=1_000, rpd=9), model=MODEL)
    assert made.pace is not None
    assert made.pace.limit == "rpd"  # the setting holds on where the lane has none of its own
    made = estimate([PICTURE] * 30, settings(tmp_path, rpm=1_000), model=MODEL)
    assert made.pace is not None
    assert (made.pace.limit, made.pace.seconds) == ("rpm", 180.0)


def test_without_limits_no_time_is_told(tmp_path: Path) -> None:
    assert least_time(1, 1, settings(tmp_path)) is None


def test_each_of_google_s_caps_that_the_dearest_case_passes_is_said() -> None:
    assert passed_caps(Decimal(250)) == []
    assert [line.rpartition(" of ")[2] for line in passed_caps(Decimal("250.01"))] == ["Tier 1"]
    assert [line.rpartition(" of ")[2] for line in passed_caps(Decimal(2_001))] == ["Tier 1", "Tier 2"]
