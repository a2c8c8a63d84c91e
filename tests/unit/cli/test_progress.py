from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.progress import Pace, Standing, clock_words, standing_words
from worker.shapes import usd_words


@given(st.floats(0.5, 500), st.integers(10, 400))
def test_a_steady_pace_is_told_right(rate: float, looks: int) -> None:
    pace = Pace()
    for look in range(looks):
        pace.note(look * 0.25, int(rate * look * 0.25))
    if pace.per_second is not None:
        window = min(30.0, (looks - 1) * 0.25)
        assert pace.per_second == pytest.approx(rate, abs=2 / window)


def test_no_rate_is_invented() -> None:
    pace = Pace()
    assert pace.eta_seconds(5) is None
    pace.note(0.0, 0)
    pace.note(1.0, 10)
    assert pace.eta_seconds(5) is None
    pace.note(10.0, 10)
    assert pace.eta_seconds(5) == 5.0
    for second in range(11, 60):
        pace.note(float(second), 10)
    assert pace.eta_seconds(5) is None


def test_the_standing_is_one_line() -> None:
    cost = Decimal("0.0123")
    standing = Standing(done=3, total=9, failed=1, reused=2, cost_usd=cost, clips=(2, 5), note="waiting")
    assert standing_words(standing, Pace()) == "3/9 done, 1 failed, 2 reused, ETA unknown, clips 2/5, $0.0123, waiting"


def test_recordings_are_told_in_their_own_time_too() -> None:
    standing = Standing(done=0, total=1, failed=0, cost_usd=Decimal(0), clips=(2, 54), sound=(1_200.0, 32_400.0))
    assert "clips 2/54, sound 20:00/9:00:00" in standing_words(standing, Pace())


def test_times_and_money_are_short() -> None:
    assert [clock_words(seconds) for seconds in (None, 4.6, 65, 3_723)] == ["unknown", "0:05", "1:05", "1:02:03"]
    assert [usd_words(Decimal(amount)) for amount in ("0", "0.00412", "12.345")] == ["$0.0000", "$0.0041", "$12.34"]
