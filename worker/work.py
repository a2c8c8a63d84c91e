"""One attempt's tools, and what is known of it so far: plain values that its steps share."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gemini.client import GeminiClient
from gemini.prices import PriceTable
from media.sandbox import Sandbox
from media.source import LocalFile
from models.failures import Failure
from models.moves import AnswerRecord, CallRecord, ClaimedJob, Progress, Record
from models.store.answers import StoredAnswer, StoredResult, WantedAnswer
from models.store.parcelled import StoredCall
from models.store.questions import Asker, Asking
from models.tier import ServiceTier, lane_of
from tasks.base import Answer, Clip, Kind, MediaLimits, Options, Prepared
from worker.budget import Budgets
from worker.fetching import Fetching
from worker.forecast import Forecast
from worker.grouping import Grouper
from worker.lanes import Lanes
from worker.parcels.spool import Spool
from worker.quota.gate import Gate
from worker.settings import Settings
from worker.shelf import Shelf
from worker.tiers import seconds_for_batch, seconds_left_in_flex, tier_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What an attempt works with; shared by all attempts of a process."""

    settings: Settings
    limits: MediaLimits
    gemini: GeminiClient
    fetching: Fetching
    sandbox: Sandbox
    lanes: Lanes
    calls_in_flight: asyncio.Semaphore
    """A call counts from its beginning until its answer is stored, so that a kill costs no more answers than this."""
    gate: Gate
    """Calls of a lane begin as the limiter allows."""
    forecast: Forecast
    budgets: Budgets
    why_no_call: Callable[[], Failure | None]
    """Why no call may begin now: the worker leaves, its leases may have ended; None if one may."""
    records: Grouper[Record, bool]
    questions: Grouper[Asking, StoredResult | Asker]
    answers: Grouper[WantedAnswer, StoredAnswer | None]
    scratch: Path
    prices: PriceTable
    spool: Spool
    """Questions of the economy tier wait there to be sent."""
    parcelled: Grouper[str, list[StoredCall]]
    """The calls of a job that were sent with others."""
    shelf: Shelf
    """Room for clips on disk, for all recordings of the process."""

    def why_no_call_of(self, job: ClaimedJob, lane: str) -> Failure | None:
        """Why no call about this job may begin now in that lane; None if one may."""
        return self.why_no_call() or self.lanes.blocking(lane, job.id)

    def begin_call_of(self, job: ClaimedJob, lane: str) -> Failure | None:
        """The same for a call that begins now."""
        return self.why_no_call() or self.lanes.begin_call(lane, job.id)


@dataclass(kw_only=True, slots=True)
class Work:
    """What is known of one attempt so far."""

    job: ClaimedJob
    kind: Kind[Any]
    options: Options
    file: LocalFile | None = None
    question_hash: str = ""
    folder: Path | None = None
    prepared: Prepared | None = None
    """All clips so far, of every portion; where one was cut further, its parts stand in its place."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """By the clip's key, as the failures are."""
    failures: dict[str, Failure] = field(default_factory=dict)
    in_vain: dict[str, Failure] = field(default_factory=dict)
    """By the clip's key, what was wrong with a paid answer that is not kept, as the clip is asked once more."""
    calls: list[CallRecord] = field(default_factory=list)
    """Calls that are not stored yet."""
    unstored: list[AnswerRecord] = field(default_factory=list)
    """Answers that will be stored with the end of the job."""
    parcelled: dict[str, StoredCall] = field(default_factory=dict)
    """By the clip's hash, questions that went into a batch before."""
    spooled: "dict[str, asyncio.Future[Failure]]" = field(default_factory=dict)
    """By the clip's key, questions that are to go into a batch now, and what will become of them."""
    model_version: str | None = None
    calling: int = 0
    """Calls in flight now."""
    holds_slot: bool = False
    """The job's only call counts as in flight until the job's end is recorded."""
    began: float = field(default_factory=time.monotonic)
    """When the job was claimed."""

    def seconds_left_in_flex(self, tools: Tools) -> float:
        """Until the job is asked in the standard tier, if flex has no room for it."""
        return seconds_left_in_flex(
            self.job, tools.settings, held_seconds=self.held_seconds,
            is_standard_paused=tools.lanes.blocking(self.job.model, self.job.id) is not None,
        )  # fmt: skip

    @property
    def held_seconds(self) -> float:
        """Since the job was claimed."""
        return time.monotonic() - self.began

    def tier(self, tools: Tools, *, was_in_batch: bool = False) -> ServiceTier:
        """The tier in which a call of the job is made now; `was_in_batch`: that is behind its question."""
        left = 0.0 if was_in_batch else seconds_for_batch(self.job, tools.settings, held_seconds=self.held_seconds)
        return tier_for(self.job, left_in_flex=self.seconds_left_in_flex(tools), left_for_batch=left)

    def lane(self, tools: Tools) -> str:
        """The lane in which a call of the job is made now."""
        return lane_of(self.job.model, self.tier(tools))

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips so far."""
        return self.prepared.clips if self.prepared else ()

    @property
    def has_one_clip(self) -> bool:
        """Is there one clip, and will there be no other?"""
        return self.prepared is not None and self.prepared.rest is None and len(self.clips) == 1

    def add(self, portion: Prepared) -> None:
        """A further portion is prepared: its clips come after those before, its facts hold for all."""
        known = self.prepared
        is_degraded = bool(known and known.facts["degraded"]) or bool(portion.facts["degraded"])
        facts = {**portion.facts, "degraded": is_degraded}
        self.prepared = Prepared(clips=self.clips + portion.clips, facts=facts, rest=portion.rest)

    def put_in_place_of(self, clip: Clip, parts: tuple[Clip, ...]) -> None:
        """The clip was cut further."""
        assert self.prepared is not None
        clips = [new for old in self.clips for new in (parts if old.key == clip.key else (old,))]
        self.prepared = replace(self.prepared, clips=tuple(clips))

    def leave_out(self, clip: Clip) -> None:
        """The clip is no part of the work any more, nor is its answer or failure."""
        assert self.prepared is not None
        self.prepared = replace(self.prepared, clips=tuple(kept for kept in self.clips if kept.key != clip.key))
        self.answers.pop(clip.key, None)
        self.failures.pop(clip.key, None)

    def progress(self) -> Progress:
        """How far it is. What is silent is done as soon as it is prepared."""
        assert self.prepared is not None
        facts = self.prepared.facts
        known: float | None = facts.get("duration")
        left = sum(clip.seconds - clip.overlap_seconds for clip in self.clips if clip.key not in self.answers)
        said = facts.get("said_duration") if self.prepared.rest is not None else None
        return Progress(
            done=sum(clip.key in self.answers for clip in self.clips),
            total=len(self.clips),
            seconds_done=None if known is None else round(max(0.0, known - left), 3),
            seconds_total=None if known is None else round(max(known, said or 0.0), 3),
        )
