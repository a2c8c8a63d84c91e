"""Writing to the terminal: data to stdout, everything else to stderr, and nothing that could command the terminal.

Sources, captions and messages come from outside. They are printed as text: control characters, which a terminal
would obey, are replaced, and Rich's markup is never read in them. Rich honours NO_COLOR, TERM=dumb and pipes.
"""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_JSON_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON leaves as it is although some terminals obey it."""


def plain(text: object) -> str:
    """The text without what a terminal would obey or could not show; line breaks and tabs stay."""
    encodable = str(text).encode("utf-8", "replace").decode()
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", encodable)


def one_line(text: object, *, width: int = 100) -> str:
    """The beginning of the text, on one line."""
    flat = " ".join(plain(text).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def as_json(value: Any) -> str:
    """The value as JSON on one line, safe to print."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode("utf-8", "replace").decode()
    return _JSON_CONTROLS.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def emit(line: str) -> None:
    """One line of data."""
    sys.stdout.write(line + "\n")


def emit_json(document: Any) -> None:
    """One JSON document."""
    emit(as_json(document))


def say(words: str) -> None:
    """A line for the person, on stderr; nothing ends because nobody can hear it."""
    with suppress(OSError):
        sys.stderr.write(plain(words.rstrip("\n")) + "\n")
        sys.stderr.flush()


def err_console() -> "Console":
    """Rich on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def emit_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """A table of data: drawn on a terminal, tab-separated with headings elsewhere."""
    if not sys.stdout.isatty():
        emit("\t".join(headings))
        for row in rows:
            emit("\t".join(one_line(cell, width=500) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    numeric = set(right)
    for heading in headings:
        table.add_column(
            heading, justify="right" if heading in numeric else "left", overflow="fold", no_wrap=heading == "id"
        )
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    Console(highlight=False, markup=False).print(table)


def emit_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values, one pair a line."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        emit(f"{name:<{width}}  {plain(value)}")


def is_terminal() -> bool:
    """Can a person be asked something, and see it?"""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask on the terminal; only `y` or `yes` is a yes."""
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
