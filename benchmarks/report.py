"""The tables of the benchmarks, the targets, and the file with the latest figures."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "latest.json"

TITLES = {
    "a": "a bare asyncio script",
    "b": "b usual Celery, a task a job",
    "c": "c mediascribe, SQLite",
    "d": "d mediascribe, Celery + PostgreSQL",
}

TARGETS = (("a", 0.75), ("b", 1.8))
"""c and d are to do at least so many times the jobs of this one in a CPU second."""

_COLUMNS = (
    ("jobs/s", "jobs_per_second", 8), ("CPU ms/job", "cpu_ms_per_job", 11), ("jobs/CPU s", "jobs_per_cpu_second", 11),
    ("servers ms", "server_cpu_ms_per_job", 11), ("peak MB", "peak_mb", 8), ("start s", "startup_seconds", 8),
)  # fmt: skip

Medians = Mapping[str, Mapping[str, float]]


def table(medians: Medians) -> str:
    """The medians, one contestant a line. `to a` and `to b` are ratios of jobs/CPU s, `rate to a` of jobs/s."""
    head = (
        f"{'':36}"
        + "".join(f"{title:>{width}}" for title, _, width in _COLUMNS)
        + f"{'to a':>7}{'to b':>7}{'rate to a':>11}"
    )
    lines = [head]
    for name, values in medians.items():
        cells = "".join(f"{values[key]:>{width}.{_digits(key)}f}" for _, key, width in _COLUMNS)
        ratios = "".join(f"{_shown(ratio(medians, name, other)):>7}" for other in ("a", "b"))
        rate = _shown(ratio(medians, name, "a", "jobs_per_second"))
        lines.append(f"{TITLES[name]:36}{cells}{ratios}{rate:>11}")
    return "\n".join(lines)


def ratio(medians: Medians, name: str, other: str, key: str = "jobs_per_cpu_second") -> float | None:
    """How many times the other's figure; None where the other was not measured."""
    return medians[name][key] / medians[other][key] if other in medians else None


def verdicts(medians: Medians) -> str:
    """Each target, and whether it was met."""
    lines = []
    for name in ("c", "d"):
        for other, least in TARGETS:
            got = ratio(medians, name, other) if name in medians else None
            if got is not None:
                words = f"{name} does {got:.2f} times the jobs of {other} in a CPU second (target {least:g})"
                lines.append(verdict(got >= least, words))
    return "\n".join(lines)


def verdict(met: bool, words: str) -> str:  # noqa: FBT001 - read together with what it is about
    """A line that says of a target whether it was met."""
    return f"{'met   ' if met else 'MISSED'} {words}"


def save(topic: str, figures: Mapping[str, Any]) -> None:
    """Put the figures of one benchmark into the file, beside those of the others."""
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    known["machine"] = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    known[topic] = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), **figures}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _digits(key: str) -> int:
    return {"cpu_ms_per_job": 2, "server_cpu_ms_per_job": 2, "startup_seconds": 1}.get(key, 0)
