"""What can be read, and what cannot, is told in one line."""

from worker.doctor_formats import format_words


def test_formats_are_listed_by_family_in_order() -> None:
    words = format_words({"pictures": {"PNG": True, "JPEG": True}, "recordings": {"WAV": True, "MP3": True}})
    assert (words.readable, words.missing) == ("pictures: JPEG, PNG; recordings: MP3, WAV", "")


def test_what_is_missing_is_named_with_what_to_do() -> None:
    words = format_words({"pictures": {"PNG": True, "HEIC": False}, "recordings": {"AMR": False}})
    assert words.readable == "pictures: PNG; recordings: none"
    assert words.missing == "cannot read HEIC, AMR; install the locked versions again (make venv)"
