"""Text that every store can keep."""


def storable(text: str) -> str:
    """The text without NUL, which PostgreSQL refuses, and with `?` for halves of characters, which UTF-8 has no form for.

    JSON can carry both as escapes. One such text in a group of rows would make the database refuse the whole group.
    """
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
