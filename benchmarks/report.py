"""The table of the targets, and the file with the latest figures.

python -m benchmarks.report     (the table of what was measured last)
"""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "latest.json"
LOAD_BEFORE = os.getloadavg()[0]
"""How many programs of others wanted a processor when this one began: 0 on a quiet machine."""

Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One target, and what was measured of it."""

    what: str
    target: str
    measured: str
    met: bool | None
    """None where there is no target: shown to compare."""


def at_least(what: str, measured: float, least: float | None, unit: str = "", *, digits: int = 2) -> Row:
    """A row whose figure should be that high; None of a target only shows it."""
    target = "" if least is None else f">= {least:g}{unit}"
    return Row(
        what=what,
        target=target,
        measured=f"{measured:.{digits}f}{unit}",
        met=None if least is None else measured >= least,
    )


def at_most(what: str, measured: float, most: float | None, unit: str = "", *, digits: int = 2) -> Row:
    """A row whose figure should be that low; None of a target only shows it."""
    target = "" if most is None else f"<= {most:g}{unit}"
    return Row(
        what=what,
        target=target,
        measured=f"{measured:.{digits}f}{unit}",
        met=None if most is None else measured <= most,
    )


def table(rows: Sequence[Row]) -> str:
    """The rows, one a line: what, target, measured, met or not met."""
    width = max((len(row.what) for row in rows), default=0)
    verdicts = {True: "met", False: "NOT MET", None: ""}
    lines = [f"{row.what:{width}}  {row.target:>14}  {row.measured:>14}  {verdicts[row.met]}".rstrip() for row in rows]
    return "\n".join([f"{'what':{width}}  {'target':>14}  {'measured':>14}", *lines])


def saved_rows() -> list[Row]:
    """The rows of all that was measured last."""
    topics = [topic for topic in _known().values() if isinstance(topic, dict)]
    return [Row(**row) for topic in topics for row in topic.get("rows", ())]


def verdict(met: bool, words: str) -> str:  # noqa: FBT001 - read together with what it is about
    """A line that says of a target whether it was met."""
    return f"{'met   ' if met else 'MISSED'} {words}"


def save(topic: str, figures: Mapping[str, Any], rows: Sequence[Row] = ()) -> None:
    """Put the figures of one benchmark into the file, beside those of the others; its rows are those of the table."""
    known = _known()
    known["machine"] = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    shown = {"rows": [asdict(row) for row in rows]} if rows else {}
    known[topic] = {"measured_at": now, "load_before": round(LOAD_BEFORE, 2), **shown, **figures}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")


def show_and_save(topic: str, figures: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Print the rows of one benchmark, and save them with its figures."""
    print(table(rows), flush=True)
    save(topic, figures, rows)


def main() -> int:
    """Print the table of what was measured last."""
    print(table(saved_rows()))
    return 0


def _known() -> Figures:
    known: Figures = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    return known


if __name__ == "__main__":
    sys.exit(main())
