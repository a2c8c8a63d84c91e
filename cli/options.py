"""What `run` and `submit` let people ask of Gemini: the flags, the options of jobs that they become, and for which kind.

A flag that is not given becomes no option, so that a job without it is the same job as before the flag was there.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import CommandError, Exit
from models.tier import ServiceTier


class ChannelsChoice(StrEnum):
    """What to do with several channels."""

    MIX = "mix"
    SEPARATE = "separate"


class DetailChoice(StrEnum):
    """How closely Gemini looks at a picture."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


Language = Annotated[str | None, typer.Option(help="Language of captions, or of the speech: de, pt-BR …")]
Prompt = Annotated[str | None, typer.Option(help="Further instructions for Gemini, in plain words.")]
Words = Annotated[bool, typer.Option("--words", help="Recordings: give the time of each word too.")]
Speakers = Annotated[bool, typer.Option("--speakers", help="Recordings: tell the speakers apart.")]
Vocabulary = Annotated[
    list[str] | None,
    typer.Option(metavar="TERM|@FILE", help="Recordings: a name or term as it is spelt, or a file with one a line."),
]
Channels = Annotated[
    ChannelsChoice | None, typer.Option(help="Recordings: separate transcribes each channel as a speaker of its own.")
]
Track = Annotated[
    str | None,
    typer.Option(metavar="N|LANG", help="Recordings: the sound track to take, by number from 1 or language."),
]
TranslateTo = Annotated[str | None, typer.Option(metavar="LANG", help="Recordings: write the transcript in it.")]
Detail = Annotated[DetailChoice | None, typer.Option(help="Pictures: how closely to look; high reads small print.")]
Tier = Annotated[
    ServiceTier | None,
    typer.Option(
        help="How soon and for how much: flex costs half and may have to wait for room; economy costs half and takes up to a day."
    ),
]
AllowUnknownPrice = Annotated[
    bool, typer.Option("--allow-unknown-price", help="Ask a model whose price nobody knows; its cost is not counted.")
]

KINDS_OF: Mapping[str, frozenset[str]] = {
    "language": frozenset({"caption", "transcribe"}),
    "prompt": frozenset({"caption", "transcribe"}),
    "words": frozenset({"transcribe"}),
    "speakers": frozenset({"transcribe"}),
    "vocabulary": frozenset({"transcribe"}),
    "channels": frozenset({"transcribe"}),
    "track": frozenset({"transcribe"}),
    "translate_to": frozenset({"transcribe"}),
    "detail": frozenset({"caption"}),
}
"""Name of an option -> the kinds of work that have it."""

MOST_VOCABULARY_CHARS = 1 << 20


def given_options(
    *, language: str | None, prompt: str | None, words: bool, speakers: bool, vocabulary: Sequence[str] | None,
    channels: ChannelsChoice | None, track: str | None, translate_to: str | None, detail: DetailChoice | None, kind: str,
) -> dict[str, Any]:  # fmt: skip
    """The options that these flags ask for, under their names, those that were not given left out.

    Raises CommandError where one of them is not for the only `kind` that was asked for, and where a file of terms
    cannot be read.
    """
    wished: dict[str, Any] = {
        "language": language,
        "prompt": prompt,
        "words": words or None,
        "speakers": speakers or None,
        "vocabulary": _terms(vocabulary or ()) or None,
        "channels": channels and channels.value,
        "track": int(track) if track is not None and track.isdecimal() else track,
        "translate_to": translate_to,
        "detail": detail and detail.value,
    }
    given = {name: value for name, value in wished.items() if value is not None}
    for name in given:
        if kind != "auto" and kind not in KINDS_OF[name]:
            flag = f"--{name.replace('_', '-')}"
            raise CommandError(Exit.USAGE, f"{flag} is not for --kind {kind}; leave one of the two out")
    return given


def options_of(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that this kind of work has."""
    return {name: value for name, value in given.items() if kind in KINDS_OF[name]}


def _terms(given: Sequence[str]) -> list[str]:
    """The terms, each once, in order; those of a file in place of its name."""
    lines = (line.strip() for term in given for line in (_lines_of(term[1:]) if term.startswith("@") else [term]))
    return list(dict.fromkeys(line for line in lines if line))


def _lines_of(path: str) -> list[str]:
    """The lines of a file of terms. Raises CommandError(NOT_FOUND, USAGE), OSError."""
    if not Path(path).exists():
        raise CommandError(Exit.NOT_FOUND, f"--vocabulary @{path}: there is no such file")
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            text = file.read(MOST_VOCABULARY_CHARS + 1)
    except UnicodeDecodeError as error:
        raise CommandError(Exit.USAGE, f"--vocabulary @{path} is not UTF-8 text; save it as such") from error
    if len(text) > MOST_VOCABULARY_CHARS:
        raise CommandError(Exit.USAGE, f"--vocabulary @{path} is no list of terms: it is too long")
    return text.splitlines()
