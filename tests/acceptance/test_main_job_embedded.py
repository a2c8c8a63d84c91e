"""A person with a folder: run it, lose the process in the middle, run it again, pay once."""

from pathlib import Path

import pytest

from tests.acceptance.people import make_pictures, make_recordings, paid_calls, paid_questions, person, read_jsonl
from tests.services.embedded import eventually
from tests.services.simulator import simulator

PICTURES, RECORDINGS = 200, 5
ITEMS = PICTURES + RECORDINGS
IN_FLIGHT = 16


def test_a_killed_run_is_finished_by_the_same_command_and_no_paid_answer_is_lost(tmp_path: Path) -> None:
    make_pictures(tmp_path / "media", PICTURES)
    make_recordings(tmp_path / "media", RECORDINGS)
    with simulator(latency="0.1-0.3") as gemini:
        somebody = person(tmp_path, gemini, concurrency=str(IN_FLIGHT))
        first = somebody.starts("run", "media", "--out", "results.jsonl")
        try:
            eventually(lambda: gemini.summary()["paid"] >= ITEMS // 3, "a third of the answers")
        finally:
            first.kill()
            first.communicate()
        paid_at_kill = gemini.summary()["paid"]
        assert paid_at_kill < ITEMS

        again = somebody.runs("run", "media", "--out", "results.jsonl")
        assert again.returncode == 0, again.stderr
        results = read_jsonl(tmp_path / "results.jsonl")
        assert len(results) == ITEMS
        assert len({result["source"] for result in results}) == ITEMS
        assert {result["state"] for result in results} == {"succeeded"}
        assert all(result["output"] for result in results)
        ledger = gemini.ledger()
        assert len(paid_questions(ledger)) == ITEMS
        assert paid_calls(ledger) - ITEMS <= IN_FLIGHT, "paid twice beyond the calls in flight at the kill"

        calls_so_far = len(ledger)
        third = somebody.runs("run", "media", "--out", "third.jsonl")
        assert third.returncode == 0, third.stderr
        assert "nothing was paid" in third.stderr
        assert len(gemini.ledger()) == calls_so_far
        assert [r["id"] for r in read_jsonl(tmp_path / "third.jsonl")] == [r["id"] for r in results]


@pytest.mark.long
def test_the_same_bytes_under_another_name_are_not_paid_again(tmp_path: Path) -> None:
    (picture,) = make_pictures(tmp_path / "media", 1)
    with simulator() as gemini:
        somebody = person(tmp_path, gemini)
        somebody.runs("run", "media")
        (tmp_path / "copy.jpg").write_bytes(picture.read_bytes())
        second = somebody.runs("run", "copy.jpg", "--out", "copy.jsonl")
        assert second.returncode == 0, second.stderr
        assert gemini.summary()["calls"] == 1
    (result,) = read_jsonl(tmp_path / "copy.jsonl")
    assert result["reused_from"] is not None
    assert result["usage"]["calls"] == 0


@pytest.mark.long
def test_force_asks_anew(tmp_path: Path) -> None:
    make_pictures(tmp_path / "media", 2)
    with simulator() as gemini:
        somebody = person(tmp_path, gemini)
        somebody.runs("run", "media")
        forced = somebody.runs("run", "media", "--force")
        assert forced.returncode == 0, forced.stderr
        assert gemini.summary()["calls"] == 4


@pytest.mark.long
def test_one_bad_file_harms_no_other(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "media", 5)
    pictures[2].write_bytes(pictures[2].read_bytes()[:400])
    (tmp_path / "media" / "empty.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVE")
    with simulator() as gemini:
        done = person(tmp_path, gemini).runs("run", "media", "--out", "results.jsonl")
        assert gemini.summary()["calls"] == 4
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    failed = {Path(r["source"]).name: r["error"]["code"] for r in read_jsonl(tmp_path / "results.jsonl") if r["error"]}
    assert failed["picture-0002.jpg"] == "media_corrupt"
    assert set(failed) == {"picture-0002.jpg", "empty.wav"}
