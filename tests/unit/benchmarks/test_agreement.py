"""Two runs are compared by their ratios."""

from benchmarks.agree import compared
from benchmarks.report import at_least, at_most


def test_ratios_agree_up_to_a_tenth_of_the_first() -> None:
    first = [at_least("a", 1.0, 1.0, is_ratio=True), at_most("b", 2.0, None, is_ratio=True)]
    near = [at_least("a", 1.0999, 1.0, is_ratio=True), at_most("b", 1.8001, None, is_ratio=True)]
    far = [at_least("a", 1.1001, 1.0, is_ratio=True), at_most("b", 2.0, None, is_ratio=True)]
    assert compared(first, near)[1]
    text, do_agree = compared(first, far)
    assert not do_agree
    assert "1 of 2 ratios agree" in text


def test_what_is_no_ratio_or_in_one_run_only_is_not_compared() -> None:
    first = [at_least("a", 1.0, 1.0, is_ratio=True), at_most("time", 10.0, 20.0, " ms")]
    second = [*first[:1], at_most("time", 15.0, 20.0, " ms"), at_most("b", 1.0, 2.0, is_ratio=True)]
    text, do_agree = compared(first, second)
    assert do_agree
    assert "time" not in text
    assert "in one of the runs only: 1" in text


def test_runs_without_a_ratio_do_not_agree() -> None:
    assert not compared([], [])[1]
