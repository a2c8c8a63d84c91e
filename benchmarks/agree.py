"""Do two runs agree? Each ratio of both, and by how many percent the second differs from the first.

    python -m benchmarks.agree FIRST.json SECOND.json

Both are copies of `benchmarks/results/latest.json`. Ratios should be the same however busy the machine is: within 10 %
they count as the same. Times and rates are not compared, for they are those of a machine. Ends with 1 where a ratio of both runs
differs by more, or where there is none to compare.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Row, saved_rows

MOST_PERCENT = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agree", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    given = parser.parse_args(arguments)
    text, do_agree = compared(saved_rows(given.first), saved_rows(given.second))
    print(text)
    return 0 if do_agree else 1


def compared(first: Sequence[Row], second: Sequence[Row]) -> tuple[str, bool]:
    """A line for each ratio that both runs have, and how many agree; whether all do."""
    ones, others = ({row.what: row.ratio for row in rows if row.ratio is not None} for rows in (first, second))
    both = [what for what in ones if what in others]
    width = max(map(len, both), default=0)
    lines = [f"{'ratio':{width}}  {'first':>9}  {'second':>9}  difference"]
    agreeing = 0
    for what in both:
        percent = difference(ones[what], others[what])
        is_same = abs(percent) <= MOST_PERCENT
        agreeing += is_same
        words = "" if is_same else f"  MORE THAN {MOST_PERCENT:g} %"
        lines.append(f"{what:{width}}  {ones[what]:9.3f}  {others[what]:9.3f}  {percent:+8.1f} %{words}")
    alone = len(ones.keys() ^ others.keys())
    lines.append(f"{agreeing} of {len(both)} ratios agree within {MOST_PERCENT:g} %; in one of the runs only: {alone}")
    return "\n".join(lines), bool(both) and agreeing == len(both)


def difference(first: float, second: float) -> float:
    """Percent of the first by which the second is more."""
    if first == second:
        return 0.0
    return 100 * (second / first - 1) if first else float("inf")


if __name__ == "__main__":
    sys.exit(main())
