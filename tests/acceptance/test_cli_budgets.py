"""Budgets from outside: set, seen and lifted from the command line, and by a setting."""

import time

from tests.acceptance.conftest import PATIENCE_SECONDS, Shell


def test_budgets_are_set_seen_and_lifted(shell: Shell) -> None:
    assert shell("run", shell.pictures(1)).code == 0
    (batch,) = shell("status", "--json").json["latest_batches"]
    assert shell("budgets", "set", "batch", batch["id"], "0.000001").code == 0
    assert shell("budgets", "set", "owner", "ada", "$5", "--per", "day").code == 0
    assert shell("budgets", "set", "lane", "gemini-3.8-flash", "2").code == 0
    found = {view["scope"]: view for view in shell("budgets", "list", "--json").json["budgets"]}
    assert [(scope, view["period"], view["limit_usd"]) for scope, view in sorted(found.items())] == [
        ("batch", "total", "0.000001"), ("lane", "day", "2.000000"), ("owner", "day", "5.000000"),
    ]  # fmt: skip
    assert float(found["lane"]["spent_usd"]) == float(batch_cost := shell("usage", "--json").json["total"]["cost_usd"])
    assert batch_cost in shell("budgets", "list").out
    assert shell("budgets", "remove", "owner", "ada", "--per", "day").code == 0
    assert shell("budgets", "remove", "owner", "ada", "--per", "day").code == 5
    assert shell("budgets", "set", "owner", "ada", "-1").code == 2
    assert shell("budgets", "set", "batch", "nobody", "1").code == 5


def test_a_lane_s_budget_of_the_settings_holds_for_a_run_and_is_told(shell: Shell) -> None:
    photos = shell.pictures(2)
    limit = {"MEDIASCRIBE_BUDGET_USD": "0.000001"}
    running = shell.start("run", photos, **limit)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (paused := shell("status", "--json").json["paused_lanes"]):
        assert time.monotonic() < deadline
    assert paused[0]["code"] == "budget_exceeded"
    assert shell("budgets", "remove", "lane", "*").code == 0
    _, said = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0, said
