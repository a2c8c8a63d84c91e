"""Descriptions as people want to read them: bare words, and no longer than asked.

What is counted are the characters that a reader sees (grapheme clusters, Unicode Annex 29): a flag or a family is
one, and none is ever cut in two.
"""
# ruff: noqa: RUF001 - preambles come in many alphabets

import re
import unicodedata

import regex

from tasks.base import clean_text

ELLIPSIS = "…"

_LOOSE = " \t\n\r,;:.-\u2013\u2014"
_MARKS = (
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
    (re.compile(r"\[([^\[\]\n]+)\]\([^()\s]+\)"), r"\1"),
    (re.compile(r"^[ \t]*(?:#{1,6}|[-*>])[ \t]+", re.MULTILINE), ""),
)
"""Markdown and what is left of it: bold, emphasis, code, links; headings, list items and quotations."""
_LABEL = re.compile(r"^(?:caption|alt[ -]?text)\s*:\s*", re.IGNORECASE)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("„", "“"), ("„", "”"), ("‘", "’"), ("«", "»"), ("»", "«"), ("「", "」"))
_PREAMBLES = (
    (
        r"(?:this|the)\s+(?:image|picture|photo|photograph)\s+"
        r"(?:(?:appears\s+to\s+)?(?:shows?|depicts?|displays?|features?|contains?|portrays?)|is\s+of)"
    ),
    r"this\s+is\s+an?\s+(?:image|picture|photo|photograph)\s+(?:of|showing|that\s+shows)",
    r"in\s+this\s+(?:image|picture|photo|photograph),?\s+(?:there\s+(?:is|are)|(?:we|you)\s+(?:can\s+)?see)",
    r"(?:das|dieses)\s+(?:bild|foto)\s+(?:zeigt|stellt)",
    r"die(?:se)?\s+(?:abbildung|aufnahme|grafik)\s+zeigt",
    r"auf\s+(?:dem|diesem)\s+(?:bild|foto)\s+(?:sieht\s+man|sehen\s+wir)",
    r"(?:cette|l[’'])\s?(?:image|photo|photographie)\s+(?:montre|présente|représente)",
    r"la\s+photo\s+(?:montre|présente|représente)",
    r"sur\s+cette\s+(?:image|photo),?\s+on\s+(?:peut\s+)?voi[rt]",
    r"(?:esta|la)\s+(?:imagen|foto|fotografía)\s+(?:muestra|presenta|representa)",
    r"en\s+(?:esta|la)\s+(?:imagen|foto),?\s+se\s+(?:ve|ven|puede\s+ver)",
    r"(?:questa|la|l[’'])\s?(?:immagine|foto|fotografia)\s+(?:mostra|presenta|raffigura|ritrae)",
    r"(?:esta|a)\s+(?:imagem|foto|fotografia)\s+(?:mostra|apresenta|retrata)",
    r"(?:deze|de)\s+(?:afbeelding|foto)\s+toont",
    r"(?:ten|to|na\s+tym)?\s*(?:obraz|zdjęcie)\s+(?:przedstawia|pokazuje)",
    r"(?:bilden|fotot|den\s+här\s+bilden)\s+visar",
    r"(?:dette\s+)?(?:billedet?|bildet?)\s+viser",
    r"(?:tento\s+)?obrázek\s+(?:zobrazuje|ukazuje)",
    r"на\s+(?:этом\s+)?(?:изображении|фото|фотографии|снимке)\s+(?:показан[аоы]?|изображ[её]н[аоы]?|видн[аоы])",
    r"(?:это\s+)?изображение\s+показывает",
    r"на\s+(?:цьому\s+)?(?:зображенні|фото)\s+(?:показано|зображено|видно)",
)
_PREAMBLE = re.compile(rf"^(?:{'|'.join(_PREAMBLES)})(?:\s*[:,]\s*|\s+)(?=\S)", re.IGNORECASE)
_CHINESE_PREAMBLE = re.compile(
    r"^(?:这|這)[张張幅]?(?:图片|圖片|图像|圖像|照片)(?:中)?(?:显示|顯示|展示)(?:了|的是)?[:：,，]?\s*(?=\S)"
)


def tidied(text: str) -> str:
    """A description as bare words: no Markdown, no label, no quotation marks around it, no "This image shows"."""
    text = unicodedata.normalize("NFC", clean_text(text))
    for mark, kept in _MARKS:
        text = mark.sub(kept, text)
    return _without_preamble(_unquoted(_LABEL.sub("", text.strip())))


def shorten(text: str, max_chars: int) -> str:
    """The text, cut at a word so that it has at most `max_chars` characters; an ellipsis, counted, marks the cut.

    A word is only cut where it alone is too long.
    """
    characters = regex.findall(r"\X", text)
    if len(characters) <= max_chars:
        return text
    room = "".join(characters[: max_chars - 1])
    return text[: _word_end(text, len(room))].rstrip(_LOOSE) + ELLIPSIS


def tidy_tags(tags: list[str], max_tags: int) -> list[str]:
    """Lower-case keywords without `#`, in the order given, none twice whatever its case, no more than asked."""
    tidy = (" ".join(_unquoted(unicodedata.normalize("NFC", clean_text(tag))).lstrip("#").split()) for tag in tags)
    distinct = {tag.casefold(): unicodedata.normalize("NFC", tag.lower()) for tag in reversed([*tidy]) if tag}
    return list(reversed(distinct.values()))[:max_tags]


def _word_end(text: str, most: int) -> int:
    """The last place up to `most` at which no word is cut; `most` where there is none.

    A blank, if that keeps half; a boundary of words as Unicode finds it else, for the languages that write no blanks.
    """
    if text[most].isspace():
        return most
    blank = max((found.start() for found in re.finditer(r"\s+", text[:most])), default=0)
    if blank * 2 >= most:
        return blank
    # a boundary depends on little of what follows, so that a book need not be read for the end of a line
    boundaries = [found.start() for found in regex.finditer(r"(?w)\b", text[: most + 100]) if found.start() <= most]
    return max((blank, *boundaries)) or most


def _unquoted(text: str) -> str:
    inner = text[1:-1].strip()
    for opening, closing in _QUOTES:
        if (
            inner
            and text.startswith(opening)
            and text.endswith(closing)
            and opening not in inner
            and closing not in inner
        ):
            return inner
    return text


def _without_preamble(text: str) -> str:
    bare = _CHINESE_PREAMBLE.sub("", _PREAMBLE.sub("", text))
    return text if bare == text else bare[:1].upper() + bare[1:]
