"""What an installation reads, in the words of `doctor`: pictures and recordings by name, and what of both is not there."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatWords:
    """The two halves of the line on codecs."""

    readable: str
    """`pictures: JPEG, PNG; recordings: MP3, WAV`."""
    missing: str
    """Empty where nothing is; else what, and what to do."""


def format_words(families: Mapping[str, Mapping[str, bool]]) -> FormatWords:
    """The formats that there should be, by family, and whether each can be read here, in words."""
    read = {
        family: ", ".join(name for name in sorted(formats) if formats[name]) for family, formats in families.items()
    }
    missing = ", ".join(name for formats in families.values() for name in sorted(formats) if not formats[name])
    return FormatWords(
        readable="; ".join(f"{family}: {names or 'none'}" for family, names in read.items()),
        missing=f"cannot read {missing}; install the locked versions again (make venv)" if missing else "",
    )
