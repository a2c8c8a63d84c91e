"""A dry run knows what would cost nothing: what is answered already, and what is equal to another file."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.answered import to_ask
from cli.estimate import estimate, estimate_lines
from cli.files import find_media
from models.moves import Record, succeeded
from models.store.record import record
from tasks.base import hash_question, read_options
from tasks.registry import find_kind
from tests.contracts.jobs import claim_one
from tests.services.databases import migrated
from worker.settings import Settings

MODEL = "gemini-3.8-flash"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three pictures, one of them twice; the first has been answered."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        Image.new("RGB", (64 + number, 48)).save(photos / f"{number}.png")
    (photos / "copy.png").write_bytes((photos / "2.png").read_bytes())
    database = migrated(f"sqlite:///{tmp_path}/mediascribe.db")
    kind = find_kind("caption")
    asked = hash_question(
        kind, read_options(kind, {}), model=MODEL, media_sha256=sha256(photos / "0.png")
    )  # fmt: skip
    done = succeeded({"caption": "a"}, question_hash=asked, model_version=MODEL)
    record(database, [Record(job=claim_one(database), ending=done)])
    database.close()
    return tmp_path


def settings(**given: Any) -> Settings:
    return Settings(**given)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_answered_and_what_is_alike_is_not_asked(home: Path) -> None:
    media = find_media([str(home / "photos")]).media
    left = to_ask(media, settings(home=home), model=MODEL, options={})
    assert [Path(file.path).name for file in left.media] == ["1.png", "2.png"]
    assert (left.answered, left.alike) == (1, 1)
    made = estimate(media, settings(home=home), model=MODEL, asked=left)
    assert (made.by_kind, made.calls) == ({"caption": 4}, 2)
    words = "\n".join(estimate_lines(made))
    assert "1 are answered already" in words
    assert "1 are equal to others" in words


def test_another_question_is_not_answered(home: Path) -> None:
    media = find_media([str(home / "photos" / "0.png")]).media
    for model, options in (("gemini-2.5-pro", {}), (MODEL, {"language": "de"})):
        assert to_ask(media, settings(home=home), model=model, options=options).media == media


def test_without_a_database_and_with_files_that_are_gone_everything_is_to_be_asked(home: Path) -> None:
    media = find_media([str(home / "photos")]).media
    for path in (home / "photos").iterdir():
        path.unlink()
    left = to_ask(media, settings(home=home / "elsewhere"), model=MODEL, options={})
    assert (left.media, left.answered, left.alike) == (media, 0, 0)
    assert not (home / "elsewhere").exists()
