"""The settings: their names, defaults, units and meaning, and where each value came from.

Read once, at the start, from flags, the environment and `.env`, in this order of precedence. An unknown
`MEDIASCRIBE_*` name is an error, because a misspelt limit that is silently ignored is worse than a program that does not
start. The reference page is generated from this table.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from models.tier import ServiceTier
from worker.quota.terms import Limits

PREFIX = "MEDIASCRIBE_"

GEMINI_NAMES = (
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_GENAI_USE_ENTERPRISE",
    "GOOGLE_GENAI_API_VERSION",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_LOCATION",
)
"""Read as google-genai reads them, from the environment or `.env`."""

_MIB = 1 << 20


class SettingsError(ValueError):
    """A setting that cannot be; the words name it and what it may be."""


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
        16,
        description="Channels of a recording that is transcribed, at most; eight where each is transcribed by itself.",
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
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = Field(
        "info", description="Least level of what a worker logs: debug, info, warning, error."
    )

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
    def embedded(self) -> bool:
        """Is there no broker?"""
        return not self.broker_url.get_secret_value()

    def resolved_database_url(self) -> str:
        """The address of the database, the default filled in."""
        given = self.database_url.get_secret_value()
        return given or f"sqlite:///{(self.home / 'mediascribe.db').absolute()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedSettings:
    """The settings and where each came from."""

    settings: Settings
    sources: Mapping[str, str]
    """Field name -> `flag`, `environment`, `.env` or `default`."""
    gemini: Mapping[str, str] = field(repr=False)
    """The variables that google-genai reads."""
    gemini_sources: Mapping[str, str]


def load_settings(
    *, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None, dotenv: Path = Path(".env")
) -> LoadedSettings:
    """The settings from flags (None means not given), environment and `.env`. Raises SettingsError."""
    environment = os.environ if environment is None else environment
    layers = [(".env", _dotenv(dotenv)), ("environment", dict(environment))]
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    for source, layer in layers:
        for name, value in layer.items():
            if name.startswith(PREFIX):
                field = _field_of(name, source)
                values[field], sources[field] = value, source
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    gemini = {name: (layer[name], source) for source, layer in layers for name in GEMINI_NAMES if layer.get(name)}
    return LoadedSettings(
        settings=_validated(values | given),
        sources=sources | dict.fromkeys(given, "flag"),
        gemini={name: value for name, (value, _) in gemini.items()},
        gemini_sources={name: source for name, (_, source) in gemini.items()},
    )


def _dotenv(path: Path) -> dict[str, str]:
    return {name: value for name, value in dotenv_values(path).items() if value is not None} if path.is_file() else {}


def _field_of(name: str, source: str) -> str:
    field = name.removeprefix(PREFIX).lower()
    if field in Settings.model_fields and name == PREFIX + field.upper():
        return field
    near = difflib.get_close_matches(field, Settings.model_fields, n=1, cutoff=0.5)  # the prefix would make all alike
    hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else "; `mediascribe config show` lists all"
    raise SettingsError(f"{source} sets {name}, which is no setting of mediascribe{hint}")


def _validated(values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        name = PREFIX + field.upper() if field else "the settings"
        meaning = Settings.model_fields[field].description if field in Settings.model_fields else ""
        raise SettingsError(f"{name}: {first['msg']}. {meaning}".strip()) from None  # it shows secrets
