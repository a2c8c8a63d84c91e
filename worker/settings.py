"""The settings: their names, defaults, units and meaning. `worker.environment` reads them; the page is generated from here."""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from media.outbound.rules import DEFAULT_PORTS
from models.tier import ServiceTier
from worker.quota.terms import Limits
from worker.source_settings import AllowedBuckets, AllowedHosts, Ports, StorageUrl

PREFIX = "MEDIASCRIBE_"

_MIB = 1 << 20


class Settings(BaseModel):
    """Every setting; `MEDIASCRIBE_` and the upper-case name is how it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path(".mediascribe"), description="Folder for the data of the embedded mode.")
    database_url: SecretStr = Field(
        SecretStr(""),
        description="SQLite (sqlite:///path) or PostgreSQL (postgresql://user@host/name); empty: a SQLite file in HOME.",
    )
    broker_url: SecretStr = Field(
        SecretStr(""), description="Celery broker (redis://… or amqp://…); empty: embedded, no broker."
    )
    quota_url: SecretStr = Field(
        SecretStr(""),
        description="Redis that counts calls for all workers (redis://…); empty: the broker, if it is Redis.",
    )
    celery_result_backend: SecretStr = Field(
        SecretStr(""), description="Where Celery producers look for results (redis://…); empty: nowhere."
    )
    storage_url: StorageUrl = Field(
        "",
        description="Where uploads are kept: file:///folder, s3://bucket/beginning-of-keys, gs://…, az://…; empty: HOME/media.",
    )
    model: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        "gemini-3.8-flash", description="The Gemini model when a job names none."
    )
    service_tier: ServiceTier = Field(
        ServiceTier.STANDARD, description="The service tier when a job names none: standard, flex, economy."
    )
    concurrency: Annotated[int, Field(ge=1, le=5_000)] = Field(
        64, description="Gemini calls in flight per process, at most."
    )
    rpm: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Requests a minute of each model, for all processes together; empty: as many as Gemini bears."
    )
    tpm: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Input tokens a minute of each model, for all processes together; empty: no limit of ours."
    )
    rpd: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Requests a day of each model; the day begins at midnight in California. Empty: no limit."
    )
    budget_usd: Annotated[Decimal, Field(gt=0, le=1_000_000_000)] | None = Field(
        None,
        description="US dollars that each lane may spend a day, where it has no budget of its own; each worker that starts "
        "with it sets it for all, and `mediascribe budgets remove lane '*'` lifts it.",
    )
    prices_file: Path | None = Field(
        None,
        description="Price table of your own (TOML); its rows stand in place of ours for the models that it names.",
    )
    allow_unknown_prices: bool = Field(
        False, description="Accept jobs for a model whose price nobody knows; no cost is counted for their calls."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        4, description="Attempts a job has; waiting for quota, shutdowns and lost workers spend none."
    )
    retry_base_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        2.0, description="Longest wait before the second attempt; it doubles with every further one."
    )
    retry_max_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        300.0, description="Longest wait before any attempt that no quota asks for."
    )
    call_timeout_seconds: Annotated[float, Field(ge=10, le=3_600)] = Field(
        120.0, description="Longest wait for one answer of Gemini, which refuses less than 10."
    )
    flex_timeout_seconds: Annotated[float, Field(ge=600, le=3_600)] = Field(
        900.0, description="Longest wait for one answer in the flex tier, where it may take many minutes."
    )
    flex_fallback_seconds: Annotated[float, Field(ge=1, le=7 * 86_400)] = Field(
        1_800.0,
        description="How long a job waits for room in the flex tier before it is asked in the standard one, at its price.",
    )
    economy_pack_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        30.0, description="How long calls of the economy tier are collected before they are sent together."
    )
    economy_poll_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        60.0, description="Between two looks at a batch that is under way at Gemini."
    )
    economy_deadline_seconds: Annotated[float, Field(ge=1, le=2 * 86_400)] = Field(
        86_400.0,
        description="How long a batch may take; what has no answer by then is asked in the flex tier, then in the standard one.",
    )
    lease_seconds: Annotated[float, Field(ge=1, le=3_600)] = Field(
        60.0, description="How long a silent worker keeps its jobs; it renews them six times in that time."
    )
    grace_seconds: Annotated[float, Field(ge=0, le=3_600)] = Field(
        25.0, description="How long a worker that is told to leave lets calls in flight finish."
    )
    decoder_processes: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=lambda: max(1, min(8, os.cpu_count() or 1)),
        description="Processes that decode media; by default one for each processor, at most 8.",
    )
    decoder_memory_bytes: Annotated[int, Field(ge=256 * _MIB)] = Field(
        2_048 * _MIB, description="Address space of one decoding process, at most."
    )
    decoder_timeout_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        900.0, description="Longest time for decoding one media item."
    )
    max_source_bytes: Annotated[int, Field(ge=1)] = Field(4_096 * _MIB, description="Largest media item that is read.")
    source_timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        900.0, description="Longest time for reading one media item from a disk, a server or an object store."
    )
    source_idle_seconds: Annotated[float, Field(gt=0, le=3_600)] = Field(
        30.0, description="Longest wait for the next bytes of a media item that is fetched."
    )
    downloads: Annotated[int, Field(ge=1, le=1_000)] = Field(
        32, description="Media items that are read at the same time per process, at most."
    )
    downloads_per_host: Annotated[int, Field(ge=1, le=1_000)] = Field(
        16, description="Of those, how many from one host, from one bucket, or from the disks of this machine."
    )
    outbound_ports: Ports = Field(
        DEFAULT_PORTS, description="Ports of http and https addresses that are asked, with commas between."
    )
    allowed_hosts: AllowedHosts = Field(
        "", description="Private hosts and networks that are asked all the same: [owner=]host-or-network[:port],…."
    )
    allowed_buckets: AllowedBuckets = Field(
        "", description="The only buckets that jobs may name: [owner=]s3://bucket[/prefix],…; empty: all that open."
    )
    max_picture_pixels: Annotated[int, Field(ge=1)] = Field(
        100_000_000, description="Largest picture that is decoded, in pixels."
    )
    max_picture_side_pixels: Annotated[int, Field(ge=64, le=8_192)] = Field(
        8_192, description="Longest side of a picture as it is sent; its area is what the model makes use of."
    )
    max_picture_frames: Annotated[int, Field(ge=1, le=100_000)] = Field(
        500, description="Frames of an animation that are looked at, at most, to choose those that are sent."
    )
    max_recording_seconds: Annotated[float, Field(ge=1)] = Field(
        43_200.0, description="Longest recording that is transcribed."
    )
    clip_seconds: Annotated[float, Field(ge=10, le=600)] = Field(
        600.0, description="Longest stretch of a recording that is sent in one call."
    )
    max_recording_channels: Annotated[int, Field(ge=1, le=64)] = Field(
        16, description="Channels of a recording that is transcribed, at most; eight where each is transcribed apart."
    )
    silence_dbfs: Annotated[float, Field(ge=-90, le=-10)] = Field(
        -50.0,
        description="What is not louder is silence and is not sent; in a recording that is quiet as a whole, less is.",
    )
    portion_bytes: Annotated[int, Field(ge=1)] = Field(
        48_000_000, description="So much of a long recording is prepared at a time; up to three portions are on disk."
    )
    scratch_bytes: Annotated[int, Field(ge=200 * _MIB)] = Field(
        1_024 * _MIB, description="Room for prepared clips in the folder for temporary files, per worker process."
    )
    api_max_body_bytes: Annotated[int, Field(ge=1_024)] = Field(
        8 * _MIB, description="Largest body that the API reads, and largest line of a stream of items."
    )
    api_max_items: Annotated[int, Field(ge=1)] = Field(
        1_000_000,
        description="Items that one request to the API may submit, as a stream; as a JSON list 10,000 at most.",
    )
    api_max_upload_bytes: Annotated[int, Field(ge=1)] = Field(
        1_024 * _MIB, description="Largest file that may be uploaded with a job."
    )
    api_uploads: Annotated[int, Field(ge=1, le=1_000)] = Field(
        16, description="Uploads that one process of the API takes at the same time, at most."
    )
    api_upload_timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        3_600.0, description="Longest time for one upload."
    )
    api_upload_idle_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        30.0, description="Longest wait for the next bytes of an upload."
    )
    webhook_timeout_seconds: Annotated[float, Field(ge=1, le=60)] = Field(
        20.0, description="Longest time for one try at a webhook, from looking its host up to the end of its answer."
    )
    webhooks_in_flight: Annotated[int, Field(ge=1, le=200)] = Field(
        16,
        description="Webhooks that are sent at the same time per process, at most; to one endpoint a quarter of them.",
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="Least level of what a worker logs: debug, info, warning, error."
    )

    _offers_batches: bool = PrivateAttr(default=True)

    @field_validator("prices_file", "budget_usd", mode="before")
    @classmethod
    def _empty_is_none(cls, given: object) -> object:
        return None if given == "" else given

    @field_validator("broker_url")
    @classmethod
    def _check_broker(cls, address: SecretStr) -> SecretStr:
        given = address.get_secret_value()
        if given and not re.match(r"(rediss?|amqps?|sentinel)://", given):
            raise ValueError("must be an address such as redis://host:6379/0 or amqp://host")
        return address

    @field_validator("quota_url")
    @classmethod
    def _check_quota_url(cls, address: SecretStr) -> SecretStr:
        given = address.get_secret_value()
        if given and not re.match(r"rediss?://", given):
            raise ValueError("must be an address such as redis://host:6379/1")
        return address

    @model_validator(mode="after")
    def _check_waits(self) -> "Settings":
        if self.retry_base_seconds > self.retry_max_seconds:
            raise ValueError("retry_base_seconds must not be larger than retry_max_seconds")
        return self

    @property
    def lane_limits(self) -> Limits:
        """The limits of every lane that has none of its own."""
        return Limits(requests_per_minute=self.rpm, input_tokens_per_minute=self.tpm, requests_per_day=self.rpd)

    @property
    def beat_seconds(self) -> float:
        """Time between two renewals of the leases."""
        return self.lease_seconds / 6

    def timeout_seconds(self, tier: ServiceTier) -> float:
        """Longest wait for one answer in that tier."""
        return self.flex_timeout_seconds if tier is ServiceTier.FLEX else self.call_timeout_seconds

    @property
    def offers_batches(self) -> bool:
        """Is there a Batch API where Gemini is asked? Vertex has another, which is not used. No setting of its own."""
        return self._offers_batches

    @property
    def embedded(self) -> bool:
        """Is there no broker?"""
        return not self.broker_url.get_secret_value()

    def resolved_database_url(self) -> str:
        """The address of the database, the default filled in."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{(self.home / 'mediascribe.db').absolute()}"

    def resolved_storage_url(self) -> str:
        """The address of the storage for uploads, the default filled in."""
        return self.storage_url or (self.home / "media").absolute().as_uri()
