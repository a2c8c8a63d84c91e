"""`mediascribe config show`: every setting, its value, and where the value came from. Secrets stay secret."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from cli.filters import Json

if TYPE_CHECKING:
    from worker.environment import LoadedSettings

app = typer.Typer(help="Look at the settings.", no_args_is_help=True)

MASK = "********"
KEYS = frozenset({"GEMINI_API_KEY", "GOOGLE_API_KEY"})


@app.callback()
def config() -> None:
    """Keep `show` a command of its own."""


@app.command()
def show(*, as_json: Json = False) -> None:
    """Print every setting with its value and source."""
    from cli.console import emit_json, emit_table
    from worker.environment import load_settings

    rows = setting_rows(load_settings())
    if as_json:
        emit_json({"settings": [{"name": name, "value": value, "source": source} for name, value, source in rows]})
        return
    emit_table(["setting", "value", "source"], rows)


def setting_rows(loaded: "LoadedSettings") -> list[tuple[str, Any, str]]:
    """Name, value and source of each setting; the variables of google-genai too."""
    from pydantic import SecretStr

    from worker.environment import GEMINI_NAMES
    from worker.settings import PREFIX

    rows: list[tuple[str, Any, str]] = []
    for field in type(loaded.settings).model_fields:
        value = getattr(loaded.settings, field)
        if isinstance(value, SecretStr):
            value = without_password(value.get_secret_value())
        if field == "database_url":
            value = without_password(loaded.settings.resolved_database_url())
        rows.append((PREFIX + field.upper(), str(value) if field == "home" else value, loaded.sources[field]))
    for name in GEMINI_NAMES:
        given = loaded.gemini.get(name, "")
        shown = MASK if given and name in KEYS else without_password(given)
        rows.append((name, shown, loaded.gemini_sources.get(name, "default")))
    return rows


def without_password(text: str) -> str:
    """An address whose password cannot be seen; what cannot be read for sure is masked as a whole."""
    if "://" not in text:
        return MASK if "@" in text else text
    try:
        parts = urlsplit(text)
        has_secret = parts.password is not None or "password" in parts.query.lower()
    except ValueError:
        return MASK
    if not has_secret:
        return text
    if parts.password is None or "@" in parts.netloc.rpartition("@")[0]:
        return f"{parts.scheme}://{MASK}"
    user, host = parts.username or "", parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{user}:{MASK}@{host}", query="").geturl()
