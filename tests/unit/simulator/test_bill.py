"""What the ledger says that a call costs, and the bill for a whole ledger."""

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.answers import Tokens
from simulator.prices import cost_usd

Make = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[3]
HELLO = {"contents": [{"parts": [{"text": "hello"}]}]}
DAY = "2026-11-26"


@pytest.mark.parametrize(
    ("model", "tier", "tokens", "day", "dollars"),
    [
        ("gemini-3.8-flash", "standard", Tokens(text=1_000_000), DAY, "0.75"),
        ("gemini-3.8-flash", "standard", Tokens(text=1_000_000), "2026-12-31", "0.75"),
        ("gemini-3.8-flash", "standard", Tokens(text=1_000_000), "2027-01-01", "1.50"),
        ("gemini-3.8-flash", "standard", Tokens(candidates=400_000, thoughts=600_000), DAY, "3.75"),
        ("gemini-3.8-flash", "flex", Tokens(image=1_000_000, candidates=1_000_000), DAY, "2.25"),
        ("gemini-3.5-flash", "standard", Tokens(audio=1_000_000, candidates=1_000_000), DAY, "10.50"),
        ("gemini-3.5-flash-lite", "standard", Tokens(text=500, candidates=120), DAY, "0.00045"),
        ("gemini-3.5-flash-lite", "flex", Tokens(text=1), DAY, "0.00000015"),
        ("gemini-2.5-flash", "standard", Tokens(text=1_000_000, image=1_000_000, audio=1_000_000), DAY, "1.60"),
        ("gemini-2.5-flash", "standard", Tokens(audio=1_000_000, cached_audio=400_000), DAY, "0.64"),
        ("gemini-2.5-flash", "flex", Tokens(text=1_000_000, cached_text=1_000_000), DAY, "0.03"),
        ("gemini-2.5-pro", "standard", Tokens(text=200_000, candidates=1_000), DAY, "0.26"),
        ("gemini-2.5-pro", "standard", Tokens(text=200_001, candidates=1_000), DAY, "0.5150025"),
        ("gemini-3.8-flash", "batch", Tokens(text=1_000_000, candidates=1_000_000), DAY, "2.25"),
        ("gemini-3.8-flash", "priority", Tokens(text=1), DAY, None),
        ("gemini-9", "standard", Tokens(text=1), DAY, None),
    ],
)
def test_a_call_costs_what_its_tokens_do_at_the_prices_of_its_day(
    model: str, tier: str, tokens: Tokens, day: str, dollars: str | None
) -> None:
    assert cost_usd(model, tier, tokens, day) == (None if dollars is None else Decimal(dollars))


def test_a_ledger_line_has_all_that_a_bill_is_made_of(simulator: Any, picture: Make, request_with: Make) -> None:
    answer = simulator.ask(request_with(picture(), serviceTier="flex"), model="gemini-3.5-flash-lite")
    usage = answer.json["usageMetadata"]
    (call,) = simulator.calls()
    assert usage["serviceTier"] == call["tier"] == "flex"
    assert (call["model"], call["status"], call["billed"]) == ("gemini-3.5-flash-lite", 200, True)
    tokens = call["tokens"]
    assert usage["promptTokenCount"] == tokens["text"] + tokens["image"]
    assert usage["candidatesTokenCount"] == tokens["candidates"]
    assert usage["thoughtsTokenCount"] == tokens["thoughts"] == 24
    expected = usage["promptTokenCount"] * Decimal("0.15") + (tokens["candidates"] + 24) * Decimal("1.25")
    assert Decimal(call["cost_usd"]) == expected / 1_000_000
    assert "e" not in call["cost_usd"].lower()
    assert simulator.summary()["cost_usd"] == call["cost_usd"]


def test_input_from_a_cache_is_told_and_costs_a_tenth(simulator: Any, picture: Make, request_with: Make) -> None:
    simulator.script({"fault": {"kind": "cached"}})
    usage = simulator.ask(request_with(picture())).json["usageMetadata"]
    (call,) = simulator.calls()
    assert usage["cachedContentTokenCount"] == 560 + 1
    assert usage["cacheTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 1},
        {"modality": "IMAGE", "tokenCount": 560},
    ]
    assert (call["tokens"]["cached_text"], call["tokens"]["cached_image"], call["tokens"]["image"]) == (1, 560, 1120)
    output = call["tokens"]["candidates"] + call["tokens"]["thoughts"]
    fresh = usage["promptTokenCount"] - 561
    expected = fresh * Decimal("0.75") + 561 * Decimal("0.075") + output * Decimal("3.75")
    assert Decimal(call["cost_usd"]) == expected / 1_000_000


@pytest.mark.parametrize(
    ("fault", "billed"),
    [
        ({"kind": "blocked"}, True),
        ({"kind": "not_json", "paid": False}, True),
        ({"kind": "empty_body"}, True),
        ({"kind": "finish", "reason": "SAFETY"}, True),
        ({"kind": "html_200"}, False),
        ({"kind": "503", "paid": True}, False),
        ({"kind": "429_bare"}, False),
    ],
)
def test_every_answer_is_billed_and_no_error(simulator: Any, fault: dict[str, Any], *, billed: bool) -> None:
    simulator.script({"fault": fault})
    simulator.ask(HELLO)
    (call,) = simulator.calls()
    assert (call["billed"], Decimal(call["cost_usd"]) > 0) == (billed, billed)


def test_a_bill_sums_what_was_billed_by_model_and_tier(start: Make, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with start("--ledger", str(ledger)) as client:
        client.script({"match": {"nth": [2]}, "fault": {"kind": "503"}})
        for tier in ("flex", "flex", "flex", "standard", "priority"):
            client.ask({**HELLO, "serviceTier": tier})
        client.ask(HELLO, model="gemini-2.5-flash")
        client.ask({})
        client.calls()
    calls = [json.loads(line) for line in ledger.read_text().splitlines()]
    flex, _, _, standard, _, other, _ = (Decimal(call["cost_usd"] or 0) for call in calls)
    command = [sys.executable, "-m", "simulator.bill", str(ledger)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [" ".join(line.split()) for line in printed] == [
        f"gemini-2.5-flash standard 1 calls {other:f} USD",
        f"gemini-3.8-flash flex 2 calls {2 * flex:f} USD",
        "gemini-3.8-flash priority 1 calls 0 USD (1 without a known price)",
        f"gemini-3.8-flash standard 1 calls {standard:f} USD",
        f"all 5 calls {2 * flex + standard + other:f} USD",
    ]
    assert standard == 2 * flex > 0


def test_a_file_that_is_no_ledger_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"a": 1}\n')
    command = [sys.executable, "-m", "simulator.bill", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be read as a ledger" in done.stderr
    assert "Traceback" not in done.stderr
