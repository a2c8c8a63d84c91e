"""Text that every store can keep; and the letters of scripts that set no blanks between words."""

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese, as the inside of a class of `re`."""


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL refuses, and with `?` for halves of characters, which UTF-8 has no form for.

    JSON can carry both as escapes. One such text in a group of rows would make the database refuse the whole group.
    """
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
