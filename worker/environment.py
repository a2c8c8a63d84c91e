"""The settings of this process: read once, at the start, from flags, the environment and `.env`, in this order of precedence.

An unknown `MEDIASCRIBE_*` name is an error, because a misspelt limit that is silently ignored is worse than a program that
does not start.
"""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import (
    ValidationError,
)

from gemini.connection import uses_vertex
from worker.settings import PREFIX, Settings

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

CLIENT_NAMES = frozenset({"MEDIASCRIBE_URL", "MEDIASCRIBE_API_KEY"})
"""For programs that use the Python client; they may stand in the same environment and are none of our settings."""


class SettingsError(ValueError):
    """A setting that cannot be; the words name it and what it may be."""


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
            if name.startswith(PREFIX) and name not in CLIENT_NAMES:
                field = _field_of(name, source)
                values[field], sources[field] = value, source
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    gemini = {name: (layer[name], source) for source, layer in layers for name in GEMINI_NAMES if layer.get(name)}
    settings, google = _validated(values | given), {name: value for name, (value, _) in gemini.items()}
    settings._offers_batches = not uses_vertex(google)  # noqa: SLF001 - our own
    return LoadedSettings(
        settings=settings,
        sources=sources | dict.fromkeys(given, "flag"),
        gemini=google,
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
