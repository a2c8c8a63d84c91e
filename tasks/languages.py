"""Is an answer in the language that was asked for? Told from what it declares and from the letters it is written in.

No language is guessed from words: that goes wrong on the short texts that captions are. A script cannot be mistaken.
"""

import re
from collections.abc import Mapping

import regex

from media.language_codes import shortest_code

LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
"""What a BCP 47 tag looks like."""

_TAG = re.compile(LANGUAGE_TAG)
_UNKNOWN = frozenset({"und", "zxx", "mul", "mis"})
_SAME_AS = {"no": "nb", "cmn": "zh", "tl": "fil"}
"""What models call by either name: Norwegian, Mandarin, Tagalog."""
_LETTERS: Mapping[str, str] = {
    script: letters
    for scripts, letters in (
        ("Latn", r"\p{Latin}"),
        ("Jpan ja", r"\p{Hiragana}\p{Katakana}\p{Han}"),
        ("Hans Hant Hani zh", r"\p{Han}"),
        ("Kore Hang ko", r"\p{Hangul}"),
        ("Arab ar fa ur ps", r"\p{Arabic}"),
        ("Hebr he yi", r"\p{Hebrew}"),
        ("Cyrl ru uk be bg mk", r"\p{Cyrillic}"),
        ("Grek el", r"\p{Greek}"),
        ("Deva hi mr ne", r"\p{Devanagari}"),
        ("Thai th", r"\p{Thai}"),
        ("Beng bn", r"\p{Bengali}"),
        ("Taml ta", r"\p{Tamil}"),
        ("Telu te", r"\p{Telugu}"),
        ("Knda kn", r"\p{Kannada}"),
        ("Mlym ml", r"\p{Malayalam}"),
        ("Gujr gu", r"\p{Gujarati}"),
        ("Sinh si", r"\p{Sinhala}"),
        ("Geor ka", r"\p{Georgian}"),
        ("Armn hy", r"\p{Armenian}"),
        ("Ethi am ti", r"\p{Ethiopic}"),
        ("Khmr km", r"\p{Khmer}"),
        ("Laoo lo", r"\p{Lao}"),
        ("Mymr my", r"\p{Myanmar}"),
        ("en de fr es it pt nl sv da nb nn fi et lv lt is ga pl cs sk sl hr hu ro tr vi id ms ca eu gl", r"\p{Latin}"),
    )
    for script in scripts.split()
}
"""Of a script, or a language that is written in one only, its letters as a class of `regex`."""
_SCRIPT_CHARS, _REGION_CHARS = 4, 2
_LEAST_SHARE = 0.1
"""Less than this of the letters in the script asked for, and the text is in another language; names of brands are not."""


def language_tag(said: str) -> str:
    """What an answer calls its language as a BCP 47 tag in its usual case, `pt-BR`; empty where it is none."""
    bare = said.strip().replace("_", "-")
    if not _TAG.fullmatch(bare):
        return ""
    primary, *others = bare.lower().split("-")
    return "" if primary in _UNKNOWN else "-".join((_one_name(primary), *map(_cased, others)))


def is_in_language(asked: str, declared: str, text: str) -> bool:
    """May a text that declares this language (or none, empty) be what was asked for?"""
    wanted, said = (language_tag(tag).partition("-")[0] for tag in (asked, declared))
    return (not said or len(said) != len(wanted) or said == wanted) and _is_written_in(language_tag(asked), text)


def _is_written_in(tag: str, text: str) -> bool:
    primary, *others = tag.split("-")
    script = next((part for part in others if len(part) == _SCRIPT_CHARS and part.isalpha()), primary)
    letters, found = _LETTERS.get(script), len(regex.findall(r"\p{L}", text))
    if letters is None or found == 0:
        return True
    return len(regex.findall(rf"[{letters}]", text)) >= _LEAST_SHARE * found


def _one_name(primary: str) -> str:
    """BCP 47 wants the shortest code of a language."""
    code = shortest_code(primary)
    return _SAME_AS.get(code, code)


def _cased(part: str) -> str:
    if len(part) == _SCRIPT_CHARS and part.isalpha():
        return part.title()
    return part.upper() if len(part) == _REGION_CHARS else part
