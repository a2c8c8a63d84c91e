"""What an installation reads, in the words of `doctor`: pictures and recordings by name, and what of both is not there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PICTURES = frozenset({"apng", "avif", "bmp", "gif", "heic", "heif", "jpeg", "mpo", "png", "tiff", "webp"})
"""Formats of pictures; every other is one of recordings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FormatWords:
    """The two halves of the line on codecs."""

    readable: str
    """`pictures: JPEG, PNG; recordings: MP3, WAV`."""
    missing: str
    """Empty where nothing is; else what, and what to do."""


def format_words(formats: Mapping[str, bool]) -> FormatWords:
    """The formats that there should be, and whether each can be read here, in words."""
    families = {
        "pictures": sorted(name for name in formats if name.lower() in PICTURES),
        "recordings": sorted(name for name in formats if name.lower() not in PICTURES),
    }
    read = {family: _listed(name for name in names if formats[name]) for family, names in families.items()}
    missing = _listed(name for names in families.values() for name in names if not formats[name])
    return FormatWords(
        readable="; ".join(f"{family}: {names or 'none'}" for family, names in read.items()),
        missing=f"cannot read {missing}; install the locked versions again (make venv)" if missing else "",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(name.upper() for name in names)
