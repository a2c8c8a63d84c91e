"""The reference pages say what the code says."""

import pytest

from docs.generate import PAGES, REFERENCE, member_words
from docs.wording import COMPUTED_DEFAULTS, FAILURES, GOOGLE_VARIABLES
from models.failures import FailureCode, Nature
from worker.environment import GEMINI_NAMES
from worker.settings import Settings


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_would_be_written_now(name: str) -> None:
    assert (REFERENCE / name).read_text() == PAGES[name](), "run: .venv/bin/python docs/generate.py"


def test_every_failure_code_says_what_happened_and_what_to_do() -> None:
    assert set(FAILURES) == set(FailureCode)
    assert all(words.endswith(".") for pair in FAILURES.values() for words in pair)


def test_every_nature_is_explained() -> None:
    words = member_words(Nature)
    assert set(words) == {str(nature) for nature in Nature}
    assert all(words.values())


def test_the_tables_of_settings_name_what_there_is() -> None:
    assert set(GOOGLE_VARIABLES) == set(GEMINI_NAMES)
    computed = {name for name, field in Settings.model_fields.items() if field.default_factory is not None}
    assert set(COMPUTED_DEFAULTS) == computed


def test_every_setting_has_a_meaning() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]
