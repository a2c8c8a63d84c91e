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
    ratio: float | None = None
    """The figure itself where it is a share or a multiple that should be the same however busy the machine is."""


def at_least(
    what: str, measured: float, least: float | None, unit: str = "", *, digits: int = 2, is_ratio: bool = False
) -> Row:
    """A row whose figure should be that high; None of a target only shows it."""
    return Row(
        what=what,
        target="" if least is None else f">= {least:,.6g}{unit}",
        measured=f"{measured:,.{digits}f}{unit}",
        met=None if least is None else measured >= least,
        ratio=measured if is_ratio else None,
    )


def at_most(
    what: str, measured: float, most: float | None, unit: str = "", *, digits: int = 2, is_ratio: bool = False
) -> Row:
    """A row whose figure should be that low; None of a target only shows it."""
    return Row(
        what=what,
        target="" if most is None else f"<= {most:,.6g}{unit}",
        measured=f"{measured:,.{digits}f}{unit}",
        met=None if most is None else measured <= most,
        ratio=measured if is_ratio else None,
    )


Findings = tuple[Figures, list[Row]]
"""What a part of a benchmark found: its figures, and its rows of the table."""


def table(rows: Sequence[Row]) -> str:
    """The rows, one a line: what, target, measured, met or not met."""
    width = max((len(row.what) for row in rows), default=0)
    verdicts = {True: "met", False: "NOT MET", None: ""}
    lines = [f"{row.what:{width}}  {row.target:>14}  {row.measured:>14}  {verdicts[row.met]}".rstrip() for row in rows]
    return "\n".join([f"{'what':{width}}  {'target':>14}  {'measured':>14}", *lines])


def saved_rows(path: Path = RESULTS) -> list[Row]:
    """The rows of all that was measured last, or of another file of the kind."""
    topics = [topic for topic in _known(path).values() if isinstance(topic, dict)]
    return [Row(**row) for topic in topics for row in topic.get("rows", ())]


def show_and_save(topic: str, figures: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Print the rows of one benchmark; put them and its figures into the file, beside those of the others."""
    print(table(rows), flush=True)
    known = _known(RESULTS)
    known["machine"] = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    shown = [asdict(row) for row in rows]
    known[topic] = {"measured_at": now, "load_before": round(LOAD_BEFORE, 2), "rows": shown, **figures}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")


def main() -> int:
    """Print the table of what was measured last."""
    print(table(saved_rows()))
    return 0


def _known(path: Path) -> Figures:
    known: Figures = json.loads(path.read_text()) if path.is_file() else {}
    return known


if __name__ == "__main__":
    sys.exit(main())
