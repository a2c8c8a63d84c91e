"""Bad input from outside: one clear sentence, the right exit code, no traceback, nothing accepted or lost."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Shell
from tests.services.process import free_port


def sentences(err: str) -> list[str]:
    return [line for line in err.splitlines() if line.startswith("mediascribe: ")]


def test_a_missing_path_is_named_and_nothing_is_accepted(shell: Shell) -> None:
    photos = shell.pictures(1)
    ran = shell("run", photos, "photos/none.jpg")
    assert ran.code == 5
    assert sentences(ran.err) == ["mediascribe: photos/none.jpg does not exist; nothing was accepted"]
    assert shell("status", "--json").json["total"] == 0


def test_an_empty_folder_is_not_found(shell: Shell) -> None:
    (shell.folder / "empty").mkdir()
    ran = shell("run", "empty")
    assert ran.code == 5
    assert sentences(ran.err) == ["mediascribe: no picture or recording found in empty; nothing to do"]


def test_a_file_that_is_no_media_is_named(shell: Shell) -> None:
    (shell.folder / "notes.txt").write_text("words")
    ran = shell("run", "notes.txt")
    assert ran.code == 5
    assert "notes.txt" in ran.err


def test_a_recording_is_skipped_by_a_caption_run(shell: Shell) -> None:
    photos = shell.pictures(1)
    shell.recording("photos/talk.wav")
    ran = shell("run", photos, "--kind", "caption", "--json")
    assert (ran.code, ran.json["total"], ran.json["skipped"]) == (0, 1, 1)
    assert "not for --kind caption): talk.wav" in ran.err


def test_an_unknown_setting_is_named_with_the_nearest(shell: Shell) -> None:
    ran = shell("run", shell.pictures(1), MEDIASCRIBE_CONCURENCY="3")
    assert ran.code == 2
    assert "did you mean MEDIASCRIBE_CONCURRENCY" in ran.err


@pytest.mark.parametrize(
    ("name", "value"), [("MEDIASCRIBE_CONCURRENCY", "many"), ("MEDIASCRIBE_DATABASE_URL", "mysql://db/x")]
)
def test_a_setting_that_cannot_be_is_named(shell: Shell, name: str, value: str) -> None:
    ran = shell("run", shell.pictures(1), **{name: value})
    assert ran.code == 2
    assert len(sentences(ran.err)) == 1
    assert name in ran.err


@pytest.mark.parametrize("arguments", [["run"], ["run", "x", "--kind", "poem"], ["paint"], ["run", "x", "--speed"]])
def test_a_command_that_cannot_be_is_a_usage_error(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments).code == 2


@pytest.mark.parametrize("name", ["results.txt", "none/results.jsonl"])
def test_an_output_that_cannot_be_written_is_told_before_anything_is_paid(shell: Shell, name: str) -> None:
    before = len(shell.gemini.ledger())
    ran = shell("run", shell.pictures(1), "--out", name)
    assert ran.code == 2
    assert name in ran.err
    assert len(shell.gemini.ledger()) == before


def test_options_that_gemini_cannot_be_asked_for_are_refused(shell: Shell) -> None:
    ran = shell("run", shell.pictures(1), "--language", "not a language")
    assert ran.code == 2
    assert "language" in ran.err
    assert shell("status", "--json").json["total"] == 0


def test_a_database_that_is_down_means_try_again(shell: Shell) -> None:
    address = f"postgresql://user:secret@127.0.0.1:{free_port()}/none"
    ran = shell("run", shell.pictures(1), MEDIASCRIBE_DATABASE_URL=address)
    assert ran.code == 7
    assert len(sentences(ran.err)) == 1
    assert "secret" not in ran.err


def test_a_database_without_tables_means_upgrade(shell: Shell, postgres_url: str) -> None:
    photos = shell.pictures(1)
    ran = shell("run", photos, MEDIASCRIBE_DATABASE_URL=postgres_url)
    assert ran.code == 7
    assert "mediascribe db upgrade" in ran.err
    assert shell("db", "check", MEDIASCRIBE_DATABASE_URL=postgres_url).code == 7
    assert shell("db", "upgrade", MEDIASCRIBE_DATABASE_URL=postgres_url).code == 0
    assert shell("db", "check", MEDIASCRIBE_DATABASE_URL=postgres_url).code == 0
    assert shell("run", photos, MEDIASCRIBE_DATABASE_URL=postgres_url).code == 0


def test_a_broker_that_is_down_is_a_warning_and_the_jobs_are_stored(shell: Shell) -> None:
    broker = f"redis://127.0.0.1:{free_port()}/0"
    picture = shell.pictures(1) / "000.jpg"
    ran = shell("submit", picture, MEDIASCRIBE_BROKER_URL=broker)
    assert ran.code == 0, ran.err
    assert shell("jobs", "list", "--json").json["jobs"][0]["id"] == ran.out.strip()


def test_a_worker_without_a_broker_says_what_to_set(shell: Shell) -> None:
    ran = shell("worker")
    assert ran.code == 2
    assert "MEDIASCRIBE_BROKER_URL" in ran.err


def test_a_home_that_is_a_file_is_one_sentence(shell: Shell) -> None:
    home = Path(shell.folder / "taken")
    home.write_text("")
    ran = shell("run", shell.pictures(1), MEDIASCRIBE_HOME=str(home))
    assert ran.code != 0
    assert len(sentences(ran.err)) == 1
