"""Text as lines of subtitles: how wide it is, where it may be broken, and where it is broken best.

Counted is what a reader takes for one character (a grapheme cluster: a letter with its accents, an emoji with its skin
tone), those of Chinese, Japanese and Korean as two columns. A line has room for 42 columns, or for 16 characters where
the text is mostly of the wide ones; a cue has two lines. Text is broken between words; Chinese and Japanese between any
two characters but before what closes and after what opens. A word that fills no line is cut. Nothing is reordered:
text that runs from right to left is broken in the order in which it is spoken.

Limits: the Timed Text Style Guides of Netflix, "Character Limitation" and "Line Treatment" (General Requirements, and
the guides for English, Chinese, Japanese and Korean, https://partnerhelp.netflixstudios.com), and the BBC's Subtitle
Guidelines, "Line breaks" (https://www.bbc.co.uk/accessibility/forproducts/guides/subtitles/): two lines, broken after
punctuation and not behind a little word that belongs to what follows, the lower line rather the longer one. The Japanese
guide asks for 13 characters; one limit for all wide scripts was chosen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from unicodedata import east_asian_width

import regex

LINE_COLUMNS = 42
WIDE_LINE_COLUMNS = 32
MAX_LINES = 2

SENTENCE_END, CLAUSE_END, WORD_END, LITTLE_WORD_END, INSIDE = 0, 3, 8, 13, 16
"""What a break costs, from the best place to the worst. Widths count against it, see `lines_of`."""
_LITTLE_LETTERS = 3
"""Articles, prepositions and pronouns of most languages have no more letters, and belong to the next word."""

UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\u3001-\u303f\u3099-\u309c\u30a0-\u30ff\uff01-\uff65]")
"""Characters of scripts that put no space between words, with their punctuation."""
SPACES = regex.compile(r"[^\S\u00a0\u202f]+")
"""What parts words. No-break spaces (the French put them before their question marks) are part of the word."""
_SENTENCE = regex.compile(r"[.!?\u2026\u3002\uff01\uff1f\u061f\u06d4\u0964]\p{Pe}*\p{Pf}*[\"']?$")
_CLAUSE = regex.compile(r"[,;:\u2013\u2014\u3001\uff0c\uff1b\uff1a\u060c\u061b]\p{Pe}*\p{Pf}*[\"']?$")
_CLOSING = regex.compile(r"[\p{Pe}\p{Pf}\p{Po}\u30fc\u3005\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087]")
"""No line begins with these: closing brackets, full stops, the Japanese long vowel and small letters."""
_OPENING = regex.compile(r"[\p{Ps}\p{Pi}]$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Atom:
    """A stretch of text that stays on one line, usually a word with its punctuation."""

    text: str
    columns: int
    spaced: bool
    """Does a space part it from the atom before?"""


def columns(text: str) -> int:
    """How wide the text is."""
    return len(text) if text.isascii() else sum(_width(cluster) for cluster in regex.findall(r"\X", text))


def _width(cluster: str) -> int:
    return 2 if any(east_asian_width(char) in "WF" for char in cluster) else 1


def line_room(text: str) -> int:
    """How many columns a line of this text may have."""
    if text.isascii():
        return LINE_COLUMNS
    widths = [_width(cluster) for cluster in regex.findall(r"\X", text)]
    return WIDE_LINE_COLUMNS if widths.count(2) > widths.count(1) else LINE_COLUMNS


def shortened(text: str, room: int) -> str:
    """The text if it is no wider than `room`, else its beginning and an ellipsis."""
    if columns(text) <= room:
        return text
    ends = accumulate(_width(cluster) for cluster in regex.findall(r"\X", text))
    kept = sum(end < room for end in ends)
    return "".join(regex.findall(r"\X", text)[:kept]).rstrip() + "…"


def atoms_of(text: str, room: int) -> list[Atom]:
    """The text in pieces, none of which is wider than `room`."""
    atoms: list[Atom] = []
    for word in SPACES.split(text):
        for position, part in enumerate(_parts(word.strip(), room)):
            atoms.append(Atom(text=part, columns=columns(part), spaced=position == 0 and bool(atoms)))
    return atoms


def _parts(word: str, room: int) -> Iterator[str]:
    """The word, in parts where it may be broken or has to be."""
    part, width = "", 0
    for cluster in [word] if word.isascii() and len(word) <= room else regex.findall(r"\X", word):
        more = columns(cluster)
        if part and (width + more > room or _may_break(part, cluster)):
            yield part
            part, width = "", 0
        part += cluster
        width += more
    if part:
        yield part


def _may_break(part: str, cluster: str) -> bool:
    """May a line end between these two, with no space between them?"""
    if not (UNSPACED.match(part[-1]) or UNSPACED.match(cluster)):
        return False
    return not (_CLOSING.match(cluster) or _OPENING.search(part))


def break_cost(before: Atom, after: Atom) -> int:
    """How bad it is to break between these two."""
    if _SENTENCE.search(before.text):
        return SENTENCE_END
    if _CLAUSE.search(before.text):
        return CLAUSE_END
    if not after.spaced:
        return WORD_END if UNSPACED.search(before.text[-1] + after.text[0]) else INSIDE
    return LITTLE_WORD_END if len(before.text) <= _LITTLE_LETTERS else WORD_END


def ends_of_cues(atoms: Sequence[Atom], start: int, *, room: int, label_columns: int) -> Iterator[int]:
    """Every `end` for which `atoms[start:end]` fit into one cue, behind a label of that width (0: none)."""
    lines, used = 1, label_columns
    for end in range(start, len(atoms)):
        atom = atoms[end]
        space = int(label_columns > 0 if end == start else atom.spaced)
        if used + space + atom.columns <= room:
            used += space + atom.columns
        else:
            lines, used = lines + 1, atom.columns
        if lines > MAX_LINES:
            return
        yield end + 1


def lines_of(atoms: Sequence[Atom], *, room: int, label: str = "") -> tuple[str, ...]:
    """The atoms of one cue as one line if they fit, else as two: well broken, and about as long as each other."""
    if label:
        atoms = [Atom(text=label, columns=columns(label), spaced=False), replace(atoms[0], spaced=True), *atoms[1:]]
    widths = [atom.columns + atom.spaced for atom in atoms]
    whole, upper = sum(widths) - atoms[0].spaced, -int(atoms[0].spaced)
    if whole <= room:
        return (_joined(atoms),)
    rated: list[tuple[float, int]] = []
    for cut in range(1, len(atoms)):
        upper += widths[cut - 1]
        lower = whole - upper - atoms[cut].spaced
        if upper <= room and lower <= room:
            uneven = 10 * abs(upper - lower) / room + (upper > lower)
            rated.append((break_cost(atoms[cut - 1], atoms[cut]) + uneven, cut))
    cut = min(rated)[1]
    return _joined(atoms[:cut]), _joined(atoms[cut:])


def _joined(atoms: Sequence[Atom]) -> str:
    return "".join(" " * (atom.spaced and position > 0) + atom.text for position, atom in enumerate(atoms))
