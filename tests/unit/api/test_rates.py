from api.rates import Rates


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_holds_a_minutes_worth_and_fills_evenly() -> None:
    clock = Clock()
    rates = Rates(clock=clock)
    assert [rates.take("k", 60).is_granted for _ in range(61)] == [True] * 60 + [False]
    assert rates.take("k", 60).retry_seconds == 1
    clock.now = 10.0
    assert [rates.take("k", 60).is_granted for _ in range(11)] == [True] * 10 + [False]
    clock.now = 1_000.0
    assert rates.take("k", 60).remaining == 59, "no more than a minute's worth is saved up"


def test_keys_do_not_share_a_bucket() -> None:
    rates = Rates(clock=Clock())
    assert [rates.take(key, 1).is_granted for key in ("a", "a", "b")] == [True, False, True]
