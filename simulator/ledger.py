"""Every call that was made, as the other side of the wire saw it: what tests and benchmarks judge by.

Records are kept in memory and, where a file is given, appended to it one JSON line at a time, each flushed, so that
the file survives a kill. A call is recorded when it has ended.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from simulator.answers import Tokens
from simulator.prices import cost_usd
from simulator.question import Question
from simulator.sounds import Sound


@dataclass(kw_only=True, slots=True)
class Call:
    """One generateContent request, or one row of a batch. Filled in while it is served."""

    sequence: int
    time: str
    """When the request was complete: RFC 3339, UTC."""
    in_flight: int
    """How many calls were being served, this one included."""
    model: str
    labels: dict[str, str]
    media_sha256: list[str]
    question_sha256: str | None = None
    """Of the model and the whole request but its labels; None where the request could not be read."""
    audio_seconds: float = 0.0
    """Of all recordings in the request together."""
    language_codes: list[str] = field(default_factory=list)
    """Those of audioTranscriptionConfig."""
    status: int | None = None
    """None: nothing was answered."""
    finish: str | None = None
    """The finishReason, or BLOCKED."""
    fault: str | None = None
    paid: bool = False
    """Was this call paid for, as far as the script of faults has it? A 200 answer, blocked ones included, delivered or
    not; else what the script says."""
    tier: str | None = None
    """The service tier: standard, flex, priority, batch; None where the request could not be read."""
    billed: bool = False
    """Is the call on Gemini's bill? Every answer of a model with 200, blocked and spoilt ones too; no error; of calls that
    were cut off (reset, hang) those that the script calls paid."""
    cost_usd: str | None = "0"
    """US dollars, exactly, as text; 0 where it is not billed, None where the model or tier has no known price."""
    tokens: dict[str, int]
    """As `answers.Tokens`: the input by modality, what of it was cached, the answer, the thinking."""
    delivered: bool = False
    """Was the whole reply written to a client that was still there?"""
    seconds: float = 0.0

    def about(self, question: Question) -> None:
        """Note what the call asks."""
        self.tier = question.tier
        self.language_codes = list(question.transcription.language_codes)
        self.labels = dict(question.labels)
        self.media_sha256 = [item.sha256 for item in question.media]
        self.question_sha256 = question.sha256

    def hears(self, sounds: Sequence[Sound]) -> None:
        """Note how much there is to hear."""
        self.audio_seconds = round(sum(sound.duration for sound in sounds), 2)

    def costs(self, tokens: Tokens) -> None:
        """Note what the call costs."""
        self.tokens = asdict(tokens)
        cost = cost_usd(self.model, self.tier or "", tokens, self.time[:10])
        self.cost_usd = None if cost is None else format(cost.normalize(), "f")

    def line(self) -> dict[str, Any]:
        """The call as JSON."""
        return {name: getattr(self, name) for name in _COLUMNS}


_COLUMNS = tuple(column.name for column in fields(Call))


class Ledger:
    """The calls so far. One event loop uses it; it is not for several threads."""

    def __init__(self, path: Path | None = None) -> None:
        self.calls: list[Call] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._sequence = 0
        self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None

    def begin(self, model: str) -> Call:
        """A call has arrived."""
        self._sequence += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        return Call(
            sequence=self._sequence,
            time=now.replace("+00:00", "Z"),
            in_flight=self.in_flight,
            model=model,
            labels={},
            media_sha256=[],
            tokens={},
            seconds=-time.monotonic(),
        )

    def end(self, call: Call) -> None:
        """The call has ended, however it did."""
        self.in_flight -= 1
        call.seconds = round(call.seconds + time.monotonic(), 6)
        self.calls.append(call)
        if self._file:
            self._file.write(json.dumps(call.line()) + "\n")
            self._file.flush()

    def reset(self) -> None:
        """Forget the calls in memory. The file and the numbering go on."""
        self.calls.clear()
        self.max_in_flight = self.in_flight

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def summary(self) -> dict[str, Any]:
        """Counts and sums over the calls so far."""
        paid = [call for call in self.calls if call.paid]
        return {
            "calls": len(self.calls),
            "by_status": _counts(str(call.status) for call in self.calls),
            "by_finish": _counts(call.finish for call in self.calls if call.finish),
            "by_fault": _counts(call.fault for call in self.calls if call.fault),
            "paid": len(paid),
            "paid_again": len(paid) - len({call.question_sha256 for call in paid}),
            "billed": sum(call.billed for call in self.calls),
            "cost_usd": str(sum((Decimal(call.cost_usd or 0) for call in self.calls), Decimal(0))),
            "delivered": sum(call.delivered for call in self.calls),
            "audio_seconds": round(sum(call.audio_seconds for call in paid), 2),
            "tokens": dict(sum((Counter(call.tokens) for call in paid), Counter())),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
        }


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values))
