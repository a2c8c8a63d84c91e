"""`mediascribe lanes`: what it shows, what it refuses, and that nothing is changed by what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.exits import CommandError, Exit
from cli.lanes import list_lanes, pause, resume, set_lane
from models.database import open_database
from models.failures import FailureCode, FailureError
from models.store import lanes

MODEL = "gemini-3.8-flash"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of the embedded mode, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("RPM", "TPM", "RPD"):
        monkeypatch.delenv(f"MEDIASCRIBE_{name}", raising=False)
    monkeypatch.setenv("MEDIASCRIBE_HOME", str(tmp_path))
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    """Every lane by its name, as the list's document has it."""
    capsys.readouterr()
    list_lanes(as_json=True)
    return {lane["name"]: lane for lane in json.loads(capsys.readouterr().out)["lanes"]}


def test_the_default_model_is_shown_before_there_is_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    assert {name: lane["state"] for name, lane in shown(capsys).items()} == {MODEL: "open"}


def test_a_person_pauses_and_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    pause(MODEL, reason="the bill\nis looked at", duration="2h")
    lane = shown(capsys)[MODEL]
    assert (lane["state"], lane["code"], lane["reason"]) == ("paused", None, "paused by hand: the bill is looked at")
    assert lane["paused_until"] is not None
    resume(MODEL)
    assert shown(capsys)[MODEL]["state"] == "open"
    resume(MODEL)  # twice is no error
    assert "was not paused" in capsys.readouterr().err


def test_a_stopped_lane_says_that_somebody_has_to_act_and_when_it_is_tried(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_lanes()
    database = open_database(f"sqlite:///{home}/mediascribe.db")
    lanes.pause(database, MODEL, code=FailureCode.GEMINI_AUTH, reason="Set GEMINI_API_KEY.", seconds=None)
    database.close()
    assert shown(capsys)[MODEL]["state"] == "stopped"
    list_lanes()
    assert "stopped\tsomebody acts; next try 20" in capsys.readouterr().out


def test_limits_of_a_lane_stand_in_place_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIASCRIBE_RPM", "60")
    set_lane(MODEL, rpm="100", rpd="5", budget_usd="2.50")
    set_lane(MODEL, rpm="none")
    lane = shown(capsys)[MODEL]
    assert lane["limits"] == {"requests_per_minute": 60, "input_tokens_per_minute": None, "requests_per_day": 5}
    assert lane["own_limits"] == {"requests_per_minute": None, "input_tokens_per_minute": None, "requests_per_day": 5}
    assert lane["budget_usd_per_day"] == "2.500000"
    set_lane(MODEL, budget_usd="none")
    assert shown(capsys)[MODEL]["budget_usd_per_day"] is None


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"rpm": "-5"}, "--rpm"),
        ({"rpm": "0"}, "--rpm"),
        ({"tpm": "many"}, "--tpm"),
        ({"tpm": "1.5"}, "--tpm"),
        ({"rpd": "10000000000"}, "--rpd"),
        ({"rpm": "5", "budget_usd": "-1"}, "--budget-usd"),
        ({"budget_usd": "much"}, "--budget-usd"),
        ({"budget_usd": "nan"}, "--budget-usd"),
        ({"rpm": "5", "fallback": MODEL}, "--fallback"),
        ({"fallback": " "}, "--fallback"),
        ({}, "--rpm"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_name_and_changes_nothing(
    given: dict[str, Any], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match=named) as refused:
        set_lane(MODEL, **given)
    assert refused.value.code is Exit.USAGE
    assert set(shown(capsys)[MODEL]["own_limits"].values()) == {None}  # type: ignore[attr-defined]


def test_a_fallback_is_shown_and_one_without_a_known_price_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    set_lane(MODEL, fallback="gemini-2.5-pro")
    with pytest.raises(FailureError, match="no known price"):
        set_lane(MODEL, rpm="5", fallback="gemini-1.0-nothing")
    lane = shown(capsys)[MODEL]
    assert (lane["fallback_model"], lane["own_limits"]["requests_per_minute"]) == ("gemini-2.5-pro", None)  # type: ignore[index]
    set_lane(MODEL, fallback="none")
    assert shown(capsys)[MODEL]["fallback_model"] is None


@pytest.mark.parametrize("duration", ["soon", "0s", "-1h", "400d", ""])
def test_a_pause_that_cannot_be_is_refused(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="--for") as refused:
        pause(MODEL, duration=duration)
    assert refused.value.code is Exit.USAGE
    assert shown(capsys)[MODEL]["state"] == "open"


@pytest.mark.parametrize("name", ["", "   ", "m" * 251, "m\x1b[2J"])
def test_what_is_no_lane_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="LANE") as refused:
        pause(name)
    assert refused.value.code is Exit.USAGE


def test_a_lane_that_nothing_names_is_not_resumed_and_the_nearest_is_named() -> None:
    with pytest.raises(CommandError, match=f"did you mean {MODEL}") as refused:
        resume("gemini-3.8-flahs")
    assert refused.value.code is Exit.NOT_FOUND


def test_a_name_that_nothing_knows_is_paused_with_a_word_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    pause("gemini-3.8-flahs")
    assert f"did you mean {MODEL}" in capsys.readouterr().err
